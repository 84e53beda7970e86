//! Measures Cairn and other stores, and writes the report.
//!
//! ```text
//! workloads ─► stores ─► stats ─► figures ─► report, plot
//! ```
//!
//! Compare figures within one run only. Stores are measured in turns, so that a slow minute of
//! the machine affects all of them.

#![forbid(unsafe_code)]

mod children;
mod data;
mod disk;
mod figures;
mod machine;
mod peers;
mod plot;
mod process;
mod report;
mod stats;
mod stores;
mod workloads;

use clap::{Parser, ValueEnum};
use std::path::{Path, PathBuf};
use workloads::{Setup, Workload};

/// An error, which ends the run.
pub(crate) type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measure Cairn and other stores
#[derive(Parser)]
#[command(name = "cairn-benches", version)]
struct Args {
    /// Use fewer samples and smaller objects
    #[arg(long)]
    quick: bool,
    /// File for the report; plots go to the folder `plots` next to it
    #[arg(long, default_value = "benches/REPORT.md")]
    out: PathBuf,
    /// Run only these workloads, separated by commas
    #[arg(long, value_delimiter = ',', ignore_case = true)]
    only: Vec<Workload>,
    /// Folder for the data, on the disk to measure
    #[arg(long)]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    child: Option<children::ChildCommand>,
}

fn main() -> Fallible<()> {
    let args = Args::parse();
    if let Some(child) = &args.child {
        return child.run();
    }
    let folder = args.dir.unwrap_or_else(default_folder);
    std::fs::create_dir_all(&folder)?;
    let disk = machine::FileSystem::containing(&folder)?;
    disk.refuse_memory(&folder)?;
    let setup = Setup {
        folder,
        quick: args.quick,
    };
    let chosen = if args.only.is_empty() {
        Workload::value_variants()
    } else {
        &args.only
    };
    let load_before = machine::load();
    let mut sections = Vec::new();
    for workload in chosen {
        eprintln!("{} ...", workload.id());
        let start = std::time::Instant::now();
        sections.push(workload.run(&setup)?);
        eprintln!("{} done in {:.1?}", workload.id(), start.elapsed());
    }
    let run = report::Run {
        machine: machine::describe(&disk),
        load: (load_before, machine::load()),
        command: command(),
        quick: args.quick,
    };
    let folder = args.out.parent().unwrap_or(Path::new("."));
    let plots = folder.join("plots");
    std::fs::create_dir_all(&plots)?;
    for plot in sections.iter().flat_map(|section| &section.plots) {
        plot::draw(&plots, plot)?;
    }
    let notes = report::Notes::parse(include_str!("../NOTES.md"));
    std::fs::write(&args.out, report::write(&run, &sections, &notes))?;
    eprintln!("wrote {}", args.out.display());
    Ok(())
}

/// Returns a folder next to the build, which is usually on a disk.
fn default_folder() -> PathBuf {
    std::env::var_os("HOME").map_or_else(
        || PathBuf::from("target/bench"),
        |home| PathBuf::from(home).join(".cache/cairn/bench"),
    )
}

fn command() -> String {
    let arguments = std::env::args().skip(1);
    ["cairn-benches".to_owned()]
        .into_iter()
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}
