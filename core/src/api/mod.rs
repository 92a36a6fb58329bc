//! How a job is written: a [`Topology`] and the streams that start in it.

mod topology;
mod source_stream;
mod handles;
mod stream;
mod policies;
mod retries;
mod partitioned;
mod split;
mod keyed_stream;
mod running;
mod keyed_windows;
mod windowed_stream;
mod evicting_stream;
mod session_stream;
mod window_build;
mod joined_streams;
mod side_outputs;
pub mod process;
mod connected;
mod interval_joined;

pub use connected::{BroadcastConnectedStreams, ConnectedKeyedStreams, ConnectedStreams};
pub use evicting_stream::EvictingStream;
pub use handles::InputStream;
pub use interval_joined::IntervalJoinedStreams;
pub use joined_streams::{Joined, JoinedStreams};
pub use keyed_stream::KeyedStream;
pub use policies::{Guarded, Tried};
pub use retries::Patient;
pub use running::Deduplicated;
pub use session_stream::SessionStream;
pub use source_stream::{FarFuture, GuardedSource, SourceStream};
pub use split::SplitStreams;
pub use stream::Stream;
pub use topology::Topology;
pub(crate) use topology::{WorkerParts, build};
pub use windowed_stream::{Windowed, WindowedStream};
