//! A service manager hears that the provider serves, and that it stops.

use crate::support::Provider;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A test that hangs ends then.
const TEST_TIMEOUT: Duration = Duration::from_secs(120);

/// Returns `cairn run` with a node that nobody reaches, and a manager's socket.
fn run(provider: &Provider, manager: &str) -> Command {
    let chain = ["run", "--chain", "ws://127.0.0.1:9"];
    let ports = ["--rpc-port", "0", "--prometheus-port", "0"];
    let mut command = provider.command([&chain[..], &ports].concat());
    command.env("NOTIFY_SOCKET", manager).stderr(Stdio::null());
    command
}

fn received(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 64];
    let length = socket.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

fn stop(running: &mut Child) -> Option<i32> {
    kill_process(Pid::from_child(running), Signal::TERM).unwrap();
    running.wait().unwrap().code()
}

/// Asks the running provider over HTTP whether it is alive.
fn health(provider: &Provider) -> String {
    let url = std::fs::read_to_string(provider.base_path().join("rpc-address")).unwrap();
    let mut rpc = TcpStream::connect(url.trim().strip_prefix("ws://").unwrap()).unwrap();
    let request = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    rpc.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    rpc.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn ready_is_reported_when_the_rpc_answers_and_stopping_before_the_end() {
    let provider = Provider::with_bucket("1");
    let path = provider.base_path().with_file_name("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    let mut command = run(&provider, path.to_str().unwrap());
    let mut running = command.stdout(Stdio::null()).spawn().unwrap();
    assert_eq!(received(&socket), "READY=1");
    let answer = health(&provider);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(stop(&mut running), Some(0));
    assert_eq!(received(&socket), "STOPPING=1");
    socket.set_nonblocking(true).unwrap();
    assert!(socket.recv(&mut [0]).is_err(), "each state is sent once");
}

#[test]
fn a_provider_serves_without_the_manager_that_it_was_given() {
    let provider = Provider::new();
    let mut command = run(&provider, "/nowhere/notify");
    let mut running = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(running.stdout.take().unwrap()).lines();
    assert!(said.next().is_some(), "it ended");
    assert!(health(&provider).starts_with("HTTP/1.1 200"));
    assert_eq!(stop(&mut running), Some(0));
}
