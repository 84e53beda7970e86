//! Tells the service manager when the provider serves and when it stops, by systemd's protocol:
//! one datagram for each state, to the socket that `NOTIFY_SOCKET` names.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The variable that names the manager's socket.
const SOCKET_VARIABLE: &str = "NOTIFY_SOCKET";
/// The time after which a manager that reads nothing is given up.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// The service manager, if one started this process and wants to hear of it.
#[derive(Debug)]
pub(super) struct ServiceManager(Option<OsString>);

impl ServiceManager {
    /// Returns the manager that started this process.
    pub(super) fn from_env() -> Self {
        Self(std::env::var_os(SOCKET_VARIABLE).filter(|name| !name.is_empty()))
    }

    /// Reports that the RPC is served.
    pub(super) fn report_ready(&self) {
        self.send("READY=1");
    }

    /// Reports that the provider stops.
    pub(super) fn report_stopping(&self) {
        self.send("STOPPING=1");
    }

    /// Sends a state. A failure is logged only: to answer challenges is worth more than to be
    /// seen by the manager.
    fn send(&self, state: &str) {
        let Some(name) = &self.0 else { return };
        if let Err(error) = send_to(name, state) {
            tracing::warn!(
                socket = %name.display(), state, %error,
                "cannot reach the service manager at {SOCKET_VARIABLE}"
            );
        }
    }
}

fn send_to(name: &OsStr, state: &str) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(SEND_TIMEOUT))?;
    socket.send_to_addr(state.as_bytes(), &address(name)?)?;
    Ok(())
}

/// Parses the address of a socket: an absolute path, or `@` and a name outside of the file system.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'@', abstract_name @ ..] => SocketAddr::from_abstract_name(abstract_name),
        [b'/', ..] => SocketAddr::from_pathname(name),
        _ => Err(io::Error::new(
            ErrorKind::InvalidInput,
            "expected an absolute path, or a name that begins with @",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a socket that does not wait: what was sent to it is there already.
    fn socket(address: &SocketAddr) -> UnixDatagram {
        let socket = UnixDatagram::bind_addr(address).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    }

    fn received(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 64];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn each_state_is_one_datagram_at_a_path_or_an_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify").into_os_string();
        let mut name = OsString::from("@");
        name.push(&path);
        for at in [path, name] {
            let socket = socket(&address(&at).unwrap());
            let manager = ServiceManager(Some(at));
            manager.report_ready();
            manager.report_stopping();
            assert_eq!(received(&socket), "READY=1");
            assert_eq!(received(&socket), "STOPPING=1");
            assert!(socket.recv(&mut [0]).is_err());
        }
    }

    #[test]
    fn a_manager_that_cannot_be_reached_is_an_error_and_no_panic() {
        for at in ["/nowhere/notify", "notify", "vsock:2:1"] {
            assert!(send_to(OsStr::new(at), "READY=1").is_err(), "{at}");
            ServiceManager(Some(at.into())).report_ready();
        }
        ServiceManager(None).report_ready();
    }
}
