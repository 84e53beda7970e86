//! The log, on stderr. It contains text from peers, so each event stays on one line and
//! control characters are escaped. This version of the logging library does not escape
//! them (RUSTSEC-2025-0055).

use crate::commands::run::LogFormat;
use cairn_gadget::{is_unprintable, printable_json};
use std::fmt;
use std::io::{self, Write};
use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{DefaultFields, Writer};
use tracing_subscriber::fmt::{FormatFields, MakeWriter};

/// Creates the subscriber that writes events as text or JSON.
pub(crate) fn subscriber<W>(
    format: LogFormat,
    filter: EnvFilter,
    colours: bool,
    writer: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours);
    match format {
        LogFormat::Text => Box::new(log.fmt_fields(EscapedFields).with_writer(writer).finish()),
        LogFormat::Json => {
            let writer = EscapedJsonWriter(writer);
            Box::new(log.json().flatten_event(true).with_writer(writer).finish())
        }
    }
}

/// Formats an event's fields and message with unprintable characters escaped. Everything
/// else on a line comes from the program itself.
struct EscapedFields;

impl<'w> FormatFields<'w> for EscapedFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut text = String::new();
        DefaultFields::new().format_fields(Writer::new(&mut text), fields)?;
        for character in text.chars() {
            match is_unprintable(character) {
                true => write!(writer, "{}", character.escape_default())?,
                false => writer.write_char(character)?,
            }
        }
        Ok(())
    }
}

/// Writes JSON objects. The library escapes ASCII control characters; this escapes the
/// other unprintable ones.
struct EscapedJsonWriter<W>(W);

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for EscapedJsonWriter<W> {
    type Writer = EscapedJsonWriter<W::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        EscapedJsonWriter(self.0.make_writer())
    }
}

impl<W: Write> Write for EscapedJsonWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = printable_json(&String::from_utf8_lossy(bytes));
        self.0.write_all(line.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::sync::{Arc, Mutex};

    /// A writer that keeps everything in memory.
    #[derive(Clone, Default)]
    struct MemoryWriter(Arc<Mutex<Vec<u8>>>);

    impl Write for MemoryWriter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const PEER_TEXT: &str = "no\n2026-11-30 ERROR cairn_node_ext: A CHALLENGE IS LOST, and the stake \
                        with it\r\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m\u{202e}end";

    fn logged(format: LogFormat, colours: bool) -> String {
        let kept = MemoryWriter::default();
        let writer = kept.clone();
        let filter = EnvFilter::new("info");
        let subscriber = subscriber(format, filter, colours, move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!("asked", of = %PEER_TEXT);
            let _within = span.enter();
            tracing::warn!(error = %PEER_TEXT, debug = ?PEER_TEXT, text = PEER_TEXT, "a peer says {PEER_TEXT}");
        });
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn l2_line_ends_and_escapes_of_a_peer_are_escaped() {
        let log = logged(LogFormat::Text, false);
        assert_eq!(log.matches('\n').count(), 1, "{log:?}");
        let line = log.strip_suffix('\n').unwrap();
        assert!(!line.chars().any(is_unprintable), "{line:?}");
        assert!(
            line.contains("\\n2026-11-30 ERROR") && line.contains("\\u{1b}[2J"),
            "{line}"
        );
        // Escapes for colours come from the program; none come from the peer.
        let log = logged(LogFormat::Text, true);
        assert_eq!(log.matches('\n').count(), 1, "{log:?}");
        assert!(
            !log.contains("\u{1b}[2J") && !log.contains('\u{7}'),
            "{log:?}"
        );
    }

    #[test]
    fn l2_json_has_the_exact_text_of_a_peer_on_one_line() {
        let log = logged(LogFormat::Json, false);
        assert_eq!(log.matches('\n').count(), 1, "{log:?}");
        assert!(!log.trim_end().chars().any(is_unprintable), "{log:?}");
        let event: Value = serde_json::from_str(&log).unwrap();
        assert_eq!(event["error"], PEER_TEXT);
        assert_eq!(event["message"], format!("a peer says {PEER_TEXT}"));
    }
}
