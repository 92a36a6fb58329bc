//! The only folder of this crate in which `unsafe` compiles.
//!
//! Each file states its contract at the top and offers a safe interface. The public items are for the runtime and for
//! the benchmarks, not for applications: no promise of stability is made for them.
//!
//! * [`ring`]: pages of bytes cross from one core to another.
//! * [`doorbell`]: a core that sleeps is woken, and no wake-up is lost.
//! * `wake`: a thread or a task of the host waits for a worker.
//! * [`writer`]: a record's archive is written straight into a page.
//! * [`view`]: an archive is read in place.
//! * [`page`]: pages of archives, in rings and alone.
//! * `placed`: a record with a number behind it, made without serialising it.
//! * `layout`: how values lie in tables, and how those of older versions of their types are rewritten.
//! * `claimed`: tables as the store gives them, empty or restored.
//! * `archive_table`: archives as the values of keyed state.
//! * `state_cells`: the same for declared state, whose values may expire.
//! * `window_panes`: archives in the slices of windows; `timed_lists`: records kept with their event times.

pub(crate) mod atomic;
mod region;
pub mod ring;
pub mod doorbell;
pub(crate) mod wake;
#[cfg(not(loom))]
pub mod writer;
#[cfg(not(loom))]
pub mod view;
#[cfg(not(loom))]
pub mod page;
#[cfg(not(loom))]
pub(crate) mod scratch;
#[cfg(not(loom))]
pub(crate) mod placed;
#[cfg(not(loom))]
pub(crate) mod layout;
#[cfg(not(loom))]
pub(crate) mod claimed;
#[cfg(not(loom))]
pub(crate) mod archive_table;
#[cfg(not(loom))]
pub(crate) mod state_cells;
#[cfg(not(loom))]
pub(crate) mod window_panes;
#[cfg(not(loom))]
pub(crate) mod timed_lists;
#[cfg(not(loom))]
pub(crate) mod os;
