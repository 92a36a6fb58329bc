//! `union`: two streams of one type become one, in the order in which their batches come.

use super::output::{AnyOutput, Output};
use super::{Input, Operator};
use crate::error::OperatorFault;
use crate::exchange::Records;
use crate::record::Record;

/// Made by `Stream::union`.
#[derive(Debug)]
pub(crate) struct Union<T: Record> {
    pub(crate) out: Output<T>,
}

impl<T: Record> Operator for Union<T> {
    fn outputs(&mut self, each: &mut dyn FnMut(&mut dyn AnyOutput)) {
        each(&mut self.out);
    }
}

impl<T: Record> Union<T> {
    fn copy(&mut self, run: Records<'_, T>) {
        for (record, at) in run.iter() {
            self.out.record(record, at);
        }
    }
}

impl<T: Record> Input<T, 0> for Union<T> {
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        self.copy(run);
        Ok(())
    }
}

impl<T: Record> Input<T, 1> for Union<T> {
    fn records(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        self.copy(run);
        Ok(())
    }
}
