//! Measures Cairn against its peers and writes the report.
//!
//! ```text
//! workloads ─► peers ─► stats ─► figures ─► report, plot
//! ```
//!
//! A figure counts as a ratio within one run: what is compared is measured in
//! turns, so that a slow minute of the machine is slow for both.

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

/// What ends a run: a measurement that fails is no measurement.
pub(crate) type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measure Cairn against its peers.
#[derive(Parser)]
#[command(name = "cairn-benches", version)]
struct Args {
    /// Fewer samples and smaller objects.
    #[arg(long)]
    quick: bool,
    /// The report; plots go to the folder `plots` beside it.
    #[arg(long, default_value = "benches/REPORT.md")]
    out: PathBuf,
    /// These workloads only, separated by commas.
    #[arg(long, value_delimiter = ',', ignore_case = true)]
    only: Vec<Workload>,
    /// Where to measure: a folder on the disk that counts.
    #[arg(long)]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    child: Option<children::Child>,
}

fn main() -> Fallible<()> {
    let args = Args::parse();
    if let Some(child) = &args.child {
        return child.run();
    }
    let folder = args.dir.unwrap_or_else(default_folder);
    std::fs::create_dir_all(&folder)?;
    let disk = machine::FileSystem::of(&folder)?;
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
    let beside = args.out.parent().unwrap_or(Path::new("."));
    let plots = beside.join("plots");
    std::fs::create_dir_all(&plots)?;
    for plot in sections.iter().flat_map(|section| &section.plots) {
        plot::draw(&plots, plot)?;
    }
    let notes = report::Notes::parse(include_str!("../NOTES.md"));
    std::fs::write(&args.out, report::write(&run, &sections, &notes))?;
    eprintln!("wrote {}", args.out.display());
    Ok(())
}

/// Beside the build, which is on a disk as a rule.
fn default_folder() -> PathBuf {
    std::env::var_os("HOME").map_or_else(
        || PathBuf::from("target/bench"),
        |home| PathBuf::from(home).join(".cache/cairn/bench"),
    )
}

fn command() -> String {
    let arguments = std::env::args().skip(1);
    ["cargo run --release -p cairn-benches --".to_owned()]
        .into_iter()
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}
