//! Laid out first; filled in next.
