//! `cairn-game`: plays games until one is lost or the time is up, or replays one script.

#![forbid(unsafe_code)]

use cairn_game::{Script, SearchConfig, Variant, replay, script_of, search};
use std::process::ExitCode;
use std::time::Duration;

const HELP: &str = "\
cairn-game [--seconds N] [--seed N] [--threads N] [--shrink SECONDS] [--all 1]
cairn-game --replay 'SCRIPT'
cairn-game --replay-seed N

--variant deployed|nonce|current|leaf-binding|all selects the chain; current by default.
With all, the time is for each.
";

struct Args {
    variants: Vec<Variant>,
    search_config: SearchConfig,
    replay: Option<Script>,
}

fn args() -> Result<Args, String> {
    let mut args = std::env::args().skip(1);
    let mut variants = vec![Variant::Current];
    let mut search_config = SearchConfig {
        variant: Variant::Current,
        seed: 1,
        duration: Duration::from_secs(60),
        shrink_duration: Duration::from_secs(120),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        finds_all: false,
    };
    let mut replay = None;
    while let Some(flag) = args.next() {
        let value = args.next().ok_or_else(|| format!("{flag} needs a value"))?;
        let number = || {
            let parsed = value.parse::<u64>();
            parsed.map_err(|error| format!("{flag} {value}: {error}"))
        };
        match flag.as_str() {
            "--seconds" => search_config.duration = Duration::from_secs(number()?),
            "--shrink" => search_config.shrink_duration = Duration::from_secs(number()?),
            "--seed" => search_config.seed = number()?,
            "--threads" => search_config.threads = usize::try_from(number()?).unwrap_or(1),
            "--all" => search_config.finds_all = number()? > 0,
            "--variant" if value == "all" => variants = Variant::ALL.to_vec(),
            "--variant" => variants = vec![value.parse()?],
            "--replay" => replay = Some(value.parse()?),
            "--replay-seed" => replay = Some(script_of(number()?)),
            _ => return Err(format!("unknown option {flag}")),
        }
    }
    Ok(Args {
        variants,
        search_config,
        replay,
    })
}

fn main() -> ExitCode {
    let args = match args() {
        Ok(args) => args,
        Err(error) => {
            eprintln!("{error}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let mut is_lost = false;
    for variant in args.variants {
        println!("{variant}:");
        is_lost |= match &args.replay {
            Some(script) => show_replay(variant, script),
            None => {
                let report = search(SearchConfig {
                    variant,
                    ..args.search_config
                });
                println!("{report}");
                !report.findings.is_empty()
            }
        };
    }
    match is_lost {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}

/// Replays a script and prints its game. Returns whether it was lost.
fn show_replay(variant: Variant, script: &Script) -> bool {
    let played = replay(variant, script);
    for line in &played.log {
        println!("{line}");
    }
    match &played.violation {
        Some(violation) => println!("\nlost: {violation}"),
        None => println!("\nnot lost{}", if played.is_void { " (void)" } else { "" }),
    }
    played.violation.is_some()
}
