//! Advice for the operator, by the kind of error: the command or flag that helps. The
//! libraries state facts only, since programs other than this one use them too.

use cairn_bucket::{
    BasePathError, CommitError, CreateError, IngestError, OpenError, ProveError, PruneError,
    ReleaseError, RepairError, TransferError,
};
use cairn_chain::ChainError;
use cairn_engine::{EngineError, FaultKind};
use cairn_keys::{KeyError, SignError, SigningRefused};
use cairn_legacy_import::LegacyError;
use cairn_primitives::BucketId;
use cairn_provider::ProviderError;
use std::fmt::Display;
use std::io::ErrorKind;

const INSERT_KEY: &str = "insert the registered key with `cairn key insert`";
const WRITABLE: &str = "this needs a writable folder, which --base-path may name";
const LIST_BUCKETS: &str = "`cairn bucket list` shows the buckets";

/// Joins an error and the advice on it to one sentence.
pub(crate) fn joined(error: impl Display, advice: Option<String>) -> String {
    match advice {
        Some(advice) => format!("{error}; {advice}"),
        None => error.to_string(),
    }
}

/// Returns advice on an error of a base path.
pub(crate) fn base_path(error: &BasePathError) -> Option<String> {
    match error {
        BasePathError::Missing { .. } => {
            Some("create a bucket in it first, with `cairn bucket create`".to_owned())
        }
        BasePathError::Locked { .. } => {
            Some("stop that process first, or wait for it to end".to_owned())
        }
        BasePathError::Io(error) if takes_no_writes(&error.source) => Some(WRITABLE.to_owned()),
        BasePathError::NoSuchBucket { .. } => Some(LIST_BUCKETS.to_owned()),
        BasePathError::Open(error) | BasePathError::Create(CreateError::Open(error)) => open(error),
        BasePathError::Create(CreateError::Engine(error)) => engine(error),
        _ => None,
    }
}

/// Returns advice on an error of a repair.
pub(crate) fn repair(error: &RepairError) -> Option<String> {
    match error {
        RepairError::BasePath(error) => base_path(error),
        RepairError::Open(error) => open(error),
        RepairError::Engine(error) => engine(error),
        _ => None,
    }
}

/// Returns advice on a refusal to sign.
pub(crate) fn signing(refused: &SigningRefused) -> Option<String> {
    match refused {
        SigningRefused::Off { .. } => Some(
            "if this base path is a copy, and the newest one, start it once with \
             `cairn run --accept-copy`"
                .to_owned(),
        ),
        SigningRefused::Quarantined { bucket, .. } => Some(quarantine(*bucket)),
        SigningRefused::OtherHashing { chain, .. } => Some(format!(
            "create another bucket with `cairn bucket create --hashing {chain}`, and store the \
             content there"
        )),
        SigningRefused::UnknownHashing { has, .. } => Some(format!(
            "run the provider on its chain once, or use `cairn bucket create --chain-hashing {has}`"
        )),
        SigningRefused::Unprovable { bucket, .. } => Some(format!(
            "prune these leaves, or sign anyway with `cairn bucket sign-unprovable {bucket}`"
        )),
        SigningRefused::UnreadableFlags { bucket, .. } => Some(check(*bucket)),
        _ => None,
    }
}

/// Returns advice on a bucket in quarantine.
pub(crate) fn quarantine(bucket: BucketId) -> String {
    format!(
        "keep a copy of its folder; `cairn fsck {bucket}` shows the damage, and \
         `cairn bucket accept {bucket}` ends the quarantine"
    )
}

/// Returns advice on an error of the provider.
pub(crate) fn provider(error: &ProviderError) -> Option<String> {
    match error {
        ProviderError::BasePath(error) => base_path(error),
        ProviderError::Io(error) if takes_no_writes(&error.source) => Some(WRITABLE.to_owned()),
        ProviderError::OtherChain { .. } => Some(
            "name a node of its own chain with --chain, or follow the other chain from now on \
             with --new-chain"
                .to_owned(),
        ),
        ProviderError::NoSuchBucket { .. } => Some(LIST_BUCKETS.to_owned()),
        ProviderError::Lost { bucket } => Some(format!(
            "put its folder back, or delete it with `cairn bucket delete {bucket}` if that was \
             intended"
        )),
        ProviderError::Busy { .. } => Some("try again, or raise --max-open".to_owned()),
        ProviderError::ReadOnly { .. } => Some("make room, and start it again".to_owned()),
        ProviderError::Quarantined { bucket, .. } => Some(quarantine(*bucket)),
        ProviderError::Open { source, .. } => open(source),
        ProviderError::Behind { bucket, .. } => Some(format!(
            "put the newest copy of its folder in its place, or accept it as it is with \
             `cairn bucket accept {bucket}`"
        )),
        ProviderError::MissingSignedRoots { .. } => {
            Some("put a newer copy in its place, or use --even-behind if there is none".to_owned())
        }
        ProviderError::Signing(refused) => signing(refused),
        ProviderError::Create(CreateError::Open(error)) => open(error),
        ProviderError::Create(CreateError::Engine(error)) => engine(error),
        ProviderError::Prove(error) => prove(error),
        ProviderError::Commit(error) => commit(error),
        ProviderError::Transfer(error) => transfer(error),
        ProviderError::Ingest(error) => ingest(error),
        _ => None,
    }
}

