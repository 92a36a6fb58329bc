//! The `thalweg` command: what can be asked of a job's savepoints without the job.

mod savepoint;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

const HELP: &str = "\
thalweg savepoint list FOLDER                     the states of a savepoint, how much each holds, and of what types
thalweg savepoint dump FOLDER OPERATOR STATE      the entries of a state, a line of JSON each
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments, &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads has seen enough.
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            let causes = std::iter::successors(Some(&*error), |error| (**error).source());
            let text = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
            // Where even this cannot be said, the exit code says it.
            let _ = writeln!(io::stderr(), "{text}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn run(arguments: &[String], out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["savepoint", "list", folder] => savepoint::list(folder, out),
        ["savepoint", "dump", folder, operator, state] => {
            savepoint::dump((folder, operator, state), out)
        }
        [] | ["help" | "--help" | "-h"] => Ok(out.write_all(HELP.as_bytes())?),
        _ => Err(format!("{:?} is not understood; there are:\n{HELP}", arguments.join(" ")).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thalweg::prelude::Str;
    use thalweg::record::Form;
    use thalweg::savepoint::SavepointWriter;

    fn said(arguments: &[&str]) -> Result<String, String> {
        let mut out = Vec::new();
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        run(&arguments, &mut out).map_err(|error| error.to_string())?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_states_of_a_savepoint_are_listed_and_dumped() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("saved");
        let mut writer = SavepointWriter::new();
        let counts = [(Str::from("EWR"), (7u64, Some(1.5f64)))];
        writer.values("departures", "value", Form::Archives, counts).unwrap();
        let lists = [(3u32, 1u8), (3, 2)];
        writer.values("kept", "all", Form::ListsOfCells, lists).unwrap();
        writer.write(&folder).unwrap();
        let folder = folder.to_str().unwrap();
        assert_eq!(
            said(&["savepoint", "list", folder]).unwrap(),
            "checkpoint 1\n\
             departures  value  1 entries  48 bytes  a value for each key: Str -> (u64, Option<f64>)\n\
             kept        all    1 entries  96 bytes  a list for each key: u32 -> u8\n"
        );
        assert_eq!(
            said(&["savepoint", "dump", folder, "departures", "value"]).unwrap(),
            "{\"key\":\"EWR\",\"value\":[7,1.5]}\n"
        );
        assert_eq!(
            said(&["savepoint", "dump", folder, "kept", "all"]).unwrap(),
            "{\"key\":3,\"item\":0,\"value\":1}\n{\"key\":3,\"item\":1,\"value\":2}\n"
        );
        assert_eq!(
            said(&["savepoint", "dump", folder, "kept", "some"]).unwrap_err(),
            "the savepoint has no state \"some\" of operator \"kept\""
        );
        assert!(said(&["savepoint"]).unwrap_err().starts_with("\"savepoint\" is not understood"));
        assert_eq!(said(&[]).unwrap(), HELP);
    }
}
