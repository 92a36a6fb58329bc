//! What a window gives, and what is made of it on its way out.

use std::marker::PhantomData;

use super::TimeWindow;
use super::aggregator::Spanned;
use crate::checkpoint::Freezing;
use crate::operator::output::Output;
use crate::record::{Key, KeyHash, Record};
use crate::time::EventTime;

/// What a window gives for one key.
#[thalweg::record]
pub struct WindowResult<K: Key, V: Record> {
    /// The window's first instant.
    pub start: EventTime,
    /// The first instant after the window.
    pub end: EventTime,
    /// The key.
    pub key: K,
    /// The result.
    pub value: V,
}

/// What a session gives for one key.
#[thalweg::record]
pub struct SessionResult<K: Key, V: Record> {
    /// Event time of the first record.
    pub first: EventTime,
    /// Event time of the last record.
    pub last: EventTime,
    /// The key.
    pub key: K,
    /// The accumulator as it was when the session closed.
    pub value: V,
}

/// When a window fired, compared with the watermark.
#[thalweg::record]
#[derive(Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timing {
    /// Before the watermark reached the window's end.
    Early,
    /// When the watermark reached it.
    OnTime,
    /// Afterwards, within the allowed lateness.
    Late,
}

/// Which of a window's firings a result is from.
#[thalweg::record]
#[derive(Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PaneInfo {
    /// When it fired.
    pub timing: Timing,
    /// How often the window had fired before, for this key.
    pub number: u32,
}

/// What a window gives for one key, and which firing it is from.
#[thalweg::record]
pub struct PaneResult<K: Key, V: Record> {
    /// The window's first instant.
    pub start: EventTime,
    /// The first instant after the window.
    pub end: EventTime,
    /// Which firing.
    pub pane: PaneInfo,
    /// The key.
    pub key: K,
    /// The result.
    pub value: V,
}

/// A firing of one key's window, as whoever makes its result sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fired<'a> {
    pub(crate) hash: KeyHash,
    pub(crate) key: &'a [u8],
    pub(crate) window: TimeWindow,
    pub(crate) pane: PaneInfo,
    pub(crate) watermark: EventTime,
    /// The event time of the result.
    pub(crate) at: EventTime,
}

/// Makes results of aggregated values.
pub(crate) trait Finish<V>: 'static {
    /// What goes out.
    type Out: Record;
    /// Emits what follows from one firing.
    fn finish(&mut self, fired: &Fired<'_>, value: V, out: &mut Output<Self::Out>);
    /// Shows all tables that it has.
    fn freeze(&mut self, into: &mut Freezing<'_>) {
        let _ = into;
    }
    /// All windows that end at or before `end` have closed for good.
    fn forget_through(&mut self, end: EventTime) {
        let _ = end;
    }
}

/// Gives a [`WindowResult`].
#[derive(Debug)]
pub(crate) struct Plain<K>(pub(crate) PhantomData<fn() -> K>);

impl<K: Key, V: Record> Finish<V> for Plain<K> {
    type Out = WindowResult<K, V>;

    #[inline]
    fn finish(&mut self, fired: &Fired<'_>, value: V, out: &mut Output<Self::Out>) {
        let TimeWindow { start, end } = fired.window;
        let key = K::from_key_bytes(fired.key);
        out.value(&WindowResult { start, end, key, value }, fired.at);
    }
}

/// Gives a [`PaneResult`].
#[derive(Debug)]
pub(crate) struct WithPane<K>(pub(crate) PhantomData<fn() -> K>);

impl<K: Key, V: Record> Finish<V> for WithPane<K> {
    type Out = PaneResult<K, V>;

    fn finish(&mut self, fired: &Fired<'_>, value: V, out: &mut Output<Self::Out>) {
        let TimeWindow { start, end } = fired.window;
        let key = K::from_key_bytes(fired.key);
        out.value(&PaneResult { start, end, pane: fired.pane, key, value }, fired.at);
    }
}

/// Gives a [`SessionResult`].
#[derive(Debug)]
pub(crate) struct AsSession<K>(pub(crate) PhantomData<fn() -> K>);

impl<K: Key, V: Record> Finish<Spanned<V>> for AsSession<K> {
    type Out = SessionResult<K, V>;

    fn finish(&mut self, fired: &Fired<'_>, value: Spanned<V>, out: &mut Output<Self::Out>) {
        let Spanned { first, last, value } = value;
        let key = K::from_key_bytes(fired.key);
        out.value(&SessionResult { first, last, key, value }, fired.at);
    }
}
