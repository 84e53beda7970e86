//! The origins of web pages that an operator lists for a listener.

use std::str::FromStr;

/// The origins of web pages that may use a listener, as browsers name them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// All origins.
    #[default]
    All,
    /// The listed origins.
    Listed(Vec<String>),
}

impl FromStr for AllowedOrigins {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        let origins: Vec<_> = text
            .split(',')
            .map(|origin| origin.trim().to_owned())
            .collect();
        match origins.iter().find(|origin| !origin.contains("://")) {
            None => Ok(Self::Listed(origins)),
            Some(wrong) => Err(format!(
                "{wrong:?} is no origin: expected one such as https://example.org"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_whole_url() {
        assert_eq!("all".parse(), Ok(AllowedOrigins::All));
        let listed = ["https://a.example", "http://b.example:*"].map(str::to_owned);
        assert_eq!(
            "https://a.example, http://b.example:*".parse(),
            Ok(AllowedOrigins::Listed(listed.to_vec()))
        );
        for wrong in [
            "",
            "a.example",
            "https://a.example,",
            "all,https://a.example",
        ] {
            assert!(wrong.parse::<AllowedOrigins>().is_err(), "{wrong:?}");
        }
    }
}
