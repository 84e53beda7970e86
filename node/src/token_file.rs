//! Files with the token for unsafe RPC methods. Each start of a provider creates a new token
//! in its base path, for commands on the same machine, and the stop removes it. A token that
//! a killed provider has left is useless later. For other machines the operator may keep a
//! token in a file of their own.

use crate::failure::Failure;
use cairn_rpc_listener::Token;
use rand::RngCore;
use rand::rngs::OsRng;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The file's name in the base path.
pub(crate) const NAME: &str = "rpc-token";
/// The maximum size of a token file. A token and its line end are shorter.
const MAX_BYTES: u64 = 1024;
/// Mode bits that give other users access: all of others', and writing and executing of
/// the group.
const OTHERS_MODE_BITS: u32 = 0o037;

/// The token file of a running provider, which is removed on drop.
pub(crate) struct TokenFile(PathBuf);

impl TokenFile {
    /// Creates a new token, and replaces one that a killed process has left.
    pub(crate) fn create(base: &Path) -> Result<(Self, Token), Failure> {
        let path = base.join(NAME);
        let unfinished = base.join(format!("{NAME}.new"));
        let fault = |source| Failure::file("write", &path, source);
        let secret = random_hex().map_err(fault)?;
        match std::fs::remove_file(&unfinished) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fault(error)),
            _ => {}
        }
        let mut options = OpenOptions::new();
        let made = options.write(true).create_new(true).mode(0o600);
        made.open(&unfinished)
            .and_then(|mut file| writeln!(file, "{secret}"))
            .and_then(|()| std::fs::rename(&unfinished, &path))
            .map_err(fault)?;
        let token = parse(&secret, &path)?;
        Ok((Self(path), token))
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "cannot remove the file with the RPC's token");
        }
    }
}

/// Returns 256 random bits in hex.
fn random_hex() -> io::Result<String> {
    let mut bytes = [0; 32];
    OsRng.try_fill_bytes(&mut bytes).map_err(io::Error::other)?;
    Ok(hex::encode(bytes))
}

/// Returns the token that a running provider has left in its base path, if it is readable.
pub(crate) fn read_in_base_path(base: &Path) -> Option<Token> {
    read(&base.join(NAME)).ok()
}

/// Reads a token file of the operator. A file that other users can read is refused.
pub(crate) fn read(path: &Path) -> Result<Token, Failure> {
    let fault = |source| Failure::file("read the token in", path, source);
    let file = File::open(path).map_err(fault)?;
    let mode = file.metadata().map_err(fault)?.permissions().mode();
    if mode & OTHERS_MODE_BITS != 0 {
        return Err(Failure::Failed(format!(
            "{} is not secret, because its mode is {:04o}: run `chmod 600` on it, and replace \
             the token if others may have read it",
            path.display(),
            mode & 0o7777
        )));
    }
    let mut text = String::new();
    file.take(MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(fault)?;
    parse(text.trim(), path)
}

fn parse(text: &str, path: &Path) -> Result<Token, Failure> {
    text.parse().map_err(|reason| {
        Failure::Failed(format!(
            "{} holds no token: {reason}; `openssl rand -hex 32` makes one",
            path.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn s7c_each_start_has_a_new_secret_token_until_its_end() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join(NAME);
        let (first, token) = TokenFile::create(base.path()).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(
            read_in_base_path(base.path()).unwrap().secret(),
            token.secret()
        );
        // As after a kill, with a file that others may read in its way.
        std::mem::forget(first);
        std::fs::write(base.path().join("rpc-token.new"), "left").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        let (second, next) = TokenFile::create(base.path()).unwrap();
        assert_ne!(token.secret(), next.secret());
        assert_eq!(mode(&path), 0o600);
        drop(second);
        assert!(!path.exists());
        assert!(read_in_base_path(base.path()).is_none());
    }

    #[test]
    fn s7c_a_token_that_others_can_read_or_guess_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, format!("{}\n", "ab".repeat(32))).unwrap();
        for (bits, is_secret) in [(0o600, true), (0o400, true), (0o440, true)]
            .into_iter()
            .chain([0o644, 0o604, 0o620, 0o660, 0o601].map(|bits| (bits, false)))
        {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(bits)).unwrap();
            assert_eq!(read(&path).is_ok(), is_secret, "{bits:o}");
        }
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        for text in ["", "secret", "two words that are long enough for a token"] {
            std::fs::write(&path, text).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains("holds no token"), "{error}");
        }
        assert!(read(&folder.path().join("none")).is_err());
    }
}
