//! Laid out first; filled in next.
fn main() {}
