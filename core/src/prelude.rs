//! What an application imports: `use thalweg::prelude::*`.

pub use crate::api::{FarFuture, Guarded, Iterated, Joined, Stream, Topology, Windowed};
pub use crate::control::{Checkpoints, Engine, Restart};
pub use crate::error::{JobError, OperatorFault, Result};
pub use crate::operator::{Change, Interval, LookupTable};
pub use crate::raw::view::Rec;
pub use crate::record;
pub use crate::record::Str;
pub use crate::record_ref;
pub use crate::rt::Driver;
pub use crate::sink::{
    Blackhole, Callback, Collected, ForEach, OutputHandle, Roll, UpsertCollected, UpsertFiles,
    Upserts,
};
pub use crate::source::{
    Files, Generator, InputHandle, Items, OnError, Reconnect, Sockets, Standard,
};
pub use crate::time::{
    BoundedOutOfOrderness, Durations, EventTime, Monotonic, Punctuated, WatermarkStrategy,
};
pub use crate::window::{
    AtWatermark, Cumulating, Global, Session, Sliding, Tumbling, WindowContext,
};
