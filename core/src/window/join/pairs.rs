//! What a join makes of the two lists of a window: pairs, and those without a partner.

use std::marker::PhantomData;

use super::co_group::FinishLists;
use crate::operator::output::Output;
use crate::raw::view::Rec;
use crate::record::Record;
use crate::window::process::Element;
use crate::window::result::Fired;

/// Of which sides records without a partner are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Which {
    pub(crate) left: bool,
    pub(crate) right: bool,
}

/// Shows each pair, left records in the order in which they came and of each its partners in theirs; then, if asked, who has none.
pub(crate) struct OuterPairs<U, F> {
    which: Which,
    pair: F,
    marker: PhantomData<fn() -> U>,
}

impl<U, F> OuterPairs<U, F> {
    pub(crate) fn new(which: Which, pair: F) -> Self {
        Self { which, pair, marker: PhantomData }
    }
}

impl<A, B, U, F> FinishLists<A, B> for OuterPairs<U, F>
where
    A: Record,
    B: Record,
    U: Record,
    F: FnMut(Option<&Rec<A>>, Option<&Rec<B>>) -> Option<U> + 'static,
{
    type Out = U;

    fn finish(
        &mut self,
        fired: &Fired<'_>,
        left: &[Element<'_, A>],
        right: &[Element<'_, B>],
        out: &mut Output<U>,
    ) {
        let mut show = |left: Option<&Rec<A>>, right: Option<&Rec<B>>| {
            if let Some(value) = (self.pair)(left, right) {
                out.value(&value, fired.at);
            }
        };
        match (left, right) {
            (left, []) if self.which.left => {
                left.iter().for_each(|left| show(Some(left.record), None));
            }
            ([], right) if self.which.right => {
                right.iter().for_each(|right| show(None, Some(right.record)));
            }
            (left, right) => {
                for left in left {
                    right.iter().for_each(|right| show(Some(left.record), Some(right.record)));
                }
            }
        }
    }
}
