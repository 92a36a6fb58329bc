//! How a job is written: a [`Topology`] and the streams that start in it.

mod topology;
mod source_stream;
mod handles;
mod stream;
mod partitioned;
mod keyed_stream;
mod keyed_windows;
mod windowed_stream;
mod evicting_stream;
mod session_stream;
mod window_build;
mod joined_streams;
mod interval_joined;

pub use evicting_stream::EvictingStream;
pub use handles::InputStream;
pub use interval_joined::IntervalJoinedStreams;
pub use joined_streams::{Joined, JoinedStreams};
pub use keyed_stream::KeyedStream;
pub use session_stream::SessionStream;
pub use source_stream::{FarFuture, SourceStream};
pub use stream::Stream;
pub use topology::Topology;
pub(crate) use topology::{WorkerParts, build};
pub use windowed_stream::{Windowed, WindowedStream};
