//! Bytes of any kind for what reads bytes from outside: seeded changes of good inputs, through the bodies of the fuzz targets in `tests/fuzz`.
//!
//! ```text
//! cargo run --release -p thalweg-tests --bin mutate -- --inputs 20000 [--from S] [--target NAME]
//! cargo run --release -p thalweg-tests --bin mutate -- --target NAME --file INPUT
//! cargo run --release -p thalweg-tests --bin mutate -- --write-seeds target/corpus
//! ```
//!
//! The first line runs so many inputs of each target; each is decided by its number, so one that fails is found again. Besides a panic it is a violation to allocate more than
//! 256 MiB for an input, which is a few KiB long. The last line counts inputs and violations; the exit code is 1 if there is one, and each is printed with the command that
//! reproduces it. The second line runs what a fuzzer has found. The third one writes the good inputs, for a fuzzer to begin with.
//!
//! # Not here
//!
//! No feedback: what an input reaches is not looked at. A fuzzer does that (`tests/fuzz/README.md`), and needs a build of its own.

mod arguments;
mod mutation;

use std::alloc::System;
use std::fs;
use std::panic::catch_unwind;
use std::path::Path;
use std::process::ExitCode;

use arguments::Arguments;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use thalweg_tests::dice::Dice;
use thalweg_tests::fuzz::{self, Target};
use thalweg_tests::harness::{end, give_up, say};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What may be allocated for one input, all in all, bytes.
const MOST_BYTES: usize = 256 << 20;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => return give_up(&message),
    };
    let targets = || fuzz::ALL.iter().filter(|target| arguments.wants(target.name));
    if let Some(folder) = &arguments.write_seeds {
        return match targets().try_for_each(|target| write_seeds(folder, target)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => give_up(&format!("{}: {error}", folder.display())),
        };
    }
    let violations: u64 = match &arguments.file {
        None => targets()
            .map(|target| {
                // Said before: an input that does not end is one of these.
                say(&format!("{}: {} inputs", target.name, arguments.inputs));
                run(&arguments, target)
            })
            .sum(),
        Some(path) => match fs::read(path) {
            Ok(input) => {
                targets().map(|target| u64::from(try_input(target, &input).is_err())).sum()
            }
            Err(error) => return give_up(&format!("{}: {error}", path.display())),
        },
    };
    end(&format!("{violations} violations"), violations == 0)
}

/// Runs all inputs of a target; returns how many violations there were.
fn run(arguments: &Arguments, target: &Target) -> u64 {
    let name = target.name;
    let seeds = (target.seeds)();
    let mut violations = 0;
    for (number, seed) in seeds.iter().enumerate() {
        if let Err(violation) = try_input(target, seed) {
            violations += 1;
            say(&format!("good input {number} of target {name}: {violation}"));
        }
    }
    for number in arguments.from..arguments.from + arguments.inputs {
        // Apart from those of other targets.
        let mut dice = Dice::new(number ^ (name.len() as u64) << 56);
        let input = mutation::input(&mut dice, &seeds, target.words);
        if let Err(violation) = try_input(target, &input) {
            violations += 1;
            say(&format!(
                "input {number} of target {name}: {violation}\n  reproduce: cargo run --release -p thalweg-tests --bin mutate -- --inputs 1 --from {number} --target {name}"
            ));
        }
    }
    violations
}

/// Runs one input; what is wrong, if something is.
fn try_input(target: &Target, input: &[u8]) -> Result<(), String> {
    let allocated = Region::new(ALLOCATOR);
    let result = catch_unwind(|| (target.run)(input));
    let bytes = allocated.change().bytes_allocated;
    result.map_err(|_| format!("a panic; the input has {} bytes", input.len()))?;
    if bytes > MOST_BYTES {
        return Err(format!("{bytes} bytes were allocated for {} bytes", input.len()));
    }
    Ok(())
}

fn write_seeds(folder: &Path, target: &Target) -> std::io::Result<()> {
    let folder = folder.join(target.name);
    fs::create_dir_all(&folder)?;
    let seeds = (target.seeds)();
    seeds
        .iter()
        .enumerate()
        .try_for_each(|(number, seed)| fs::write(folder.join(format!("seed-{number}")), seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many, the environment may say: `cargo xtask mutate` has this test run longer, rather than have the program built.
    #[test]
    fn inputs_of_each_target_hold() {
        let inputs = std::env::var("MUTATE_INPUTS")
            .map_or(1000, |inputs| inputs.parse().expect("MUTATE_INPUTS is a number"));
        let arguments = Arguments { inputs, ..Arguments::default() };
        let violations: u64 = fuzz::ALL.iter().map(|target| run(&arguments, target)).sum();
        assert_eq!(violations, 0);
    }

    #[test]
    fn an_input_is_decided_by_its_number() {
        let seeds = vec![b"some bytes".to_vec(), b"others, and more of them".to_vec()];
        let all = || (0..200).map(|at| mutation::input(&mut Dice::new(at), &seeds, &[b"word"]));
        assert!(all().eq(all()));
        assert!(all().filter(|input| !seeds.contains(input)).count() > 150);
    }
}
