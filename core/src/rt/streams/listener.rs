//! A socket at which connections arrive, shared by the workers of one job.
//!
//! Connections are numbered as they arrive and dealt by number, whoever of the workers accepts them. The lock is taken when a
//! worker looks for new connections and when it opens one, never to read.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::connection::{Connection, if_now};
use crate::io::{Address, ByteStream, Listener};

/// A bound socket.
#[derive(Debug)]
pub(super) struct SystemListener {
    socket: Socket,
    arrived: Mutex<Arrived>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

/// Connections that were accepted and are not open yet.
#[derive(Debug, Default)]
struct Arrived {
    next: u64,
    /// Nobody knows of them yet.
    new: BTreeMap<u64, Connection>,
    /// Their worker knows of them.
    known: BTreeMap<u64, Connection>,
}

impl SystemListener {
    pub(super) fn bind(address: &Address) -> io::Result<Self> {
        let socket = match address {
            Address::Tcp(name) => {
                let socket = TcpListener::bind(name.as_str())?;
                socket.set_nonblocking(true)?;
                Socket::Tcp(socket)
            }
            Address::Unix(path) => {
                let socket = bind_unix(path)?;
                socket.set_nonblocking(true)?;
                Socket::Unix(socket, path.clone())
            }
        };
        Ok(Self { socket, arrived: Mutex::default() })
    }

    fn accept(&self) -> io::Result<Option<Connection>> {
        let accepted = match &self.socket {
            Socket::Tcp(socket) => socket.accept().and_then(|(socket, _)| Connection::tcp(socket)),
            Socket::Unix(socket, _) => {
                socket.accept().and_then(|(socket, _)| Connection::unix(socket))
            }
        };
        match if_now(accepted) {
            // It was there and has gone again.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => Ok(None),
            // Too many files are open: the connection waits at the system until one is closed.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
                tracing::warn!(%error, "a connection has to wait");
                Ok(None)
            }
            other => other,
        }
    }
}

/// A socket file that nobody listens at is left over from a program that was killed; it is replaced.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let probe = UnixStream::connect(path);
            if !probe.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
                return Err(error);
            }
            fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        other => other,
    }
}

impl Listener for SystemListener {
    fn address(&self) -> Address {
        match &self.socket {
            Socket::Tcp(socket) => {
                let address = socket.local_addr().map(|address| address.to_string());
                Address::Tcp(address.unwrap_or_default())
            }
            Socket::Unix(_, path) => Address::Unix(path.clone()),
        }
    }

    fn poll_accept(&self, worker: usize, workers: usize) -> io::Result<Option<u64>> {
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(connection) = self.accept()? {
            let number = arrived.next;
            arrived.next += 1;
            arrived.new.insert(number, connection);
        }
        let is_mine = |number: &&u64| **number % workers as u64 == worker as u64;
        let Some(number) = arrived.new.keys().find(is_mine).copied() else { return Ok(None) };
        let connection = arrived.new.remove(&number).expect("invariant: found above");
        arrived.known.insert(number, connection);
        Ok(Some(number))
    }

    fn open(&self, number: u64) -> io::Result<Box<dyn ByteStream>> {
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        match arrived.known.remove(&number) {
            Some(connection) => Ok(Box::new(connection)),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl Drop for SystemListener {
    fn drop(&mut self) {
        if let Socket::Unix(_, path) = &self.socket {
            // It may be gone already; the next to bind replaces it anyway.
            drop(fs::remove_file(path));
        }
    }
}
