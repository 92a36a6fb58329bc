//! One connected socket, or one that is being connected.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect as connect_socket, socket_with,
    sockopt,
};

use crate::io::{Address, ByteStream, ReadPoll};

/// A socket that does not block.
#[derive(Debug)]
pub(super) struct Connection {
    socket: Socket,
    is_connected: bool,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Connection {
    pub(super) fn tcp(socket: TcpStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        // Lines leave when the sink says so, not when the peer has answered.
        socket.set_nodelay(true)?;
        Ok(Self { socket: Socket::Tcp(socket), is_connected: true })
    }

    pub(super) fn unix(socket: UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket: Socket::Unix(socket), is_connected: true })
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Socket::Tcp(socket) => socket.as_fd(),
            Socket::Unix(socket) => socket.as_fd(),
        }
    }
}

/// Begins to connect. A name is looked up here and now; a numeric address waits for nothing.
pub(super) fn connect(address: &Address) -> io::Result<Connection> {
    match address {
        Address::Tcp(name) => {
            let found = name.to_socket_addrs()?.next();
            let found = found.ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
            let family = match found {
                SocketAddr::V4(_) => AddressFamily::INET,
                SocketAddr::V6(_) => AddressFamily::INET6,
            };
            let socket = socket_with(family, SocketType::STREAM, flags(), None)?;
            let is_connected = has_connected(connect_socket(&socket, &found))?;
            let socket = TcpStream::from(socket);
            socket.set_nodelay(true)?;
            Ok(Connection { socket: Socket::Tcp(socket), is_connected })
        }
        Address::Unix(path) => {
            let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags(), None)?;
            let found = SocketAddrUnix::new(path.as_path())?;
            let is_connected = has_connected(connect_socket(&socket, &found))?;
            Ok(Connection { socket: Socket::Unix(UnixStream::from(socket)), is_connected })
        }
    }
}

fn flags() -> SocketFlags {
    SocketFlags::NONBLOCK | SocketFlags::CLOEXEC
}

fn has_connected(result: rustix::io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::INPROGRESS) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether a descriptor is ready for `wanted`, now.
pub(super) fn is_ready(fd: BorrowedFd<'_>, wanted: PollFlags) -> io::Result<bool> {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut [PollFd::from_borrowed_fd(fd, wanted)], Some(&now)) {
        Ok(count) => Ok(count > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// "Not now", and interruptions, as `None`.
pub(super) fn if_now<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(None),
            _ => Err(error),
        },
    }
}

/// Reads once into the end of `buffer`.
pub(super) fn read_once(
    buffer: &mut Vec<u8>,
    max: usize,
    read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
) -> io::Result<ReadPoll> {
    let start = buffer.len();
    buffer.resize(start + max, 0);
    let count = if_now(read(&mut buffer[start..]));
    buffer.truncate(start + *count.as_ref().ok().and_then(Option::as_ref).unwrap_or(&0));
    Ok(match count? {
        None => ReadPoll::Pending,
        Some(0) => ReadPoll::End,
        Some(count) => ReadPoll::Data(count),
    })
}

impl ByteStream for Connection {
    fn poll_connected(&mut self) -> io::Result<bool> {
        if !self.is_connected && is_ready(self.fd(), PollFlags::OUT)? {
            sockopt::socket_error(self.fd())?.map_err(io::Error::from)?;
            self.is_connected = true;
        }
        Ok(self.is_connected)
    }

    fn poll_read(&mut self, buffer: &mut Vec<u8>, max: usize) -> io::Result<ReadPoll> {
        if !self.poll_connected()? {
            return Ok(ReadPoll::Pending);
        }
        read_once(buffer, max, |bytes| match &mut self.socket {
            Socket::Tcp(socket) => socket.read(bytes),
            Socket::Unix(socket) => socket.read(bytes),
        })
    }

    fn poll_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() || !self.poll_connected()? {
            return Ok(0);
        }
        let written = match &mut self.socket {
            Socket::Tcp(socket) => socket.write(bytes),
            Socket::Unix(socket) => socket.write(bytes),
        };
        Ok(if_now(written)?.unwrap_or(0))
    }

    fn finish(&mut self) -> io::Result<()> {
        match &self.socket {
            Socket::Tcp(socket) => socket.shutdown(Shutdown::Write),
            Socket::Unix(socket) => socket.shutdown(Shutdown::Write),
        }
    }
}
