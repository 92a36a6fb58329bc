//! System calls that have no safe binding: the affinity of the calling thread, and the registration that makes later parks cheap; and one that has, at a price.

use std::io;

/// Nanoseconds of the monotonic clock, the one that `Instant` reads. An `Instant` is a pair of numbers, and the difference of two takes as long again as the
/// reading itself.
#[inline]
pub(crate) fn monotonic_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a `timespec` to write to, and the clock is one that every Linux has, so nothing can fail.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    // Neither part is negative: the clock counts from the start of the machine.
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// Restricts the calling thread to one core.
///
/// # Errors
///
/// If there is no such core, or this process may not use it.
pub(crate) fn pin_to(core: usize) -> io::Result<()> {
    // SAFETY: all zeros is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    if core >= libc::CPU_SETSIZE as usize {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    // SAFETY: `core` is below the size of the set.
    unsafe { libc::CPU_SET(core, &mut set) };
    // SAFETY: the set is whole and lives during the call; 0 is the calling thread.
    let result =
        unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Lets the calling thread run on every core again; a thread inherits the cores of who has started it.
///
/// # Errors
///
/// What the system said.
pub(crate) fn unpin() -> io::Result<()> {
    // SAFETY: all zeros is the empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: each number is below the size of the set.
    (0..libc::CPU_SETSIZE as usize).for_each(|core| unsafe { libc::CPU_SET(core, &mut set) });
    // SAFETY: the set is whole and lives during the call; 0 is the calling thread.
    let result =
        unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Registers this process for expedited memory barriers; glommio's first park does it otherwise, which takes
/// 14 ms once threads exist. Measured; harmless to repeat, and of no consequence if refused.
pub(crate) fn register_membarrier() {
    const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;
    // SAFETY: the call has no memory arguments.
    unsafe { libc::syscall(libc::SYS_membarrier, REGISTER_PRIVATE_EXPEDITED, 0, 0) };
}
