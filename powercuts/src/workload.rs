//! The protocol of the workload process: the lines that it prints, its steps, and its content.

use cairn_primitives::{BucketId, Commitment, H256, LeafCount, Sequence};
use cairn_provider::{BudgetRequest, OnCopy, ProviderOptions};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fmt;
use std::str::FromStr;

/// Returns the options of a provider with a few small buckets.
pub fn options() -> ProviderOptions {
    ProviderOptions {
        budget: BudgetRequest {
            max_open: Some(4),
            memory_bytes: Some(64 << 20),
            ..BudgetRequest::default()
        },
        // The surviving files are assembled in another folder.
        on_copy: OnCopy::Accept,
        ..ProviderOptions::default()
    }
}

/// A line that the workload prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The provider's key exists.
    Key,
    /// An empty bucket is about to be created under a free id.
    Creating(BucketId),
    /// A bucket was created.
    Created(BucketId),
    /// A commitment was signed.
    Signed(BucketId, Commitment),
    /// A commitment is durable.
    Committed(BucketId, Commitment),
    /// A commitment was signed for a window.
    Window(BucketId, u64, Commitment),
    /// A bucket was pruned; its current tree starts here.
    Pruned(BucketId, Sequence),
    /// A tree is about to be released; its signed roots need not be proven any more.
    Releasing(BucketId, Sequence),
    /// A tree was released.
    Released(BucketId, Sequence),
    /// An export was completed, with its name.
    Exported(BucketId, String),
    /// A bucket is about to be deleted; nothing of it need be proven any more.
    Deleting(BucketId),
    /// A bucket was deleted.
    Deleted(BucketId),
    /// An export is about to be imported.
    Importing(BucketId, String),
    /// A bucket was imported, as it was exported.
    Imported(BucketId, String),
    /// The provider's nonce was stored.
    Nonce(u64),
    /// A step has begun, with its number.
    Began(u64),
    /// The step failed.
    Failed(u64),
    /// All steps are done.
    Done,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |commitment: &Commitment| {
            let root = hex::encode(commitment.mmr_root);
            format!(
                "{root} {} {}",
                commitment.start_seq.0,
                commitment.leaf_count.get()
            )
        };
        match self {
            Self::Key => write!(f, "key"),
            Self::Creating(id) => write!(f, "creating {}", id.0),
            Self::Created(id) => write!(f, "created {}", id.0),
            Self::Signed(id, commitment) => write!(f, "signed {} {}", id.0, of(commitment)),
            Self::Committed(id, commitment) => write!(f, "committed {} {}", id.0, of(commitment)),
            Self::Window(id, window, commitment) => {
                write!(f, "window {} {window} {}", id.0, of(commitment))
            }
            Self::Pruned(id, tree) => write!(f, "pruned {} {}", id.0, tree.0),
            Self::Releasing(id, tree) => write!(f, "releasing {} {}", id.0, tree.0),
            Self::Released(id, tree) => write!(f, "released {} {}", id.0, tree.0),
            Self::Exported(id, name) => write!(f, "exported {} {name}", id.0),
            Self::Deleting(id) => write!(f, "deleting {}", id.0),
            Self::Deleted(id) => write!(f, "deleted {}", id.0),
            Self::Importing(id, name) => write!(f, "importing {} {name}", id.0),
            Self::Imported(id, name) => write!(f, "imported {} {name}", id.0),
            Self::Nonce(nonce) => write!(f, "nonce {nonce}"),
            Self::Began(number) => write!(f, "began {number}"),
            Self::Failed(number) => write!(f, "failed {number}"),
            Self::Done => write!(f, "done"),
        }
    }
}

/// An unknown line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownLine(pub String);

impl FromStr for Report {
    type Err = UnknownLine;

    fn from_str(line: &str) -> Result<Self, UnknownLine> {
        let words: Vec<_> = line.split(' ').collect();
        let number = |word: &str| word.parse::<u64>().ok();
        let read = || {
            let id = words.get(1).and_then(|word| number(word)).map(BucketId);
            Some(match words[..] {
                ["key"] => Self::Key,
                ["done"] => Self::Done,
                ["began", step] => Self::Began(number(step)?),
                ["failed", step] => Self::Failed(number(step)?),
                ["nonce", nonce] => Self::Nonce(number(nonce)?),
                ["creating", _] => Self::Creating(id?),
                ["created", _] => Self::Created(id?),
                ["deleting", _] => Self::Deleting(id?),
                ["deleted", _] => Self::Deleted(id?),
                ["signed", _, root, tree, count] => {
                    Self::Signed(id?, commitment(root, tree, count)?)
                }
                ["committed", _, root, tree, count] => {
                    Self::Committed(id?, commitment(root, tree, count)?)
                }
                ["window", _, window, root, tree, count] => {
                    Self::Window(id?, number(window)?, commitment(root, tree, count)?)
                }
                ["pruned", _, tree] => Self::Pruned(id?, Sequence(number(tree)?)),
                ["releasing", _, tree] => Self::Releasing(id?, Sequence(number(tree)?)),
                ["released", _, tree] => Self::Released(id?, Sequence(number(tree)?)),
                ["exported", _, name] => Self::Exported(id?, name.into()),
                ["importing", _, name] => Self::Importing(id?, name.into()),
                ["imported", _, name] => Self::Imported(id?, name.into()),
                _ => return None,
            })
        };
        read().ok_or_else(|| UnknownLine(line.into()))
    }
}

