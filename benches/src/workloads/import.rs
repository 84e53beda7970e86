//! W15: the import of a legacy provider's database, compared with copying its files.

use super::Setup;
use crate::Fallible;
use crate::data::RandomContent;
use crate::disk::allocated;
use crate::figures::{Section, Table};
use crate::stats::{Samples, Summary, count};
use crate::stores::LegacyDatabase;
use cairn_bucket::BasePath;
use cairn_engine::SharedResources;
use cairn_legacy_import::{LegacyImport, LegacyMode, LegacySource};
use std::fs::File;
use std::path::Path;

const ROUNDS: usize = 3;
const MIB: f64 = 1_048_576.0;

/// The database to import.
struct Source {
    buckets: u64,
    /// Of all buckets.
    leaves: u64,
    bytes: u64,
}

impl Source {
    /// Writes it, each leaf with a content of its own.
    fn write(&self, path: &Path) -> Fallible<()> {
        let database = LegacyDatabase::open(path)?;
        let of_bucket = self.leaves / self.buckets;
        let length = usize::try_from(self.bytes / self.leaves)?;
        for bucket in 1..=self.buckets {
            database.create(bucket)?;
            let first = bucket.saturating_mul(of_bucket);
            let leaves = (0..of_bucket)
                .map(|number| {
                    let stream = first.saturating_add(number);
                    database.upload(RandomContent::new(stream, length))
                })
                .collect::<Fallible<Vec<_>>>()?;
            database.fill(bucket, leaves)?;
        }
        database.flush()
    }
}

pub(super) fn run(setup: &Setup) -> Fallible<Section> {
    let (buckets, leaves, bytes) = setup.choose((10, 10_000, 64 << 20), (100, 100_000, 1 << 30));
    let source = Source {
        buckets,
        leaves,
        bytes,
    };
    let folder = setup.scratch("import")?;
    let path = folder.path().join("legacy");
    source.write(&path)?;
    let on_disk = allocated(&path)?;
    let mut imported = Samples::default();
    let mut copied = Samples::default();
    for _ in 0..ROUNDS {
        let scratch = setup.scratch("import")?;
        copied.time(|| copy(&path, &scratch.path().join("copy")))?;
        drop(scratch);
        let scratch = setup.scratch("import")?;
        let report = imported.time(|| {
            let base = BasePath::create(scratch.path())?;
            let opened = LegacySource::open(&path)?;
            let import = LegacyImport::new(&opened, base.path(), LegacyMode::Import);
            Ok(import.import_all(&SharedResources::default(), |_, _| ())?)
        })?;
        let summary = report.summary;
        if (summary.imported, summary.leaves) != (buckets, leaves) {
            return Err(format!("not all was imported: {summary:?}").into());
        }
    }
    let head = ["what", "MiB/s", "leaves/s"];
    let head = head.into_iter().chain(Summary::HEAD);
    let mut table = Table::new("The whole database:", head);
    let (import, copy) = (imported.summary()?, copied.summary()?);
    for (name, summary) in [
        ("cairn: import, durably", import),
        ("copy and sync the files", copy),
    ] {
        let seconds = summary.p50 / 1e9;
        let start = [
            name.to_owned(),
            format!("{:.1}", bytes as f64 / MIB / seconds),
            format!("{:.0}", leaves as f64 / seconds),
        ];
        table.row(start.into_iter().chain(summary.cells()));
    }
    Ok(Section {
        id: "W15",
        title: "Import",
        method: format!(
            "A database of a legacy provider (era C) with {buckets} buckets, {} leaves and {:.0} MiB \
             of content, each leaf with its own, in files of {:.0} MiB; in turns with copying \
             and syncing those files. {ROUNDS} rounds; the source is in the page cache as far \
             as memory allows. An import checks every hash and every root.",
            count(leaves),
            bytes as f64 / MIB,
            on_disk as f64 / MIB
        ),
        targets: vec![],
        tables: vec![table],
        plots: vec![],
        remarks: vec![format!(
            "An import takes {:.1} times as long as copying the files.",
            import.p50 / copy.p50
        )],
    })
}

fn copy(from: &Path, to: &Path) -> Fallible<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        std::fs::copy(entry.path(), &target)?;
        File::open(&target)?.sync_all()?;
    }
    Ok(())
}
