//! Sets the traits of the variant that is being built. The build of the package with the
//! common name also compiles all variants to the WASM that a chain executes, and embeds them.

#[path = "../variants.rs"]
mod variants;
#[path = "wasm_build.rs"]
mod wasm_build;

use std::path::{Path, PathBuf};

const COMMON: &str = "cairn-devnode-runtime";

fn main() -> Result<(), String> {
    let variant = variants::configure(COMMON)?;
    println!("cargo:rustc-check-cfg=cfg(embeds_wasm)");
    let folder = PathBuf::from(wasm_build::variable("CARGO_MANIFEST_DIR")?);
    // The other variants' packages are in folders of this one's.
    let runtime = if variant.package(COMMON) == COMMON {
        folder.as_path()
    } else {
        folder.parent().ok_or("the package has no parent folder")?
    };
    let metadata = runtime.join("metadata");
    println!(
        "cargo:rustc-env=CAIRN_METADATA={}",
        metadata.join(format!("{}.scale", variant.name)).display()
    );
    println!(
        "cargo:rustc-env=CAIRN_FACE={}",
        runtime.join("face").display()
    );
    let embeds = variant.package(COMMON) == COMMON && has_std();
    if embeds {
        println!("cargo:rustc-cfg=embeds_wasm");
        wasm_build::embed(COMMON, Path::new(&wasm_build::variable("OUT_DIR")?))?;
    } else {
        println!(
            "cargo:rerun-if-changed={}",
            runtime.join("build.rs").display()
        );
    }
    Ok(())
}

/// The compilation to WASM itself embeds nothing.
fn has_std() -> bool {
    std::env::var_os("CARGO_FEATURE_STD").is_some()
}
