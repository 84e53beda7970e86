//! Flags of the S3 dialect, for applications that know nothing of the chain.

use crate::failure::Failure;
use cairn_http::HttpLimits;
use cairn_s3::AccessKeys;
use clap::Args;
use std::fs::File;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The most bytes of a file of keys.
const MAX_KEYS_BYTES: u64 = 1 << 20;
/// Mode bits that give other users access: all of others', and writing and executing of the group.
const OTHERS_MODE_BITS: u32 = 0o037;

/// Address, keys and limits of the S3 dialect.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "S3")]
pub(crate) struct S3Args {
    /// Port of the S3 dialect; 0 for any free port [default: it is not served]
    #[arg(long, value_name = "PORT", requires = "s3_keys")]
    s3_port: Option<u16>,
    /// Listen on all interfaces instead of loopback only. Put a proxy with TLS in front of it
    #[arg(long, requires = "s3_port")]
    s3_external: bool,
    /// TOML file with access keys, their secrets and their buckets. Nobody else may read it
    #[arg(long, value_name = "FILE")]
    s3_keys: Option<PathBuf>,
    /// Connections at once
    #[arg(long, value_name = "COUNT", default_value_t = HttpLimits::default().connections)]
    s3_max_connections: NonZeroU32,
}

impl S3Args {
    /// Returns the address to listen on, if any.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        let ip = match self.s3_external {
            true => Ipv4Addr::UNSPECIFIED,
            false => Ipv4Addr::LOCALHOST,
        };
        let port = self.s3_port?;
        Some(SocketAddr::from((IpAddr::V4(ip), port)))
    }

    /// Returns the number of connections at once, each of which takes a descriptor.
    pub(crate) fn connections(&self) -> u32 {
        match self.s3_port {
            Some(_) => self.s3_max_connections.get(),
            None => 0,
        }
    }

    /// Returns the limits of connections.
    pub(crate) fn limits(&self) -> HttpLimits {
        HttpLimits {
            connections: self.s3_max_connections,
            // An application opens many at once, and has a key.
            per_source: self.s3_max_connections,
            ..HttpLimits::default()
        }
    }

    /// Reads the file of keys.
    pub(crate) fn keys(&self) -> Result<AccessKeys, Failure> {
        match &self.s3_keys {
            Some(path) => read_keys(path),
            None => Ok(AccessKeys::default()),
        }
    }
}

/// Reads a file of keys. One that other users can read is refused.
fn read_keys(path: &Path) -> Result<AccessKeys, Failure> {
    let fault = |source| Failure::file("read the access keys in", path, source);
    let file = File::open(path).map_err(fault)?;
    let mode = file.metadata().map_err(fault)?.permissions().mode();
    if mode & OTHERS_MODE_BITS != 0 {
        return Err(Failure::Failed(format!(
            "{} is not secret, because its mode is {:04o}: run `chmod 600` on it, and replace the \
             secrets if others may have read them",
            path.display(),
            mode & 0o7777
        )));
    }
    let mut text = String::new();
    file.take(MAX_KEYS_BYTES)
        .read_to_string(&mut text)
        .map_err(fault)?;
    AccessKeys::parse(&text).map_err(|reason| {
        Failure::Failed(format!("the access keys in {}: {reason}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        s3: S3Args,
    }

    fn parsed(args: &[&str]) -> Option<S3Args> {
        let args = [&["cairn"], args].concat();
        Only::try_parse_from(args).ok().map(|only| only.s3)
    }

    #[test]
    fn it_is_served_only_where_a_port_and_keys_are_named() {
        let none = parsed(&[]).unwrap();
        assert_eq!((none.address(), none.connections()), (None, 0));
        assert!(parsed(&["--s3-port", "9000"]).is_none());
        assert!(parsed(&["--s3-external"]).is_none());
        let local = parsed(&["--s3-port", "9000", "--s3-keys", "/none"]).unwrap();
        assert_eq!(local.address(), Some("127.0.0.1:9000".parse().unwrap()));
        assert_eq!(local.connections(), 256);
        assert!(local.keys().is_err());
    }

    #[test]
    fn keys_that_others_can_read_are_refused() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(
            file,
            "[[key]]\naccess-key = \"a\"\nsecret = \"0123456789abcdef\""
        )
        .unwrap();
        assert!(read_keys(file.path()).is_ok());
        let mode = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(file.path(), mode).unwrap();
        let refused = read_keys(file.path()).unwrap_err().to_string();
        assert!(refused.contains("chmod 600"), "{refused}");
    }
}
