//! Sets the traits of the variant that is being built.
#[path = "../variants.rs"]
mod variants;
fn main() -> Result<(), String> {
    let variant = variants::configure("cairn-devnode-runtime")?;
    let here = std::env::var("CARGO_MANIFEST_DIR").map_err(|_| "build with cargo")?;
    let folder = std::path::Path::new(&here)
        .ancestors()
        .find(|f| f.ends_with("runtime"))
        .ok_or("no folder")?
        .join("metadata");
    println!(
        "cargo:rustc-env=CAIRN_METADATA={}",
        folder.join(format!("{}.scale", variant.name)).display()
    );
    Ok(())
}
