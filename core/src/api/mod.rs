//! How a job is written: a [`Topology`] and the streams that start in it.

mod topology;
mod source_stream;
mod stream;
mod partitioned;
mod keyed_stream;
mod windowed_stream;
mod joined_streams;
mod side_outputs;
pub mod process;
mod connected;

pub use connected::{BroadcastConnectedStreams, ConnectedKeyedStreams, ConnectedStreams};
pub use joined_streams::{Joined, JoinedStreams};
pub use keyed_stream::KeyedStream;
pub use source_stream::SourceStream;
pub use stream::Stream;
pub use topology::Topology;
pub(crate) use topology::{WorkerParts, build};
pub use windowed_stream::{SessionStream, Windowed, WindowedStream};
