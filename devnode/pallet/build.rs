//! Sets the traits of the pallet's variant that is being built.

#[path = "../variants.rs"]
mod variants;

fn main() -> Result<(), String> {
    println!("cargo:rerun-if-env-changed=CARGO_PKG_NAME");
    variants::configure("pallet-storage-provider").map(|_| ())
}
