//! The record of a call that may still be executed, on disk, so that a second run of a
//! command submits nothing twice.
//!
//! A call is recorded before it is submitted, and forgotten when a finalized block shows what
//! became of it. An extrinsic of Cairn's is mortal: once [`LIFETIME_BLOCKS`] have passed it
//! can no longer be included, by anybody who kept it.
//!
//! ```text
//! cairn-call 1
//! genesis 0x..     the chain
//! account 0x..     the account
//! block 1234       the best block before it was submitted
//! call add_stake   its name, for people
//! effect 0x..      the state after it, SCALE
//! ```

use crate::describe::call_name;
use crate::effect::Effect;
use cairn_chain::ProviderCall;
use cairn_fs::{FileError, replace_atomically};
use cairn_primitives::H256;
use cairn_primitives::challenge::AccountId;
use codec::{DecodeAll, Encode};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// The number of blocks after which an extrinsic can no longer be included: the longest
/// lifetime that Cairn's clients give one.
pub const LIFETIME_BLOCKS: u32 = 256;
/// The first line of the file.
const HEADER: &str = "cairn-call 1";
/// The longest file, in bytes. The longest effect is a multiaddr.
const MAX_BYTES: u64 = 16_384;

/// A call that was submitted, or was about to be, and may still be executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingCall {
    /// Its name on chain.
    pub name: String,
    /// The state after it.
    pub effect: Effect,
    /// The best block's number before it was submitted.
    pub block: u32,
}

impl PendingCall {
    /// Creates the record of a call that is about to be submitted.
    pub fn new(call: &ProviderCall, effect: Effect, block: u32) -> Self {
        Self {
            name: call_name(call).to_owned(),
            effect,
            block,
        }
    }

    /// Returns the last block that may include it.
    pub const fn last_block(&self) -> u32 {
        self.block.saturating_add(LIFETIME_BLOCKS)
    }
}

/// An error of the record.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not one that this version writes. It may stand for a call that is still
    /// executed, so nothing is submitted.
    #[error("{path} is not a record of a call ({reason})")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// Another process works with it.
    #[error("another command is submitting for this account: {path} is locked")]
    Locked {
        /// The lock's file.
        path: PathBuf,
    },
}

/// The record of an account's pending call on one chain, in a folder.
///
/// It is locked for as long as it exists: two commands at once would not see each other's
/// calls.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    genesis: H256,
    account: AccountId,
    /// Unlocked when it is closed.
    _lock: File,
}

impl Journal {
    /// Opens the record of an account on a chain, in a folder that exists, and locks it.
    ///
    /// # Errors
    ///
    /// [`JournalError::Locked`], or [`JournalError::File`].
    pub fn open(folder: &Path, genesis: H256, account: AccountId) -> Result<Self, JournalError> {
        let name = |bytes: &[u8]| hex::encode(bytes.get(..8).unwrap_or(bytes));
        let file = format!(
            "pending-call-{}-{}",
            name(genesis.as_bytes()),
            name(&account.0)
        );
        let lock_path = folder.join(format!("{file}.lock"));
        let fault = |source| FileError::wrap("lock", &lock_path)(source);
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(fault)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(JournalError::Locked { path: lock_path });
            }
            Err(std::fs::TryLockError::Error(source)) => return Err(fault(source).into()),
        }
        Ok(Self {
            path: folder.join(file),
            genesis,
            account,
            _lock: lock,
        })
    }

    /// Returns the call that may still be executed.
    ///
    /// # Errors
    ///
    /// [`JournalError::Unreadable`] if there is a record that cannot be read.
    pub fn pending(&self) -> Result<Option<PendingCall>, JournalError> {
        let fault = |source| FileError::wrap("read", &self.path)(source);
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(fault(source).into()),
        };
        let mut text = String::new();
        let read = file.take(MAX_BYTES).read_to_string(&mut text);
        let parsed = match read {
            Ok(_) => self.parse(&text),
            Err(error) if error.kind() == ErrorKind::InvalidData => Err(error.to_string()),
            Err(source) => return Err(fault(source).into()),
        };
        parsed.map(Some).map_err(|reason| JournalError::Unreadable {
            path: self.path.clone(),
            reason,
        })
    }

    /// Records a call, durably.
    ///
    /// # Errors
    ///
    /// [`JournalError::File`]: it must not be submitted.
    pub fn record(&self, call: &PendingCall) -> Result<(), JournalError> {
        let text = self.format(call);
        replace_atomically(&self.path, |file| file.write_all(text.as_bytes()))
            .map_err(FileError::wrap("write", &self.path))?;
        Ok(())
    }

    /// Forgets the call: a finalized block shows what became of it.
    ///
    /// # Errors
    ///
    /// [`JournalError::File`].
    pub fn clear(&self) -> Result<(), JournalError> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(FileError::wrap("remove", &self.path)(error).into())
            }
            _ => Ok(()),
        }
    }

    fn format(&self, call: &PendingCall) -> String {
        format!(
            "{HEADER}\ngenesis 0x{}\naccount 0x{}\nblock {}\ncall {}\neffect 0x{}\n",
            hex::encode(self.genesis),
            hex::encode(self.account.0),
            call.block,
            call.name,
            hex::encode(call.effect.encode())
        )
    }

    fn parse(&self, text: &str) -> Result<PendingCall, String> {
        let mut lines = text.lines();
        if lines.next() != Some(HEADER) {
            return Err(format!("its first line is not {HEADER:?}"));
        }
        let mut field = |name: &str| {
            let line = lines.next().unwrap_or_default();
            let value = line
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix(' '));
            value
                .map(str::to_owned)
                .ok_or_else(|| format!("its line {name:?} is missing"))
        };
        let genesis = field("genesis")?;
        let account = field("account")?;
        if genesis != format!("0x{}", hex::encode(self.genesis))
            || account != format!("0x{}", hex::encode(self.account.0))
        {
            return Err("it is another chain's or account's".to_owned());
        }
        let block = field("block")?;
        let block = block.parse().map_err(|_| "its block is not a number")?;
        let name = field("call")?;
        let effect = field("effect")?;
        let effect = effect
            .strip_prefix("0x")
            .and_then(|hex| hex::decode(hex).ok());
        let effect = effect.and_then(|bytes| Effect::decode_all(&mut bytes.as_slice()).ok());
        Ok(PendingCall {
            name,
            effect: effect.ok_or("its effect cannot be decoded")?,
            block,
        })
    }
}
