//! The output on stdout: text, or with `--json` one object per line. Each line is flushed,
//! so that the reader of a pipe gets it at once.

use crate::failure::Failure;
use cairn_gadget::{printable_json, printable_lines};
use serde::Serialize;
use std::fmt::Display;
use std::io::Write;

/// The format of the output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// Prints an answer, as text or as JSON.
    pub(crate) fn answer(self, answer: &(impl Serialize + Display)) -> Result<(), Failure> {
        if self.json {
            self.json(answer)
        } else {
            write_line(&printable_lines(&answer.to_string()))
        }
    }

    /// Prints text, unless the output is JSON.
    pub(crate) fn text(self, text: impl Display) -> Result<(), Failure> {
        if self.json {
            Ok(())
        } else {
            write_line(&printable_lines(&text.to_string()))
        }
    }

    fn json(self, object: &impl Serialize) -> Result<(), Failure> {
        let line = serde_json::to_string(object).map_err(|error| Failure::Output(error.into()))?;
        write_line(&printable_json(&line))
    }
}

fn write_line(line: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")
        .and_then(|()| stdout.flush())
        .map_err(Failure::Output)
}
