//! Errors of requests to a running provider.

use cairn_gadget::printable;
use cairn_rpc_api::{Code, ErrorData, code_in};
use jsonrpsee::core::ClientError;
use jsonrpsee::types::ErrorObject;
use jsonrpsee::types::error::METHOD_NOT_FOUND_CODE;
use std::time::Duration;

/// The minimum delay before a retry.
const MIN_RETRY_DELAY: Duration = Duration::from_millis(50);

/// An error of a request to a running provider.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoteError {
    #[error("cannot reach the provider at {url}: {reason}")]
    Unreachable { url: String, reason: String },
    #[error("the provider at {url} did not answer within {} s", .within.as_secs())]
    TimedOut { url: String, within: Duration },
    #[error("the provider at {url} refuses: {message} (code {code}){}", advice(*.code))]
    Refused {
        url: String,
        message: String,
        code: i32,
    },
    #[error(
        "the provider at {url} refuses changes of its buckets ({message}, code {code}): pass its \
         token with --rpc-token-file (a running provider keeps it as rpc-token in its base path); \
         with --rpc-methods safe it refuses all changes"
    )]
    Unsafe {
        url: String,
        message: String,
        code: i32,
    },
    #[error(
        "the provider at {url} does not know this request ({message}): is its version the same?"
    )]
    NoSuchMethod { url: String, message: String },
    #[error("cannot read the answer of the provider at {url}: {reason}")]
    Unreadable { url: String, reason: String },
    /// An answer that was checked and is not true.
    #[error("the provider at {url} gave a false answer: {reason}")]
    FalseAnswer { url: String, reason: String },
}

impl RemoteError {
    /// Converts an error of the client library.
    pub(crate) fn from_client_error(url: &str, error: ClientError) -> Self {
        let url = url.to_owned();
        match error {
            ClientError::Call(error) => Self::from_error_object(url, &error),
            ClientError::ParseError(error) => Self::Unreadable {
                url,
                reason: printable(&error.to_string()),
            },
            error => Self::Unreachable {
                url,
                reason: printable(&error.to_string()),
            },
        }
    }

    /// Returns true if the request may have been executed anyway.
    pub(crate) const fn may_have_executed(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::Unreadable { .. }
            | Self::FalseAnswer { .. } => true,
            // An internal failure may have happened at any point.
            Self::Refused { code, .. } => *code == Code::Failed.number(),
            Self::Unsafe { .. } | Self::NoSuchMethod { .. } => false,
        }
    }

    fn from_error_object(url: String, error: &ErrorObject<'_>) -> Self {
        // The other side chose this text, and it is printed.
        let (message, code) = (printable(error.message()), error.code());
        match code {
            // Substrate uses one code for unsafe and for unknown methods.
            METHOD_NOT_FOUND_CODE if message.contains("unsafe") => {
                Self::Unsafe { url, message, code }
            }
            METHOD_NOT_FOUND_CODE => Self::NoSuchMethod { url, message },
            _ => Self::Refused { url, message, code },
        }
    }
}

/// Returns what the operator can do about a refusal, for codes where the message does not say it.
fn advice(code: i32) -> &'static str {
    if code == Code::StillHeldTo.number() {
        return "; with the provider stopped, `cairn bucket delete --even-signed` deletes it";
    }
    if code == Code::NotExported.number() {
        return "; `cairn run --export-dir` names a folder for exports, and with the provider \
                stopped `cairn bucket export` writes anywhere";
    }
    ""
}

/// Returns the delay before a retry, if the request was refused only because the provider is
/// busy.
pub(crate) fn retry_delay(error: &ClientError) -> Option<Duration> {
    let ClientError::Call(error) = error else {
        return None;
    };
    if !matches!(code_in(error), Some(Code::Busy | Code::TooOften)) {
        return None;
    }
    let data = error.data().map(|data| serde_json::from_str(data.get()));
    let pause = match data {
        Some(Ok(ErrorData::RetryAfterMs(pause))) => Duration::from_millis(pause),
        _ => MIN_RETRY_DELAY,
    };
    Some(pause.max(MIN_RETRY_DELAY))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonrpsee::types::ErrorObjectOwned;

    fn call(code: i32, message: &str, data: Option<ErrorData>) -> ClientError {
        ClientError::Call(ErrorObjectOwned::owned(code, message, data))
    }

    #[test]
    fn unsafe_unknown_and_refused_requests_are_distinguished() {
        let error_of = |code, message| {
            let error = RemoteError::from_client_error("ws://there", call(code, message, None));
            assert!(error.to_string().contains("ws://there"), "{error}");
            error
        };
        let denied = "RPC call is unsafe to be called externally";
        let error = error_of(-32601, denied).to_string();
        assert!(
            error.contains("--rpc-methods") && error.contains(denied),
            "{error}"
        );
        assert!(matches!(
            error_of(-32601, "Method not found"),
            RemoteError::NoSuchMethod { .. }
        ));
        let error = error_of(12_020, "the provider has no bucket 7").to_string();
        assert!(error.contains("no bucket 7 (code 12020)"), "{error}");
    }

    #[test]
    fn l2_a_providers_text_is_escaped_on_one_line() {
        for code in [-32_601, 12_020, 0] {
            let said = "unsafe\n\u{1b}[2Jcairn: all is well";
            let shown =
                RemoteError::from_client_error("ws://there", call(code, said, None)).to_string();
            assert!(!shown.contains(['\n', '\u{1b}']), "{shown:?}");
        }
    }

    #[test]
    fn only_busy_requests_are_retried_after_a_delay() {
        let busy = |data| retry_delay(&call(Code::Busy.number(), "busy", data));
        let later = Duration::from_millis(250);
        assert_eq!(busy(Some(ErrorData::RetryAfterMs(250))), Some(later));
        assert_eq!(
            busy(Some(ErrorData::RetryAfterMs(0))),
            Some(MIN_RETRY_DELAY)
        );
        assert_eq!(busy(None), Some(MIN_RETRY_DELAY));
        let late = call(Code::TooLate.number(), "late", None);
        assert_eq!(retry_delay(&late), None);
        assert_eq!(retry_delay(&ClientError::RequestTimeout), None);
    }
}
