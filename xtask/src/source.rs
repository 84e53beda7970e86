//! The source of a crate: its files, modules, imports, and what of it only tests have.

mod cfg;
mod imports;
mod measure;
mod modules;

pub(crate) use cfg::is_test_only;
pub(crate) use imports::{imports, is_reexport};
pub(crate) use measure::lines_for_tests;
pub(crate) use modules::{Binding, FileId, ModuleId, Modules, ModulesError};
