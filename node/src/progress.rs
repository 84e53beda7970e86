//! Bars for long work, on stderr and only when that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// Counts bytes.
pub(crate) fn of_bytes(total: u64) -> ProgressBar {
    bar(
        total,
        "{bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} {wide_msg}",
    )
}

/// Counts things.
pub(crate) fn of_items(total: u64) -> ProgressBar {
    bar(total, "{bar:30} {human_pos}/{human_len} {eta} {wide_msg}")
}

fn bar(total: u64, template: &str) -> ProgressBar {
    // A bar in another style is better than no work.
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style)
}
