//! A process function is for one type of key and of record.

use thalweg::prelude::*;
use thalweg::process::{Cx, KeyedProcess, NoSide, NoTimers};
use thalweg::state::NoState;

struct Echo;

impl KeyedProcess for Echo {
    type Key = Str;
    type In = u64;
    type Out = u64;
    type State = NoState;
    type Timer = NoTimers;
    type Side = NoSide;

    fn on_event(&mut self, cx: &mut Cx<'_, Self>, n: &Rec<u64>) -> Result<(), OperatorFault> {
        cx.out.forward(n);
        Ok(())
    }
}

fn job(numbers: Stream<u64>) {
    numbers.key_by_value(|n| n.to_native()).process("echo", || Echo).drop_counted();
}

fn main() {}
