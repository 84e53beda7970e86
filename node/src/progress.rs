//! Progress bars, on stderr and only if that is a terminal.

use cairn_bucket::{TransferProgress, TransferStep};
use indicatif::{ProgressBar, ProgressStyle};

/// Creates a bar that counts bytes.
pub(crate) fn byte_bar(total: u64) -> ProgressBar {
    bar(
        total,
        "{bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} {wide_msg}",
    )
}

/// Creates a bar that counts items.
pub(crate) fn item_bar(total: u64) -> ProgressBar {
    bar(total, "{bar:30} {human_pos}/{human_len} {eta} {wide_msg}")
}

/// Shows a bar for each step of an export or import.
#[derive(Default)]
pub(crate) struct TransferBars {
    shown: Option<(TransferStep, ProgressBar)>,
}

impl TransferBars {
    pub(crate) fn show(&mut self, progress: TransferProgress) {
        let TransferProgress { step, done, total } = progress;
        match &self.shown {
            Some((shown, bar)) if *shown == step => bar.set_position(done),
            _ => {
                self.clear();
                let (bar, what) = match step {
                    TransferStep::Hashing => (byte_bar(total), "hashed"),
                    TransferStep::Copying => (byte_bar(total), "copied"),
                    TransferStep::Checking => (item_bar(total), "leaves checked"),
                };
                bar.set_message(what);
                bar.set_position(done);
                self.shown = Some((step, bar));
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        if let Some((_, bar)) = self.shown.take() {
            bar.finish_and_clear();
        }
    }
}

fn bar(total: u64, template: &str) -> ProgressBar {
    // A template that does not parse only changes the style.
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style)
}
