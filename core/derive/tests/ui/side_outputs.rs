//! Side outputs are named, and each is a `Side`.

use thalweg::process::SideOutputs;

#[derive(SideOutputs)]
struct Late {
    late: u64,
}

#[derive(SideOutputs)]
struct Nothing;

fn main() {}
