//! Plays the whole of Cairn on a real chain, and fails unless the chain says
//! that nothing was lost but by the liar.

#![forbid(unsafe_code)]

use cairn_demo::{DemoError, Play, Scale, Summary};
use cairn_primitives::challenge::SlashReason;
use clap::Parser;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Two providers, real files, challenges, a prune, a kill, and a liar
#[derive(Parser)]
#[command(version)]
struct Args {
    /// The folder whose files are stored
    #[arg(long)]
    files: PathBuf,
    /// Keep everything here, in a folder that is empty [default: a temporary one]
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Challenges that are asked of the two providers
    #[arg(long, default_value_t = 50)]
    challenges: u32,
    /// The most files that are stored
    #[arg(long, default_value_t = 1200)]
    most_files: usize,
    /// The most bytes that are stored
    #[arg(long, default_value_t = 200_000_000)]
    most_bytes: u64,
    /// How often a block is made, in milliseconds
    #[arg(long, default_value_t = 500)]
    block_ms: u64,
    /// Judge as the newer chain does, which binds a leaf to its index
    #[arg(long)]
    strict: bool,
    /// What is drawn by lot is drawn from this
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the programs are [default: beside this one]
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
    let play = Play {
        cairn: programs.join("cairn"),
        devnode: programs.join("cairn-devnode"),
        folder: args.folder.unwrap_or_else(|| temporary.path().join("demo")),
        files: args.files,
        scale: Scale {
            most_files: args.most_files,
            most_bytes: args.most_bytes,
            challenges: args.challenges,
            block_ms: args.block_ms,
            strict: args.strict,
        },
        seed: args.seed,
        say: Box::new(|what| println!("{what}")),
    };
    let summary = play.play().await?;
    show(&summary, args.block_ms);
    judge(&summary)
}

fn show(summary: &Summary, block_ms: u64) {
    let (reason, amount) = summary.liar;
    println!("\nThe chain's own account");
    println!(
        "  challenges asked {}, defended {}, lost {}",
        summary.asked, summary.defended, summary.lost
    );
    println!(
        "  stake of the two providers: {}",
        if summary.stake_untouched {
            "untouched"
        } else {
            "TOUCHED"
        }
    );
    println!(
        "  checkpoints with both signatures: {}",
        summary.checkpointed
    );
    let middle = summary.waits.get(summary.waits.len() / 2);
    if let (Some(middle), Some(most)) = (middle, summary.waits.last()) {
        println!(
            "  from challenge to inclusion: {middle} anchor blocks in the middle, {most} at most \
             (a block every {block_ms} ms; while a provider is down its challenges wait)"
        );
    }
    println!("  the liar lost {amount} for {reason:?}");
}

fn judge(summary: &Summary) -> Result<(), DemoError> {
    let wrong = |what: &str| Err(DemoError::Wrong(what.into()));
    if summary.lost != 0 || !summary.stake_untouched {
        return wrong("an honest provider lost");
    }
    if summary.defended != summary.asked {
        return wrong("not every challenge was defended");
    }
    if summary.waits.len() as u64 != summary.asked {
        return wrong("the blocks do not show every answer");
    }
    if summary.liar.0 != SlashReason::InvalidProof || summary.liar.1 == 0 {
        return wrong("the liar kept its stake");
    }
    Ok(())
}
