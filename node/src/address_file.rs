//! The file in the base path with the running provider's RPC address. Commands read it
//! when the base path is locked.

use crate::failure::Failure;
use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// The file's name.
const NAME: &str = "rpc-address";
/// The maximum size of the file. A URL with a socket address is shorter.
const MAX_BYTES: u64 = 256;

/// The file, which is removed on drop.
pub(crate) struct AddressFile(PathBuf);

impl AddressFile {
    /// Writes the file. It replaces one that a killed process has left, and never follows
    /// a link of that name.
    pub(crate) fn write(base: &Path, address: SocketAddr) -> Result<Self, Failure> {
        let path = base.join(NAME);
        let unfinished = base.join(format!("{NAME}.new"));
        let fault = |source| Failure::file("write", &path, source);
        match std::fs::remove_file(&unfinished) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(fault(error)),
            _ => {}
        }
        std::fs::File::create_new(&unfinished)
            .and_then(|mut file| writeln!(file, "{}", url(address)))
            .and_then(|()| std::fs::rename(&unfinished, &path))
            .map_err(fault)?;
        Ok(Self(path))
    }
}

impl Drop for AddressFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "cannot remove the file with the RPC's address");
        }
    }
}

/// Returns the URL by which this machine reaches a listener.
pub(crate) fn url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        ip => ip,
    };
    format!("ws://{}", SocketAddr::new(ip, address.port()))
}

/// Reads the address that a running provider has left in its base path.
pub(crate) fn read(base: &Path) -> Option<String> {
    use std::io::Read;
    let mut text = String::new();
    let file = std::fs::File::open(base.join(NAME)).ok()?;
    file.take(MAX_BYTES).read_to_string(&mut text).ok()?;
    let url = text.trim();
    url.starts_with("ws://").then(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l7_the_address_is_found_while_the_provider_runs_and_not_afterwards() {
        let base = tempfile::tempdir().unwrap();
        assert_eq!(read(base.path()), None);
        let file = AddressFile::write(base.path(), "0.0.0.0:77".parse().unwrap()).unwrap();
        assert_eq!(read(base.path()).unwrap(), "ws://127.0.0.1:77");
        drop(file);
        assert_eq!(read(base.path()), None);
        std::fs::write(base.path().join(NAME), [0xff; 400]).unwrap();
        assert_eq!(read(base.path()), None);
        // The target of a link must not be written.
        let notes = base.path().join("notes");
        std::fs::write(&notes, "mine").unwrap();
        for name in [NAME, "rpc-address.new"] {
            let _ = std::fs::remove_file(base.path().join(name));
            std::os::unix::fs::symlink(&notes, base.path().join(name)).unwrap();
        }
        let file = AddressFile::write(base.path(), "127.0.0.1:78".parse().unwrap()).unwrap();
        assert_eq!(read(base.path()).unwrap(), "ws://127.0.0.1:78");
        drop(file);
        assert_eq!(std::fs::read_to_string(&notes).unwrap(), "mine");
        assert_eq!(read(base.path()), None);
    }
}
