//! The output of `cairn chain inspect`.

use cairn_chain_metadata::{
    AnchorSource, Capability, CapabilitySupport, ChallengeLayout, Description, Features,
    LeafBinding, Payload, Support, Variant,
};
use cairn_primitives::onchain::{Limits, PayloadFormat};
use serde::Serialize;
use std::fmt;

/// A chain, its runtime, and what of it Cairn supports.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) chain: Option<String>,
    pub(super) name: Option<String>,
    pub(super) genesis: Option<String>,
    pub(super) finalized: Option<u32>,
    pub(super) anchor: Option<u32>,
    pub(super) limits: Option<LimitsReport>,
    /// The questions that the chain did not answer, with its reasons.
    pub(super) unread: Vec<String>,
    can_run: bool,
    runtime: Description,
}

/// The limits as of the finalized block.
#[derive(Debug, Serialize)]
pub(super) struct LimitsReport {
    chunk_bytes: u32,
    primary_providers: u32,
    challenges_per_deadline: Option<u32>,
    challenge_period: u32,
    max_nonce_age: Option<u32>,
}

impl From<Limits> for LimitsReport {
    fn from(limits: Limits) -> Self {
        Self {
            chunk_bytes: limits.chunk_bytes,
            primary_providers: limits.primary_providers,
            challenges_per_deadline: match limits.challenges_per_deadline {
                u32::MAX => None,
                most => Some(most),
            },
            challenge_period: limits.challenge_period,
            max_nonce_age: match limits.payload {
                PayloadFormat::V2 { max_age } => Some(max_age),
                PayloadFormat::V1 | PayloadFormat::Unknown => None,
            },
        }
    }
}

impl Report {
    /// Creates a report of a runtime, without a chain.
    pub(super) fn of_runtime(runtime: Description) -> Self {
        Self {
            chain: None,
            name: None,
            genesis: None,
            finalized: None,
            anchor: None,
            limits: None,
            unread: Vec::new(),
            can_run: runtime.missing().is_empty(),
            runtime,
        }
    }

    /// Returns why no provider can run on this chain, if none can.
    pub(super) fn verdict(&self) -> Result<(), String> {
        if let Some(unread) = self.unread.first() {
            return Err(format!("this chain cannot be followed: {unread}"));
        }
        let missing = self.runtime.missing();
        let names: Vec<String> = missing
            .iter()
            .map(|one| one.capability.to_string())
            .collect();
        match names.is_empty() {
            true => Ok(()),
            false => Err(format!(
                "no provider can run on this chain, since Cairn cannot {}",
                names.join(", ")
            )),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(chain) = &self.chain {
            let name = self.name.as_deref().unwrap_or("without a name");
            writeln!(f, "chain         {chain} ({name})")?;
        }
        if let Some(genesis) = &self.genesis {
            writeln!(f, "genesis       {genesis}")?;
        }
        if let Some(block) = self.finalized {
            let anchor = self
                .anchor
                .map_or_else(|| "unknown".to_owned(), |anchor| anchor.to_string());
            writeln!(f, "finalized     block {block}, anchor block {anchor}")?;
        }
        let runtime = &self.runtime;
        writeln!(
            f,
            "runtime       {}, version {}, extrinsics of version {}",
            runtime.spec_name, runtime.spec_version, runtime.transaction_version
        )?;
        match (&runtime.features, runtime.variant) {
            (Some(features), Some(variant)) => write_features(f, features, variant)?,
            _ => writeln!(f, "variant       none: there is no storage pallet")?,
        }
        writeln!(
            f,
            "extrinsics    valid for {} blocks; extensions: {}",
            runtime.extrinsic_lifetime,
            runtime.extensions.join(", ")
        )?;
        if let Some(limits) = &self.limits {
            write_limits(f, limits)?;
        }
        for one in &runtime.capabilities {
            write_capability(f, one)?;
        }
        for unread in &self.unread {
            writeln!(f, "NOT READ      {unread}")?;
        }
        match self.verdict() {
            Ok(()) => write!(f, "verdict       a provider can run on this chain"),
            Err(why) => write!(f, "verdict       {why}"),
        }
    }
}

fn write_features(
    f: &mut fmt::Formatter<'_>,
    features: &Features,
    variant: Variant,
) -> fmt::Result {
    let variant = match variant {
        Variant::Deployed => "deployed",
        Variant::Nonce => "nonce era",
        Variant::Current => "current",
        Variant::LeafBinding => "leaf binding",
        Variant::Other => "another one: see the capabilities",
    };
    writeln!(f, "variant       {variant}")?;
    let layout = match features.challenges {
        ChallengeLayout::ListPerDeadline => "a list for each deadline, so that indices shift",
        ChallengeLayout::RowPerChallenge => "a row for each",
    };
    let binding = match features.leaf_binding {
        LeafBinding::Unbound => "without leaf counts",
        LeafBinding::LeafCount => "with leaf counts",
        LeafBinding::Commitment => "with the whole commitment",
    };
    writeln!(f, "challenges    {layout}; {binding}")?;
    let wrong = match features.wrong_answers_slash {
        true => "slashed",
        false => "refused, at the cost of the fee",
    };
    writeln!(f, "wrong answers {wrong}")?;
    let payload = match features.payload {
        Payload::V1 => "version 1",
        Payload::V2 => "version 2, with a nonce",
        Payload::Unknown => "unknown",
    };
    writeln!(f, "commitments   {payload}")?;
    let anchor = match features.anchor {
        AnchorSource::RuntimeApi => "told by the runtime",
        AnchorSource::State => "read from the state, by the values of rows",
    };
    writeln!(f, "anchor        {anchor}")?;
    let dry_run = match features.dry_run_arguments {
        Some(arguments) => format!("offered, with {arguments} arguments"),
        None => "not offered".to_owned(),
    };
    writeln!(f, "dry run       {dry_run}")
}

fn write_limits(f: &mut fmt::Formatter<'_>, limits: &LimitsReport) -> fmt::Result {
    let per_deadline = limits.challenges_per_deadline.map_or_else(
        || "without a bound".to_owned(),
        |most| format!("at most {most}"),
    );
    writeln!(
        f,
        "limits        answers due within {} anchor blocks, {per_deadline} at one; chunks of {} \
         bytes; {} primary providers",
        limits.challenge_period, limits.chunk_bytes, limits.primary_providers
    )?;
    match limits.max_nonce_age {
        Some(age) => writeln!(f, "nonces        at most {age} anchor blocks old"),
        None => Ok(()),
    }
}

fn write_capability(f: &mut fmt::Formatter<'_>, one: &CapabilitySupport) -> fmt::Result {
    let name: Capability = one.capability;
    let needed = match one.is_needed {
        true => " (needed)",
        false => "",
    };
    match &one.support {
        Support::Supported => writeln!(f, "supported     {name}"),
        Support::NotOffered(why) => writeln!(f, "not offered   {name}{needed}: {why}"),
        Support::Refused(why) => writeln!(f, "refused       {name}{needed}: {why}"),
    }
}
