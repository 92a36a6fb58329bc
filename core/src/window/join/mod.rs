//! Windows of two streams: joins and co-groups.
//!
//! An inner join over windows made of slices is symmetric and gives each pair as soon as it is there ([`sliced`]). Over other
//! windows, and wherever it matters who has no partner, both sides are kept and shown when the window ends ([`co_group`]).

pub(crate) mod co_group;
pub(crate) mod pairs;
pub(crate) mod sliced;

pub(crate) use pairs::{OuterPairs, Which};

use crate::operator::output::Output;
use crate::record::Record;

/// The outputs of a join, for its constructor.
pub(crate) struct JoinOutputs<A: Record, B: Record, U: Record> {
    pub(crate) pairs: Output<U>,
    pub(crate) late_left: Output<A>,
    pub(crate) late_right: Output<B>,
}
