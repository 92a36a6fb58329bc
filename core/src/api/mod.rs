//! How a job is written: a [`Topology`], streams of records, and the [`Engine`] that runs it.

mod topology;
mod source_stream;
mod stream;
mod keyed_stream;
mod windowed_stream;
mod joined_streams;
mod engine;

pub use engine::{Engine, EngineBuilder, JobHandle};
pub use joined_streams::{Joined, JoinedStreams};
pub use keyed_stream::KeyedStream;
pub use source_stream::SourceStream;
pub use stream::Stream;
pub use topology::Topology;
pub(crate) use topology::{WorkerParts, build};
pub use windowed_stream::{SessionStream, Windowed, WindowedStream};
