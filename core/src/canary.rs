//! Deliberate bugs. A harness counts as working only while it finds those that are meant for it.
//!
//! They are compiled in by the feature `canary` and by nothing else, and one of them is chosen by the environment variable `THALWEG_CANARY`:
//!
//! | canary | the bug | found by |
//! |---|---|---|
//! | `early-commit` | a sink commits when it has prepared, before the manifest is durable | `crash`, `powercut`, `powerrig` |
//! | `offset-off-by-one` | a generator goes on one record behind where its split was | `crash`, `powercut` |
//! | `unaligned-barrier` | an input is read on though others have not given the barrier | `crash`, `powercut` |
//! | `torn-tail` | a file is not cut off where the checkpoint knows it | `crash`, `powercut` |
//! | `orphans-left` | parts that no checkpoint knows stay | `crash`, `powercut`, `powerrig` |
//! | `unsynced-file` | a file is said to be durable that is not | `powercut`, `powerrig` |
//! | `unsynced-names` | a folder of parts is said to be durable that is not | `powercut`, `powerrig` |

/// True if this is the bug that is wanted. Without the feature a constant.
#[inline]
pub(crate) fn sings(name: &str) -> bool {
    #[cfg(feature = "canary")]
    {
        use std::sync::OnceLock;

        static CHOSEN: OnceLock<Option<String>> = OnceLock::new();
        CHOSEN.get_or_init(|| std::env::var("THALWEG_CANARY").ok()).as_deref() == Some(name)
    }
    #[cfg(not(feature = "canary"))]
    {
        let _ = name;
        false
    }
}
