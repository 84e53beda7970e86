//! Runs the scenario on a real chain. Fails unless, according to the chain, only the
//! dishonest provider has lost its stake.

#![forbid(unsafe_code)]

use cairn_demo::{DemoError, Scale, Scenario, Summary, Verdict};
use clap::Parser;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Two providers, real files, challenges, a prune, a kill, and a dishonest provider
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Folder whose files are stored
    #[arg(long)]
    files: PathBuf,
    /// Empty folder for all data [default: a temporary one]
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Challenges of the two providers
    #[arg(long, default_value_t = 50)]
    challenges: u32,
    /// Files to store, at most
    #[arg(long, default_value_t = 1200)]
    most_files: usize,
    /// Bytes to store, at most
    #[arg(long, default_value_t = 200_000_000)]
    most_bytes: u64,
    /// Time between blocks, in milliseconds
    #[arg(long, default_value_t = 500)]
    block_ms: u64,
    /// Variant of the chain: deployed, nonce, current or leaf-binding
    #[arg(long, default_value = "current")]
    variant: String,
    /// Seed of all random choices
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder of the programs [default: the folder of this one]
    #[arg(long)]
    programs: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match demo(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn demo(args: Args) -> Result<(), DemoError> {
    let own = std::env::current_exe().map_err(|source| DemoError::Io {
        doing: "find",
        path: "/proc/self/exe".into(),
        source,
    })?;
    let programs = args
        .programs
        .or_else(|| own.parent().map(Path::to_owned))
        .unwrap_or_default();
    let temporary = tempfile::tempdir().map_err(|source| DemoError::Io {
        doing: "make a folder in",
        path: std::env::temp_dir(),
        source,
    })?;
    let play = Scenario {
        cairn: programs.join("cairn"),
        devnode: programs.join("cairn-devnode"),
        folder: args.folder.unwrap_or_else(|| temporary.path().join("demo")),
        files: args.files,
        variant: args.variant,
        scale: Scale {
            max_files: args.most_files,
            max_bytes: args.most_bytes,
            challenges: args.challenges,
            block_ms: args.block_ms,
        },
        seed: args.seed,
        report: Box::new(|what| println!("{what}")),
    };
    let summary = play.run().await?;
    show(&summary, args.block_ms);
    check(&summary)
}

fn show(summary: &Summary, block_ms: u64) {
    println!("\nResults, according to the chain");
    println!(
        "  challenges {}, defended {}, lost {}",
        summary.challenges, summary.defended, summary.lost
    );
    println!(
        "  stake of the two providers: {}",
        match summary.stake_decrease {
            0 => "untouched".to_owned(),
            cost if cost == summary.stake_for_answers => {
                format!("{cost} less, as answers cost on this chain")
            }
            lost => format!("{lost} LESS"),
        }
    );
    println!("  checkpoints: {}", summary.checkpoints);
    let middle = summary.answer_delays.get(summary.answer_delays.len() / 2);
    if let (Some(middle), Some(most)) = (middle, summary.answer_delays.last()) {
        println!(
            "  from challenge to inclusion: median {middle} blocks, maximum {most} \
             (a block every {block_ms} ms; while a provider is down its challenges wait)"
        );
    }
    match &summary.verdict {
        Verdict::Slashed { reason, amount } => {
            println!("  the dishonest provider lost {amount} for {reason}");
        }
        Verdict::Refused { error } => {
            println!("  the dishonest provider's answer was refused: {error}");
        }
    }
}

fn check(summary: &Summary) -> Result<(), DemoError> {
    let wrong = |what: &str| Err(DemoError::Unexpected(what.into()));
    if summary.lost != 0 || summary.stake_decrease != summary.stake_for_answers {
        return wrong("an honest provider lost stake");
    }
    if summary.defended != summary.challenges {
        return wrong("not every challenge was defended");
    }
    if summary.answer_delays.len() as u64 != summary.challenges {
        return wrong("an answer is missing in the blocks");
    }
    match &summary.verdict {
        Verdict::Slashed { reason, amount } if reason == "InvalidProof" && *amount > 0 => Ok(()),
        Verdict::Refused { error } if error.ends_with("InvalidChallengeProof") => Ok(()),
        _ => wrong("the dishonest provider's answer was not judged as false"),
    }
}
