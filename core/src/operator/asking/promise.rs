//! A reply that is given by a call, from any thread: for clients that take a callback rather than return a future.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::error::OperatorFault;

/// What both sides share.
struct Shared<U> {
    reply: Option<Result<U, OperatorFault>>,
    waker: Option<Waker>,
    is_given_up: bool,
}

/// Keeps its word once: from any thread, by [`Self::keep`] or [`Self::fail`]. Dropped, it fails.
#[must_use = "a promise that is dropped fails"]
pub struct Promise<U>(Arc<Mutex<Shared<U>>>);

/// The future of what was promised.
#[must_use = "futures do nothing unless they are polled"]
pub struct Reply<U>(Arc<Mutex<Shared<U>>>);

crate::operator::opaque_debug!(Promise<U>);
crate::operator::opaque_debug!(Reply<U>);

/// A promise and the future of its reply.
///
/// ```
/// use thalweg::operator::promise;
/// use thalweg::prelude::*;
///
/// let prices = Collected::new();
/// let sink = prices.clone();
/// Engine::builder().build().run("prices", move |t| {
///     let asked = t.source("articles", Items::of([1_u64, 2, 3])).without_event_time().async_map(|article: &Rec<u64>| {
///         let (article, (promise, reply)) = (article.to_native(), promise());
///         // Any client that calls back, on any thread of its own.
///         std::thread::spawn(move || promise.keep((article, article * 100)));
///         reply
///     });
///     asked.or_fail("ask").sink("prices", sink.sink());
///     Ok(())
/// })?;
/// assert_eq!(prices.take(), [(1, 100), (2, 200), (3, 300)]);
/// # Ok::<(), JobError>(())
/// ```
pub fn promise<U>() -> (Promise<U>, Reply<U>) {
    let shared = Arc::new(Mutex::new(Shared { reply: None, waker: None, is_given_up: false }));
    (Promise(Arc::clone(&shared)), Reply(shared))
}

fn lock<U>(shared: &Mutex<Shared<U>>) -> MutexGuard<'_, Shared<U>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<U> Promise<U> {
    /// This is the reply.
    pub fn keep(self, reply: U) {
        self.settle(Ok(reply));
    }

    /// There will be none, for this reason.
    pub fn fail(self, fault: impl Into<OperatorFault>) {
        self.settle(Err(fault.into()));
    }

    /// True if nobody waits for it any more: it took too long, or the job is over.
    pub fn is_given_up(&self) -> bool {
        lock(&self.0).is_given_up
    }

    fn settle(&self, reply: Result<U, OperatorFault>) {
        let waker = {
            let mut shared = lock(&self.0);
            if shared.reply.is_some() || shared.is_given_up {
                return;
            }
            shared.reply = Some(reply);
            shared.waker.take()
        };
        // Not under the lock: who is woken takes it.
        waker.into_iter().for_each(Waker::wake);
    }
}

impl<U> Drop for Promise<U> {
    fn drop(&mut self) {
        self.settle(Err("the promise of a reply was dropped".into()));
    }
}

impl<U> Future for Reply<U> {
    type Output = Result<U, OperatorFault>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut shared = lock(&self.0);
        if let Some(reply) = shared.reply.take() {
            shared.is_given_up = true;
            return Poll::Ready(reply);
        }
        shared.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl<U> Drop for Reply<U> {
    fn drop(&mut self) {
        lock(&self.0).is_given_up = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll<U>(reply: &mut Reply<U>) -> Poll<Result<U, String>> {
        let polled = Pin::new(reply).poll(&mut Context::from_waker(Waker::noop()));
        polled.map(|reply| reply.map_err(|fault| fault.to_string()))
    }

    #[test]
    fn a_promise_is_kept_or_broken_once() {
        let (promise, mut reply) = super::promise();
        assert_eq!(poll(&mut reply), Poll::Pending);
        promise.keep(7);
        assert_eq!(poll(&mut reply), Poll::Ready(Ok(7)));
        let (promise, mut reply) = super::promise::<u8>();
        promise.fail("out of stock");
        assert_eq!(poll(&mut reply), Poll::Ready(Err("out of stock".into())));
        let (promise, mut reply) = super::promise::<u8>();
        drop(promise);
        let error = "the promise of a reply was dropped".to_owned();
        assert_eq!(poll(&mut reply), Poll::Ready(Err(error)));
        let (promise, reply) = super::promise::<u8>();
        drop(reply);
        assert!(promise.is_given_up());
        promise.keep(1);
    }
}