/// Returns advice on an error of the keys.
pub(crate) fn key(error: &KeyError) -> Option<String> {
    match error {
        KeyError::None { .. } => Some(format!(
            "generate one with `cairn key generate`, or {INSERT_KEY}"
        )),
        KeyError::Ambiguous { .. } => Some("name the registered one with --key".to_owned()),
        KeyError::NoSuchKey { .. } => Some("`cairn key list` shows the keys".to_owned()),
        _ => None,
    }
}

fn open(error: &OpenError) -> Option<String> {
    match error {
        OpenError::NotABucket { .. } => Some(LIST_BUCKETS.to_owned()),
        OpenError::Damaged { .. } => Some(damage()),
        OpenError::Engine(error) => engine(error),
        _ => None,
    }
}

/// Returns advice on an error of a proof.
pub(crate) fn prove(error: &ProveError) -> Option<String> {
    match error {
        ProveError::MissingNode { bucket, .. }
        | ProveError::MissingLeaf { bucket, .. }
        | ProveError::MissingContent { bucket, .. }
        | ProveError::Damaged { bucket, .. } => Some(check(*bucket)),
        ProveError::Engine(error) => engine(error),
        _ => None,
    }
}

/// Returns advice on an error of a commit.
pub(crate) fn commit(error: &CommitError) -> Option<String> {
    match error {
        CommitError::Damaged { bucket, .. } => Some(check(*bucket)),
        CommitError::Refused(refused) => signing(refused),
        CommitError::Sign {
            reason: SignError::NoKey(_),
            ..
        } => Some(INSERT_KEY.to_owned()),
        CommitError::Engine(error) => engine(error),
        _ => None,
    }
}

/// Returns advice on an error of a prune.
pub(crate) fn prune(error: &PruneError) -> Option<String> {
    match error {
        PruneError::Leaf(error) => prove(error),
        PruneError::Engine(error) => engine(error),
        PruneError::NotGrown { .. } => Some("pass it with --leaf-count".to_owned()),
        PruneError::Quota { bucket, .. } => Some(format!(
            "release the trees that `cairn bucket info {bucket}` shows as retired first"
        )),
        _ => None,
    }
}

/// Returns advice on an error of a release.
pub(crate) fn release(error: &ReleaseError) -> Option<String> {
    match error {
        ReleaseError::Read(error) => prove(error),
        ReleaseError::Engine(error) => engine(error),
        ReleaseError::Busy { .. } => Some("try again later".to_owned()),
        ReleaseError::NoSuchTree { bucket, .. } => Some(format!(
            "`cairn bucket info {bucket}` shows the retired trees"
        )),
        _ => None,
    }
}

/// Returns advice on an error of the chain client.
pub(crate) fn chain(error: &ChainError) -> Option<String> {
    match error {
        ChainError::NoKey { .. } => Some(INSERT_KEY.to_owned()),
        _ => None,
    }
}

/// Returns advice on an error of an upload.
pub(crate) fn ingest(error: &IngestError) -> Option<String> {
    match error {
        IngestError::Damaged { bucket, .. } => Some(check(*bucket)),
        IngestError::Engine(error) => engine(error),
        _ => None,
    }
}

/// Returns advice on an error of an export or import.
pub(crate) fn transfer(error: &TransferError) -> Option<String> {
    match error {
        TransferError::Engine(error) => engine(error),
        TransferError::Exists { .. } => Some("name another destination".to_owned()),
        TransferError::Busy { .. } => Some("wait for it to end".to_owned()),
        TransferError::SourceInUse { .. } => {
            Some("stop that process, or let it export the bucket".to_owned())
        }
        TransferError::NoRoom { .. } => Some("make room first".to_owned()),
        TransferError::Altered { .. } => Some("export the bucket again".to_owned()),
        TransferError::Unprovable { .. } => Some(
            "--allow-unprovable imports it with them; nothing is then signed for it until \
             `cairn bucket sign-unprovable`"
                .to_owned(),
        ),
        _ => None,
    }
}

