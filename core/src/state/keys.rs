//! Walking over the keys that have some state, a piece at a time.

use thalweg_storage::Cursor;

use crate::record::KeyHash;

/// State whose keys can be visited: every kind of state; see [`Visit`](crate::process::Visit).
pub trait Keys {
    /// Shows the next keys, which may have been forgotten or expired since; about `limit` places of the table. False if there are no more.
    ///
    /// The order is that of the table, and so a function of what was done to it.
    #[doc(hidden)]
    fn next_keys(
        &self,
        cursor: &mut Cursor,
        limit: usize,
        each: &mut dyn FnMut(KeyHash, &[u8]),
    ) -> bool;

    /// True if the key at hand has some of it, alive.
    #[doc(hidden)]
    fn is_there(&self) -> bool;
}

/// [`Keys::next_keys`] of a state that is kept in another.
macro_rules! keys_of {
    ($field:ident) => {
        fn next_keys(
            &self,
            cursor: &mut thalweg_storage::Cursor,
            limit: usize,
            each: &mut dyn FnMut(crate::record::KeyHash, &[u8]),
        ) -> bool {
            self.$field.next_keys(cursor, limit, each)
        }

        fn is_there(&self) -> bool {
            self.$field.is_there()
        }
    };
}
pub(crate) use keys_of;
