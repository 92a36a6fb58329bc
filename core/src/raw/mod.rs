//! The only folder of this crate in which `unsafe` compiles.
//!
//! Each file states its contract at the top and offers a safe interface; nothing here knows records,
//! operators or jobs. The public items are for the runtime and for the benchmarks, not for
//! applications: no promise of stability is made for them.
//!
//! * [`ring`]: pages of bytes cross from one core to another.
//! * [`doorbell`]: a core that sleeps is woken, and no wake-up is lost.

pub(crate) mod atomic;
mod region;
pub mod ring;
pub mod doorbell;
