//! Sockets and standard streams through the system: descriptors that do not block.
//!
//! # Not here
//!
//! No readiness queue (epoll, io_uring): a worker that has nothing to do looks at its streams every half a millisecond, and one that is busy looks
//! in turn. For a few hundred connections a system call each costs less than it is worth to avoid.

mod connection;
mod listener;
mod standard;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::io::{Address, ByteStream, Listener, StandardOutput, Streams};
use listener::SystemListener;

/// The sockets of this machine, and the program's standard input and output; one for each job.
#[derive(Debug, Default)]
pub struct SystemStreams {
    /// By operator; taken when a job is built, never on the record path.
    listeners: Mutex<BTreeMap<(String, Address), Arc<SystemListener>>>,
}

impl Streams for SystemStreams {
    fn listen(&self, owner: &str, address: &Address) -> io::Result<Arc<dyn Listener>> {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (owner.to_owned(), address.clone());
        if let Some(listener) = listeners.get(&key) {
            return Ok(Arc::clone(listener) as Arc<dyn Listener>);
        }
        let listener = Arc::new(SystemListener::bind(address)?);
        listeners.insert(key, Arc::clone(&listener));
        Ok(listener)
    }

    fn connect(&self, address: &Address, _: u64) -> io::Result<Box<dyn ByteStream>> {
        Ok(Box::new(connection::connect(address)?))
    }

    fn input(&self) -> io::Result<Box<dyn ByteStream>> {
        Ok(Box::new(standard::Standard::input()))
    }

    fn output(&self, which: StandardOutput) -> io::Result<Box<dyn ByteStream>> {
        Ok(Box::new(standard::Standard::output(which)))
    }
}

#[cfg(test)]
mod tests;
