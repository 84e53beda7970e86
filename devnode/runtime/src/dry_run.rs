//! The runtime API that executes a call without keeping what it changes.
//!
//! The chain implements that of the crate `xcm-runtime-apis`, whose license does not fit here.
//! This one has its name, its method, and equal encodings, as far as no cross-chain messages
//! are sent: there are none on this chain.

#![allow(
    clippy::cast_possible_truncation,
    reason = "in what derived codecs do: the index of a variant is below 256"
)]

use alloc::vec::Vec;
use codec::{Decode, Encode};
use frame_support::dispatch::DispatchResultWithPostInfo;
use scale_info::TypeInfo;

/// Declares an enum of something in the versions of the messages between chains. There are no
/// such messages here, so what they hold is left out; but a client reads from the metadata
/// which versions there are.
macro_rules! versioned {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
        pub enum $name {
            /// Version 3.
            #[codec(index = 3)]
            V3(Vec<u8>),
            /// Version 4.
            #[codec(index = 4)]
            V4(Vec<u8>),
            /// Version 5.
            #[codec(index = 5)]
            V5(Vec<u8>),
        }
    };
}

versioned! {
    /// A message.
    VersionedXcm
}
versioned! {
    /// The destination of a message.
    VersionedLocation
}

/// The effects that a call would have.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub struct CallDryRunEffects<Event> {
    /// Its result.
    pub execution_result: DispatchResultWithPostInfo,
    /// Its events.
    pub emitted_events: Vec<Event>,
    /// A message that it would execute: none.
    pub local_xcm: Option<VersionedXcm>,
    /// Messages that it would send, by their destinations: none.
    pub forwarded_xcms: Vec<(VersionedLocation, Vec<VersionedXcm>)>,
}

/// A reason for which a call was not tried. It never occurs here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, TypeInfo)]
pub enum Error {
    /// The method is not there.
    Unimplemented,
    /// A message cannot be told in the asked version.
    VersionedConversionFailed,
}

// The older version does not ask for the version of the messages.
#[cfg(deployed)]
sp_api::decl_runtime_apis! {
    /// Executes calls without keeping what they change.
    pub trait DryRunApi<Call, Event, OriginCaller>
    where
        Call: Encode,
        Event: Decode,
        OriginCaller: Encode,
    {
        /// Executes a call.
        fn dry_run_call(
            origin: OriginCaller,
            call: Call
        ) -> Result<CallDryRunEffects<Event>, Error>;
    }
}

#[cfg(not(deployed))]
sp_api::decl_runtime_apis! {
    /// Executes calls without keeping what they change.
    #[api_version(2)]
    pub trait DryRunApi<Call, Event, OriginCaller>
    where
        Call: Encode,
        Event: Decode,
        OriginCaller: Encode,
    {
        /// Executes a call.
        fn dry_run_call(
            origin: OriginCaller,
            call: Call,
            result_xcms_version: u32
        ) -> Result<CallDryRunEffects<Event>, Error>;
    }
}
