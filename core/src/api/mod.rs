//! How a job is written: a [`Topology`] and the streams that start in it.

mod topology;
mod source_stream;
mod stream;
mod policies;
mod partitioned;
mod split;
mod keyed_stream;
mod running;
mod windowed_stream;
mod joined_streams;

pub use joined_streams::{Joined, JoinedStreams};
pub use keyed_stream::KeyedStream;
pub use policies::{Guarded, Tried};
pub use running::Deduplicated;
pub use source_stream::{FarFuture, GuardedSource, SourceStream};
pub use split::SplitStreams;
pub use stream::Stream;
pub use topology::Topology;
pub(crate) use topology::{WorkerParts, build};
pub use windowed_stream::{SessionStream, Windowed, WindowedStream};
