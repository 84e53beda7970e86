//! Amounts of a chain's token, parsed and printed exactly: no floating point.

use std::fmt::Write;

/// The most decimals of a token: more would not fit an amount of one unit.
const MAX_DECIMALS: u8 = 38;
/// The longest symbol of a token, in bytes.
const MAX_SYMBOL_BYTES: usize = 12;
/// The name of a chain's smallest unit.
const SMALLEST: &str = "planck";

/// A chain's token: how amounts of its smallest unit are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    decimals: u8,
    symbol: String,
}

/// A text that is not an amount of a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// It is not a decimal number.
    #[error("{0:?} is not an amount: write digits with at most one point, and then the unit")]
    NotANumber(String),
    /// It has a unit that is not the token's.
    #[error("{unit:?} is not a unit of this chain: write {expected}")]
    OtherUnit {
        /// The unit.
        unit: String,
        /// The units of the chain.
        expected: String,
    },
    /// It has more decimals than the token.
    #[error("{text:?} has more decimals than the token, which has {decimals}")]
    TooPrecise {
        /// The text.
        text: String,
        /// The token's decimals.
        decimals: u8,
    },
    /// It is larger than any amount.
    #[error("{0:?} is larger than any amount of this chain")]
    TooLarge(String),
}

impl Token {
    /// Creates a token. Returns `None` if a node's answer cannot be one: more than 38
    /// decimals, or a symbol that is not 1 to 12 ASCII letters and digits with a letter first.
    pub fn new(decimals: u8, symbol: &str) -> Option<Self> {
        let starts = symbol.starts_with(|c: char| c.is_ascii_alphabetic());
        let is_plain = symbol.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let fits = symbol.len() <= MAX_SYMBOL_BYTES && decimals <= MAX_DECIMALS;
        (starts && is_plain && fits).then(|| Self {
            decimals,
            symbol: symbol.to_owned(),
        })
    }

    /// Returns the smallest unit, for a chain that does not tell its token.
    pub fn smallest() -> Self {
        Self {
            decimals: 0,
            symbol: SMALLEST.to_owned(),
        }
    }

    /// Parses an amount: `12.5` and `12.5 PAS` in the token, `12500 planck` in its smallest
    /// unit. Digits may be grouped by `_`.
    ///
    /// # Errors
    ///
    /// [`AmountError`]. Nothing is rounded.
    pub fn parse(&self, text: &str) -> Result<u128, AmountError> {
        let text = text.trim();
        let is_number = |c: char| c.is_ascii_digit() || c == '.' || c == '_';
        let end = text.find(|c| !is_number(c)).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let unit = unit.trim();
        let decimals = match unit {
            unit if unit.eq_ignore_ascii_case(SMALLEST) => 0,
            unit if unit.is_empty() || unit.eq_ignore_ascii_case(&self.symbol) => self.decimals,
            unit => {
                return Err(AmountError::OtherUnit {
                    unit: unit.to_owned(),
                    expected: match self.symbol == SMALLEST {
                        true => SMALLEST.to_owned(),
                        false => format!("{} or {SMALLEST}", self.symbol),
                    },
                });
            }
        };
        let not_a_number = || AmountError::NotANumber(text.to_owned());
        let number = number.replace('_', "");
        let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let has_digits = !whole.is_empty() && (!fraction.is_empty() || !number.contains('.'));
        if !has_digits || !is_digits(whole) || !is_digits(fraction) {
            return Err(not_a_number());
        }
        let fraction = fraction.trim_end_matches('0');
        let places = usize::from(decimals);
        let Some(missing) = places.checked_sub(fraction.len()) else {
            return Err(AmountError::TooPrecise {
                text: text.to_owned(),
                decimals,
            });
        };
        let digits = format!("{whole}{fraction}{}", "0".repeat(missing));
        // Only too many digits are left as an error.
        digits
            .parse()
            .map_err(|_| AmountError::TooLarge(text.to_owned()))
    }

    /// Returns an amount of the smallest unit as text that [`Token::parse`] reads: every
    /// digit counts, and trailing zeros are left out.
    pub fn format(&self, amount: u128) -> String {
        let digits = amount.to_string();
        let places = usize::from(self.decimals);
        let padded = format!(
            "{}{digits}",
            "0".repeat(places.saturating_sub(digits.len()))
        );
        let (whole, fraction) = padded.split_at(padded.len().saturating_sub(places));
        let fraction = fraction.trim_end_matches('0');
        let mut text = match whole {
            "" => "0".to_owned(),
            whole => whole.to_owned(),
        };
        if !fraction.is_empty() {
            // Writing to a string does not fail.
            let _ = write!(text, ".{fraction}");
        }
        format!("{text} {}", self.symbol)
    }

    /// Returns an amount in the token and, where that differs, in the smallest unit.
    pub fn format_both(&self, amount: u128) -> String {
        match self.decimals {
            0 => self.format(amount),
            _ => format!("{} ({amount} {SMALLEST})", self.format(amount)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pas() -> Token {
        Token::new(12, "PAS").unwrap()
    }

    #[test]
    fn amounts_are_read_in_both_units() {
        for (text, amount) in [
            ("0", 0),
            ("1", 1_000_000_000_000),
            ("1 PAS", 1_000_000_000_000),
            ("1pas", 1_000_000_000_000),
            ("1_000.5", 1_000_500_000_000_000),
            ("0.000000000001", 1),
            ("1.100000000000000000 PAS", 1_100_000_000_000),
            ("7 planck", 7),
            ("7Planck", 7),
        ] {
            assert_eq!(pas().parse(text), Ok(amount), "{text}");
        }
        assert_eq!(Token::smallest().parse("7"), Ok(7));
    }

    #[test]
    fn nothing_is_guessed_or_rounded() {
        for text in [
            "", ".", "1.", ".5", "1.2.3", "-1", "+1", "1,5", "1e12", "_", "٣",
        ] {
            assert!(
                matches!(
                    pas().parse(text),
                    Err(AmountError::NotANumber(_) | AmountError::OtherUnit { .. })
                ),
                "{text}"
            );
        }
        let precise = pas().parse("0.0000000000001");
        assert!(matches!(precise, Err(AmountError::TooPrecise { .. })));
        let part = pas().parse("0.5 planck");
        assert!(matches!(part, Err(AmountError::TooPrecise { .. })));
        let large = pas().parse(&"9".repeat(40));
        assert!(matches!(large, Err(AmountError::TooLarge(_))));
        let other = pas().parse("5 DOT").unwrap_err().to_string();
        assert!(other.contains("PAS or planck"), "{other}");
    }

    #[test]
    fn a_token_that_a_node_makes_up_is_refused() {
        for (decimals, symbol) in [
            (39, "PAS"),
            (12, ""),
            (12, "A\u{1b}[2J"),
            (0, "9"),
            (1, "ABCDEFGHIJKLM"),
        ] {
            assert_eq!(Token::new(decimals, symbol), None, "{symbol:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_as_the_same_amount(amount: u128, decimals in 0u8..=38) {
            let token = Token::new(decimals, "UNIT").unwrap();
            prop_assert_eq!(token.parse(&token.format(amount)), Ok(amount));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9._ a-zA-Z]{0,48}", decimals in 0u8..=38) {
            let _ = Token::new(decimals, "UNIT").unwrap().parse(&text);
        }
    }
}
