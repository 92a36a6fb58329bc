//! Real sockets and pipes: nothing waits, and what went in comes out.

use std::io::{Read as _, Write as _, pipe};
use std::net::TcpStream;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixListener;

use super::*;
use crate::io::ReadPoll;

fn any_port() -> Address {
    Address::Tcp("127.0.0.1:0".into())
}

/// Asks until there is an answer; the test's own watchdog is the runner's.
fn until<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    loop {
        match ask() {
            Some(answer) => return answer,
            None => std::thread::yield_now(),
        }
    }
}

fn read_all(stream: &mut dyn ByteStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    while stream.poll_read(&mut bytes, 7).unwrap() != ReadPoll::End {}
    bytes
}

#[test]
fn connections_are_dealt_by_number_whoever_accepts_them() {
    let streams = SystemStreams::default();
    let listener = streams.listen("lines", &any_port()).unwrap();
    let Address::Tcp(address) = listener.address() else { unreachable!("bound to a port") };
    let peers: Vec<_> = (0..4).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let take = |worker| until(|| listener.poll_accept(worker, 2).unwrap());
    assert_eq!([take(1), take(1), take(0), take(0)], [1, 3, 0, 2]);
    assert_eq!(listener.poll_accept(0, 2).unwrap(), None);
    for (number, mut peer) in peers.into_iter().enumerate() {
        let mut stream = listener.open(number as u64).unwrap();
        let mut bytes = Vec::new();
        assert_eq!(stream.poll_read(&mut bytes, 10).unwrap(), ReadPoll::Pending);
        peer.write_all(format!("I am {number}").as_bytes()).unwrap();
        drop(peer);
        assert_eq!(read_all(&mut *stream), format!("I am {number}").as_bytes());
        assert!(listener.open(number as u64).is_err(), "a connection is handed out once");
    }
}

#[test]
fn the_same_owner_gets_the_same_listener_and_another_one_is_refused() {
    let streams = SystemStreams::default();
    let first = streams.listen("a", &any_port()).unwrap();
    assert_eq!(streams.listen("a", &any_port()).unwrap().address(), first.address());
    let error = streams.listen("b", &first.address()).err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
}

#[test]
fn a_socket_file_that_nobody_listens_at_is_replaced_and_removed_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "std leaves the file");
    let streams = SystemStreams::default();
    let address = Address::Unix(path.clone());
    let listener = streams.listen("a", &address).unwrap();
    assert!(streams.listen("b", &address).is_err(), "somebody listens now");
    let mut client = streams.connect(&address, 0).unwrap();
    assert!(until(|| client.poll_connected().unwrap().then_some(true)));
    assert_eq!(client.poll_write(b"over").unwrap(), 4);
    client.finish().unwrap();
    // The probe of the second owner was a connection, too.
    let numbers: Vec<u64> = (0..2).map(|_| until(|| listener.poll_accept(0, 1).unwrap())).collect();
    let found = numbers.iter().map(|number| read_all(&mut *listener.open(*number).unwrap()));
    assert!(found.into_iter().any(|bytes| bytes == b"over"));
    drop((listener, streams));
    assert!(!path.exists());
}

#[test]
fn nobody_at_the_port_is_said_by_the_connection() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address = Address::Tcp(free.to_string());
    let error = match SystemStreams::default().connect(&address, 0) {
        Err(error) => error,
        Ok(mut stream) => until(|| stream.poll_connected().err()),
    };
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

#[test]
fn a_full_pipe_takes_nothing_and_an_empty_one_gives_nothing() {
    let (mut reader, mut writer) = pipe().unwrap();
    let mut bytes = Vec::new();
    assert_eq!(standard::read(reader.as_fd(), &mut bytes, 10).unwrap(), ReadPoll::Pending);
    let mut sent = 0;
    loop {
        match standard::write(writer.as_fd(), &[b'x'; 10_000]).unwrap() {
            0 => break,
            count => sent += count,
        }
    }
    let mut some = vec![0; 8192];
    reader.read_exact(&mut some).unwrap();
    sent += standard::write(writer.as_fd(), b"last").unwrap();
    writer.flush().unwrap();
    drop(writer);
    while standard::read(reader.as_fd(), &mut bytes, 5000).unwrap() != ReadPoll::End {}
    assert_eq!(bytes.len() + some.len(), sent);
    assert!(bytes.ends_with(b"xlast"));
}
