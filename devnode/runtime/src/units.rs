//! Money: its units, and what is paid for bytes.

use crate::Balance;

/// A coin, in the smallest unit.
pub const UNIT: Balance = 1_000_000_000_000;
/// The least balance with which an account exists.
pub const EXISTENTIAL_DEPOSIT: Balance = UNIT / 1_000;
/// The fee for a byte of an extrinsic: an answer with a full chunk costs 2.6 coins.
pub const TRANSACTION_BYTE_FEE: Balance = UNIT / 100_000;
