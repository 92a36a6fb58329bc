//! From a keyed stream to its windows.

use super::evicting_stream::EvictingStream;
use super::keyed_stream::KeyedStream;
use super::session_stream::SessionStream;
use super::windowed_stream::WindowedStream;
use crate::exchange::KeySelector;
use crate::operator::chain::Chain;
use crate::record::Record;
use crate::window::{Count, Evict, EvictCount, Global, Purging, Session, WindowAssigner};

impl<T: Record, C: Chain<Out = T>, S: KeySelector<T>> KeyedStream<T, C, S> {
    /// Cuts the stream into windows: [`Tumbling`](crate::window::Tumbling), [`Sliding`](crate::window::Sliding),
    /// [`Cumulating`](crate::window::Cumulating), [`Session`], [`Global`], or an assigner of your own.
    pub fn window<W: WindowAssigner<T>>(self, name: &str, window: W) -> WindowedStream<T, C, S, W> {
        WindowedStream::new(self, name, window)
    }

    /// Windows of activity; as `window(name, session)`, but results say when the session's first and last record were.
    pub fn session(self, name: &str, session: Session) -> SessionStream<T, C, S> {
        SessionStream { windowed: self.window(name, session) }
    }

    /// Windows of `records` records of a key, one after the other. What is fewer at the end of input gives no result.
    pub fn count_window(
        self,
        name: &str,
        records: u64,
    ) -> WindowedStream<T, C, S, Global, Purging<Count>> {
        self.window(name, Global).trigger(Purging::of(Count::of(records)))
    }

    /// After every `slide` records of a key a window of its last `records`.
    ///
    /// Cost: the last records of each key are kept.
    pub fn sliding_count_window(
        self,
        name: &str,
        records: u64,
        slide: u64,
    ) -> EvictingStream<T, C, S, Global, Count, EvictCount> {
        let records = usize::try_from(records).unwrap_or(usize::MAX);
        self.window(name, Global).trigger(Count::of(slide)).evictor(Evict::count(records))
    }
}