fn commitment(root: &str, tree: &str, count: &str) -> Option<Commitment> {
    Some(Commitment {
        mmr_root: H256(hex::decode(root).ok()?.try_into().ok()?),
        start_seq: Sequence(tree.parse().ok()?),
        leaf_count: LeafCount::new(count.parse().ok()?)?,
    })
}

/// A step of the workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Create a bucket unless it exists.
    Create(BucketId),
    /// Store contents, commit them and sign.
    Sign(BucketId),
    /// Store contents and commit them durably.
    Commit(BucketId),
    /// Store contents and commit them, not durably.
    CommitBuffered(BucketId),
    /// Store contents.
    Upload(BucketId),
    /// Store content whose reader fails at its end.
    FailUpload(BucketId),
    /// Sign the newest commitment if it was signed before.
    SignAgain(BucketId),
    /// Sign the newest commitment for a checkpoint window.
    Window(BucketId),
    /// Prune some leaves.
    Prune(BucketId),
    /// Release the oldest retired tree.
    Release(BucketId),
    /// Export.
    Export(BucketId),
    /// Export, delete and import.
    Reimport(BucketId),
    /// Delete.
    Delete(BucketId),
    /// Advance the provider's nonce.
    Nonce,
    /// Write the index.
    WriteIndex,
}

type OfBucket = fn(BucketId) -> Step;

const STEP_NAMES: [(&str, OfBucket); 13] = [
    ("create", Step::Create),
    ("sign", Step::Sign),
    ("commit", Step::Commit),
    ("buffer", Step::CommitBuffered),
    ("upload", Step::Upload),
    ("fail", Step::FailUpload),
    ("sign-again", Step::SignAgain),
    ("window", Step::Window),
    ("prune", Step::Prune),
    ("release", Step::Release),
    ("export", Step::Export),
    ("move", Step::Reimport),
    ("delete", Step::Delete),
];

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Nonce => write!(f, "nonce"),
            Self::WriteIndex => write!(f, "index"),
            Self::Create(id)
            | Self::Sign(id)
            | Self::Commit(id)
            | Self::CommitBuffered(id)
            | Self::Upload(id)
            | Self::FailUpload(id)
            | Self::SignAgain(id)
            | Self::Window(id)
            | Self::Prune(id)
            | Self::Release(id)
            | Self::Export(id)
            | Self::Reimport(id)
            | Self::Delete(id) => {
                let named = STEP_NAMES.iter().find(|(_, step)| step(id) == *self);
                write!(f, "{}:{}", named.map_or("", |(name, _)| name), id.0)
            }
        }
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || match text.split_once(':') {
            None => match text {
                "nonce" => Some(Self::Nonce),
                "index" => Some(Self::WriteIndex),
                _ => None,
            },
            Some((name, id)) => {
                let (_, step) = STEP_NAMES.iter().find(|(known, _)| *known == name)?;
                Some(step(BucketId(id.parse().ok()?)))
            }
        };
        read().ok_or_else(|| format!("unknown step {text}"))
    }
}

impl Step {
    /// Returns random steps over buckets 1 to `buckets`, which are created first if missing.
    pub fn random(random: &mut impl Rng, buckets: u64, count: usize) -> Vec<Self> {
        let mut steps: Vec<_> = (1..=buckets).map(|id| Self::Create(BucketId(id))).collect();
        let some = std::iter::repeat_with(|| {
            let id = BucketId(random.gen_range(1..=buckets));
            match random.gen_range(0..44) {
                0..=13 => Self::Sign(id),
                14..=16 => Self::Commit(id),
                17..=19 => Self::CommitBuffered(id),
                20..=23 => Self::Upload(id),
                24 | 25 => Self::FailUpload(id),
                26..=28 => Self::SignAgain(id),
                29..=31 => Self::Window(id),
                32 | 33 => Self::Prune(id),
                34 | 35 => Self::Release(id),
                36 | 37 => Self::Export(id),
                38 => Self::Reimport(id),
                39 => Self::Delete(id),
                40 | 41 => Self::Create(id),
                42 => Self::Nonce,
                _ => Self::WriteIndex,
            }
        });
        steps.extend(some.take(count));
        steps
    }
}

/// The content of one leaf: mostly a few bytes, sometimes several chunks, and now and then more
/// than a bucket's log holds.
#[derive(Clone, Copy, Debug)]
pub struct Content(u64);

impl Content {
    /// Returns the content of a number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns its bytes, at least one.
    pub fn bytes(self) -> Vec<u8> {
        let mut random = ChaCha8Rng::seed_from_u64(self.0);
        let length = match random.gen_range(0..60) {
            0 => random.gen_range(4_300_000..5_000_000),
            1..=4 => random.gen_range(200_000..900_000),
            5..=15 => random.gen_range(2_000..40_000),
            _ => random.gen_range(1..600),
        };
        let mut bytes = vec![0; length];
        random.fill(&mut bytes[..]);
        bytes
    }
}
