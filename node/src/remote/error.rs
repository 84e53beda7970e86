//! Why a provider gave no answer, or none that can be used.

use cairn_node_ext::printable;
use cairn_rpc::error::{Code, ErrorData, code_in};
use jsonrpsee::core::ClientError;
use jsonrpsee::types::ErrorObject;
use jsonrpsee::types::error::METHOD_NOT_FOUND_CODE;
use std::time::Duration;

/// The shortest time after which a provider is asked again.
const SOON: Duration = Duration::from_millis(50);

/// Why a provider gave no answer, or none that can be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoteError {
    #[error("the provider is not reached at {url}: {reason}")]
    Unreached { url: String, reason: String },
    #[error("the provider at {url} has not answered within {} s", .within.as_secs())]
    Late { url: String, within: Duration },
    #[error("the provider at {url} refuses: {message} (code {code})")]
    Refused {
        url: String,
        message: String,
        code: i32,
    },
    #[error(
        "the provider at {url} does not let its buckets be changed ({message}, code {code}): this \
         needs its token, which --rpc-token-file names (a provider that runs has it as rpc-token \
         in its base path), and an operator who has not said --rpc-methods safe"
    )]
    Unsafe {
        url: String,
        message: String,
        code: i32,
    },
    #[error(
        "the provider at {url} does not know what was asked ({message}): is it of this version?"
    )]
    NoSuchMethod { url: String, message: String },
    #[error("the answer of the provider at {url} cannot be read: {reason}")]
    Unreadable { url: String, reason: String },
    /// Said, and not so.
    #[error("what the provider at {url} answers does not hold: {reason}")]
    Untrue { url: String, reason: String },
}

impl RemoteError {
    /// What an error of the connection means.
    pub(super) fn told(url: &str, error: ClientError) -> Self {
        let url = url.to_owned();
        match error {
            ClientError::Call(error) => Self::refused(url, &error),
            ClientError::ParseError(error) => Self::Unreadable {
                url,
                reason: printable(&error.to_string()),
            },
            error => Self::Unreached {
                url,
                reason: printable(&error.to_string()),
            },
        }
    }

    /// Whether what was asked for may have been done all the same.
    pub(crate) const fn leaves_unsure(&self) -> bool {
        match self {
            Self::Unreached { .. }
            | Self::Late { .. }
            | Self::Unreadable { .. }
            | Self::Untrue { .. } => true,
            // It has failed somewhere on the way.
            Self::Refused { code, .. } => *code == Code::Failed.number(),
            Self::Unsafe { .. } | Self::NoSuchMethod { .. } => false,
        }
    }

    fn refused(url: String, error: &ErrorObject<'_>) -> Self {
        // Of somebody else's choosing, and shown to people.
        let (message, code) = (printable(error.message()), error.code());
        match code {
            // Substrate has one code for what is not allowed and what is not there.
            METHOD_NOT_FOUND_CODE if message.contains("unsafe") => {
                Self::Unsafe { url, message, code }
            }
            METHOD_NOT_FOUND_CODE => Self::NoSuchMethod { url, message },
            _ => Self::Refused { url, message, code },
        }
    }
}

/// When to ask again, where all that stands against it is the moment.
pub(super) fn ask_again_after(error: &ClientError) -> Option<Duration> {
    let ClientError::Call(error) = error else {
        return None;
    };
    if !matches!(code_in(error), Some(Code::Busy | Code::TooOften)) {
        return None;
    }
    let data = error.data().map(|data| serde_json::from_str(data.get()));
    let pause = match data {
        Some(Ok(ErrorData::RetryAfterMs(pause))) => Duration::from_millis(pause),
        _ => SOON,
    };
    Some(pause.max(SOON))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonrpsee::types::ErrorObjectOwned;

    fn call(code: i32, message: &str, data: Option<ErrorData>) -> ClientError {
        ClientError::Call(ErrorObjectOwned::owned(code, message, data))
    }

    #[test]
    fn what_is_not_allowed_is_told_from_what_is_not_there_and_what_is_refused() {
        let told = |code, message| {
            let error = RemoteError::told("ws://there", call(code, message, None));
            assert!(error.to_string().contains("ws://there"), "{error}");
            error
        };
        let denied = "RPC call is unsafe to be called externally";
        let error = told(-32601, denied).to_string();
        assert!(
            error.contains("--rpc-methods") && error.contains(denied),
            "{error}"
        );
        assert!(matches!(
            told(-32601, "Method not found"),
            RemoteError::NoSuchMethod { .. }
        ));
        let error = told(12_020, "the provider has no bucket 7").to_string();
        assert!(error.contains("no bucket 7 (code 12020)"), "{error}");
    }

    #[test]
    fn l2_what_a_provider_says_is_shown_on_one_line_and_moves_no_cursor() {
        for code in [-32_601, 12_020, 0] {
            let said = "unsafe\n\u{1b}[2Jcairn: all is well";
            let shown = RemoteError::told("ws://there", call(code, said, None)).to_string();
            assert!(!shown.contains(['\n', '\u{1b}']), "{shown:?}");
        }
    }

    #[test]
    fn only_what_has_no_place_now_is_asked_again_and_never_at_once() {
        let busy = |data| ask_again_after(&call(Code::Busy.number(), "busy", data));
        let later = Duration::from_millis(250);
        assert_eq!(busy(Some(ErrorData::RetryAfterMs(250))), Some(later));
        assert_eq!(busy(Some(ErrorData::RetryAfterMs(0))), Some(SOON));
        assert_eq!(busy(None), Some(SOON));
        let late = call(Code::TooLate.number(), "late", None);
        assert_eq!(ask_again_after(&late), None);
        assert_eq!(ask_again_after(&ClientError::RequestTimeout), None);
    }
}
