//! The packages of the workspace, as `cargo metadata` lists them.

use serde::Deserialize;
use std::path::PathBuf;
use std::process::Command;

/// The part of `cargo metadata` that the checks use.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    /// Folder of the workspace's `Cargo.toml`, absolute.
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    /// The members.
    pub(crate) packages: Vec<Package>,
}

/// A member of the workspace.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    /// Name on crates.io.
    pub(crate) name: String,
    /// Its `Cargo.toml`, absolute.
    pub(crate) manifest_path: PathBuf,
    /// Its direct dependencies.
    pub(crate) dependencies: Vec<Dependency>,
    /// Libraries, binaries, tests and so on.
    pub(crate) targets: Vec<Target>,
}

/// A dependency of a package.
#[derive(Debug, Deserialize)]
pub(crate) struct Dependency {
    /// Name on crates.io.
    pub(crate) name: String,
    /// `dev` or `build`; `None` for a normal one.
    pub(crate) kind: Option<String>,
    /// Its folder, if it is one of the repository.
    pub(crate) path: Option<PathBuf>,
}

/// One compilation unit of a package.
#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    /// `lib`, `bin`, `test`, `bench`, `example`, `custom-build`, …
    pub(crate) kind: Vec<String>,
    /// Root file, absolute.
    pub(crate) src_path: PathBuf,
}

impl Target {
    /// Returns whether this is a folder of integration tests.
    pub(crate) fn is_test(&self) -> bool {
        self.kind.iter().any(|kind| kind == "test")
    }

    /// Returns whether `cargo build` compiles it: a library, a binary or a build script.
    pub(crate) fn is_built_without_tests(&self) -> bool {
        !self
            .kind
            .iter()
            .any(|kind| ["test", "bench", "example"].contains(&kind.as_str()))
    }
}

/// `cargo metadata` gave no list of packages.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkspaceError {
    /// The program did not start.
    #[error("cargo did not start")]
    Start(#[source] std::io::Error),
    /// The program failed.
    #[error("cargo metadata failed: {0}")]
    Failed(String),
    /// git does not list its files.
    #[error("git ls-files failed: {0}")]
    Git(String),
    /// Its output is not what this version of the format has.
    #[error("the output of cargo metadata cannot be read")]
    Format(#[source] serde_json::Error),
}

/// A file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be read", path.display())]
pub(crate) struct ReadError {
    /// The file.
    path: PathBuf,
    /// The underlying error.
    source: std::io::Error,
}

impl Workspace {
    /// Asks cargo for the workspace of the current folder.
    ///
    /// # Errors
    /// If cargo does not start, fails, or answers in another format.
    pub(crate) fn load() -> Result<Self, WorkspaceError> {
        let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["metadata", "--locked", "--no-deps", "--format-version", "1"])
            .output()
            .map_err(WorkspaceError::Start)?;
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(WorkspaceError::Failed(reason));
        }
        serde_json::from_slice(&output.stdout).map_err(WorkspaceError::Format)
    }

    /// Returns the paths of the files that git tracks, from the root, in order.
    ///
    /// # Errors
    /// If git does not start or fails.
    pub(crate) fn tracked_files(&self) -> Result<Vec<String>, WorkspaceError> {
        let output = Command::new("git")
            .args(["ls-files", "-z"])
            .current_dir(&self.root)
            .output()
            .map_err(|error| WorkspaceError::Git(error.to_string()))?;
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(WorkspaceError::Git(reason));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.split_terminator('\0').map(str::to_owned).collect())
    }

    /// Reads a file by its path from the root.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn read(&self, file: &str) -> Result<Vec<u8>, ReadError> {
        let path = self.root.join(file);
        std::fs::read(&path).map_err(|source| ReadError { path, source })
    }

    /// Reads a file as text; bytes that are no UTF-8 are replaced.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn read_text(&self, file: &str) -> Result<String, ReadError> {
        Ok(String::from_utf8_lossy(&self.read(file)?).into_owned())
    }
}