/// Returns advice on an error of the import from a legacy provider.
pub(crate) fn legacy(error: &LegacyError) -> Option<String> {
    match error {
        LegacyError::NotALegacyDatabase { .. } => {
            Some("name the folder that holds its CURRENT file".to_owned())
        }
        LegacyError::InUse { .. } => Some("stop that provider first".to_owned()),
        LegacyError::NoIndexes { .. } => {
            Some("name the folder that was the provider's DATA_DIR".to_owned())
        }
        _ => None,
    }
}

/// Returns advice on an error of the database.
pub(crate) fn engine(error: &EngineError) -> Option<String> {
    match error.kind {
        FaultKind::Locked => Some("stop that process first".to_owned()),
        FaultKind::ReadOnlyDisk => Some("remount it for writing, or check permissions".to_owned()),
        FaultKind::NoSpace => Some("make room, and try again".to_owned()),
        FaultKind::Corrupt => Some(damage()),
        FaultKind::Absent | FaultKind::Other => None,
    }
}

fn check(bucket: BucketId) -> String {
    format!("keep a copy of its folder, and run `cairn fsck {bucket}`")
}

fn damage() -> String {
    "keep a copy of its folder; `cairn fsck --repair` restores what other records prove, and \
     `cairn bucket salvage` opens a bucket whose log is damaged"
        .to_owned()
}

fn takes_no_writes(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Cli;
    use crate::failure::Failure;
    use cairn_primitives::{HashingProfile, Sequence};
    use clap::CommandFactory;

    const BUCKET: BucketId = BucketId(7);

    fn failures() -> Vec<Failure> {
        let path = std::path::PathBuf::from("/base");
        let damaged = OpenError::Damaged {
            path: path.clone(),
            what: "its log has a hole".to_owned(),
        };
        let refusals = [
            SigningRefused::Off {
                reason: "it is a copy".to_owned(),
            },
            SigningRefused::Quarantined {
                bucket: BUCKET,
                reason: "a leaf is lost".to_owned(),
            },
            SigningRefused::OtherHashing {
                bucket: BUCKET,
                has: HashingProfile::Tagged,
                chain: HashingProfile::Plain,
            },
            SigningRefused::UnknownHashing {
                bucket: BUCKET,
                has: HashingProfile::Tagged,
            },
            SigningRefused::Unprovable {
                bucket: BUCKET,
                leaves: 1,
            },
        ];
        let mut failures = vec![
            Failure::BasePath(BasePathError::Missing { path: path.clone() }),
            Failure::BasePath(BasePathError::Open(damaged)),
            Failure::Key(KeyError::None { path }),
            Failure::Provider(ProviderError::Lost { bucket: BUCKET }),
            Failure::Prove(ProveError::MissingLeaf {
                bucket: BUCKET,
                sequence: Sequence(0),
            }),
            Failure::Release(ReleaseError::NoSuchTree {
                bucket: BUCKET,
                tree: Sequence(0),
            }),
        ];
        failures.extend(refusals.map(|refused| Failure::Commit(refused.into())));
        failures
    }

    /// Splits the text at backquotes: every second part is a command.
    fn check_commands<'t>(text: &'t str, commands: impl Iterator<Item = &'t str>) -> usize {
        let mut count = 0;
        for command in commands {
            count += 1;
            let mut words = command.split(' ').peekable();
            assert_eq!(words.next(), Some("cairn"), "{text}");
            let mut command = Cli::command();
            while let Some(word) = words.next_if(|word| command.find_subcommand(word).is_some()) {
                command = command.find_subcommand(word).unwrap().clone();
            }
            assert!(!command.has_subcommands(), "{text}");
            for flag in words.filter_map(|word| word.strip_prefix("--")) {
                let is_there = |arg: &clap::Arg| arg.get_long() == Some(flag);
                assert!(command.get_arguments().any(is_there), "{text}");
            }
        }
        count
    }

    fn quoted(text: &str) -> impl Iterator<Item = &str> {
        text.split('`').skip(1).step_by(2)
    }

    #[test]
    fn advice_names_commands_and_flags_that_exist() {
        for failure in failures() {
            let advice = failure.advice().expect("advice");
            let count = check_commands(&advice, quoted(&advice));
            assert!(count > 0, "{advice}");
        }
    }

    #[test]
    fn remedies_name_commands_and_flags_that_exist() {
        for check in cairn_lifecycle::doctor::Check::ALL {
            let remedy = check.remedy();
            let commands = quoted(remedy).filter(|text| text.starts_with("cairn "));
            check_commands(remedy, commands);
        }
    }
}
