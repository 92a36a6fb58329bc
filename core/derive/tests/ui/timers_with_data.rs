//! A timer is a name.

use thalweg::process::Timers;

#[derive(Timers)]
enum Timer {
    Silent,
    Overdue(u32),
}

#[derive(Timers)]
struct NotAnEnum;

fn main() {}
