//! A storage provider's life on chain: registering, changing its record, leaving.
//!
//! ```text
//! RegistrationClient ─► Facts ─┬─► setup_calls, next_step: which calls are missing
//!                              ├─► Facts::check: what the chain would refuse
//!                              └─► Submitter: one call at a time, until its effect is final
//! ```
//!
//! **It is** the decisions and steps behind the operator's commands, over any chain client.
//! Plans are pure functions of a finalized block's facts, so that a command that was stopped
//! continues, and submits nothing twice.
//!
//! **It is not** a user interface: it prints nothing, asks nothing, and has no key.
//!
//! ```
//! use cairn_lifecycle::Token;
//!
//! let token = Token::new(12, "PAS").ok_or("not a token")?;
//! let stake = token.parse("1000.5")?;
//! assert_eq!(token.format(stake), "1000.5 PAS");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod amount;
mod answer_cost;
mod describe;
pub mod doctor;
mod effect;
mod facts;
mod journal;
mod leave;
mod refusal;
mod rules;
mod settings;
mod setup;
mod submit;
#[cfg(test)]
mod tests;

// Amounts and calls, for people.
pub use amount::{AmountError, Token};
pub use describe::{call_arguments, call_name, counted, setting_values, span};
// What the chain knows, and would refuse.
pub use facts::Facts;
pub use refusal::Refusal;
// Plans.
pub use answer_cost::full_size_answer;
pub use leave::{LeaveStep, Wait, next_step};
pub use settings::{DEFAULT_MAX_DURATION, SettingsChange, SettingsRisk};
pub use setup::{DEFAULT_PAID_ANSWERS, Price, SetupRequest, settings_after, setup_calls};
// Submitting.
pub use effect::Effect;
pub use journal::{Journal, JournalError, LIFETIME_BLOCKS, PendingCall};
pub use submit::{Progress, SubmitError, Submitter, finality_lag};
