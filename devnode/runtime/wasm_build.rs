//! Compiles all variants of the runtime a second time, to the WASM that a chain executes.
//!
//! It uses the current Rust if that has the target `wasm32v1-none` (`rustup target add`);
//! otherwise Debian's, which has the sources of `core` and `alloc` to compile for it
//! (packages `rustc-web cargo-web rust-web-src lld`). Two variables change that:
//! `CAIRN_WASM=folder` uses compiled runtimes, one file a variant such as `current.wasm`, and
//! `CAIRN_SKIP_WASM=1` omits them, to only check the code.
//!
//! The files are not compressed: that pays off on a production chain only, and would compile
//! zstd for this script.

use crate::variants::VARIANTS;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32v1-none";
/// The sources of the compiled runtimes.
const SOURCES: [&str; 16] = [
    "build.rs",
    "wasm_build.rs",
    "src",
    "Cargo.toml",
    "deployed/Cargo.toml",
    "nonce/Cargo.toml",
    "leaf-binding/Cargo.toml",
    "../variants.rs",
    "../select/src",
    "../pallet/build.rs",
    "../pallet/src",
    "../pallet/Cargo.toml",
    "../../primitives/src",
    "../../primitives/Cargo.toml",
    "../../Cargo.toml",
    "../../Cargo.lock",
];
/// The host provides the memory and the function table, and reads the heap's start.
const RUSTFLAGS: &str = "-Clink-arg=--export-table -Clink-arg=--import-memory \
     -Clink-arg=--export=__heap_base --cfg substrate_runtime";

/// Compiles the variants of the runtime with the common name, and writes `wasm.rs`, which
/// embeds them, to `out`.
///
/// # Errors
///
/// The reason, in words for the developer.
pub(crate) fn embed(common: &str, out: &Path) -> Result<(), String> {
    for path in SOURCES {
        println!("cargo:rerun-if-changed={path}");
    }
    for variable in ["CAIRN_WASM", "CAIRN_SKIP_WASM"] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    let mut files = Vec::new();
    for variant in &VARIANTS {
        let embedded = if env::var_os("CAIRN_SKIP_WASM").is_some() {
            "None".to_owned()
        } else {
            let built = match env::var_os("CAIRN_WASM") {
                Some(folder) => Path::new(&folder).join(format!("{}.wasm", variant.name)),
                None => compile(&variant.package(common), out)?,
            };
            let kept = out.join(format!("{}.wasm", variant.name));
            fs::copy(&built, &kept).map_err(|e| format!("cannot copy {}: {e}", built.display()))?;
            format!("Some(include_bytes!({kept:?}))")
        };
        files.push(embedded);
    }
    let source = format!(
        "/// The runtimes as WASM, oldest first.\n\
         const WASM: [Option<&[u8]>; {}] = [{}];\n",
        files.len(),
        files.join(", ")
    );
    fs::write(out.join("wasm.rs"), source).map_err(|e| format!("cannot write wasm.rs: {e}"))
}

/// Compiles one runtime and returns its path.
fn compile(package: &str, out: &Path) -> Result<PathBuf, String> {
    // <target>/<profile>/build/<package>/out: kept next to the profiles, so that changes
    // outside of the runtime do not cause a full compilation. The variants share it, and so
    // all crates that they do not have of their own.
    let folder = out.ancestors().nth(4).ok_or("OUT_DIR is not cargo's")?;
    let folder = folder.join("wasm");
    let mut cargo = if has_target()? {
        let mut cargo = Command::new(variable("CARGO")?);
        clear_outer_build_env(&mut cargo);
        cargo.env("RUSTC", variable("RUSTC")?);
        cargo
    } else if Path::new("/usr/bin/rustc").exists() && Path::new("/usr/bin/cargo").exists() {
        let mut cargo = Command::new("/usr/bin/cargo");
        clear_outer_build_env(&mut cargo);
        // Compiling the standard library is not yet a stable feature of cargo.
        cargo
            .env("RUSTC", "/usr/bin/rustc")
            .env("RUSTC_BOOTSTRAP", "1");
        cargo.env("CARGO_TARGET_WASM32V1_NONE_LINKER", "wasm-ld");
        // Where all members' features are unified, the node's `std` would reach the runtime.
        cargo.env("CARGO_RESOLVER_FEATURE_UNIFICATION", "selected");
        cargo
    } else {
        return Err(format!(
            "no Rust here can compile for {TARGET}; run `rustup target add {TARGET}`, or on \
             Debian `apt-get install rustc-web cargo-web rust-web-src lld`, or set CAIRN_WASM \
             to a folder with runtimes that are compiled already"
        ));
    };
    cargo.args(["rustc", "--locked", "-p", package, "--lib"]);
    cargo.args(["--crate-type", "cdylib", "--no-default-features"]);
    cargo.args(["--profile", "wasm", "--target", TARGET]);
    if cargo.get_program() == "/usr/bin/cargo" {
        cargo.args(["-Zbuild-std=core,alloc", "-Zfeature-unification"]);
    }
    cargo
        .env("CARGO_TARGET_DIR", &folder)
        .env("RUSTFLAGS", RUSTFLAGS);
    let status = cargo
        .status()
        .map_err(|e| format!("cannot start {cargo:?}: {e}"))?;
    if !status.success() {
        return Err(format!(
            "{package} was not compiled, see above; by {cargo:?}"
        ));
    }
    let name = package.replace('-', "_");
    Ok(folder
        .join(TARGET)
        .join("wasm")
        .join(format!("{name}.wasm")))
}

/// Returns whether the current Rust has the target's libraries.
fn has_target() -> Result<bool, String> {
    let rustc = variable("RUSTC")?;
    let output = Command::new(&rustc)
        .args(["--print", "sysroot"])
        .output()
        .map_err(|e| format!("cannot ask {rustc} for its folder: {e}"))?;
    let sysroot = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(Path::new(&sysroot)
        .join("lib/rustlib")
        .join(TARGET)
        .is_dir())
}

/// Removes the outer build's variables, except those that say where crates come from.
fn clear_outer_build_env(cargo: &mut Command) {
    const KEPT_PREFIXES: [&str; 6] = [
        "CARGO_HOME",
        "CARGO_NET_",
        "CARGO_HTTP_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
        "RUSTUP_HOME",
    ];
    for (name, _) in env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        let ours = name.starts_with("CARGO") || name.starts_with("RUST");
        if ours && !KEPT_PREFIXES.iter().any(|kept| name.starts_with(kept)) {
            cargo.env_remove(name);
        }
    }
}

/// Returns a variable that cargo sets.
///
/// # Errors
///
/// The advice to use cargo.
pub(crate) fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("cargo did not set {name}; build with cargo"))
}
