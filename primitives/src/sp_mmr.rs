//! The second dialect.
