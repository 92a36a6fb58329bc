//! How often a run takes checkpoints.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// From one checkpoint to the next, if there are any. Written `off`, `1s` or `100ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cadence {
    /// None are taken.
    Off,
    /// One each so often.
    Every(Duration),
}

/// A cadence that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no cadence of checkpoints: say off, or a time such as 1s or 100ms")]
pub struct NoCadence {
    text: String,
}

impl FromStr for Cadence {
    type Err = NoCadence;

    fn from_str(text: &str) -> Result<Self, NoCadence> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let (digits, unit): (_, fn(u64) -> Duration) = match text.strip_suffix("ms") {
            Some(digits) => (digits, Duration::from_millis),
            None => (text.strip_suffix('s').unwrap_or_default(), Duration::from_secs),
        };
        match digits.parse() {
            Ok(count @ 1..) => Ok(Self::Every(unit(count))),
            _ => Err(NoCadence { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for Cadence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Every(every) if every.subsec_nanos() == 0 => write!(f, "{}s", every.as_secs()),
            Self::Every(every) => write!(f, "{}ms", every.as_millis()),
        }
    }
}

impl Cadence {
    /// What a table calls a job that runs so: its name alone, if there are no checkpoints.
    #[must_use]
    pub fn label(self, job: &str) -> String {
        match self {
            Self::Off => job.to_owned(),
            Self::Every(_) => format!("{job}, checkpoints {self}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cadence_is_written_as_it_is_read() {
        for text in ["off", "1s", "100ms", "90s", "1500ms"] {
            assert_eq!(text.parse::<Cadence>().unwrap().to_string(), text);
        }
        assert_eq!("1000ms".parse(), Ok(Cadence::Every(Duration::from_secs(1))));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "s", "on", "0s", "-1s", "1m", "1 s"] {
            let error = text.parse::<Cadence>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("{text:?} is no cadence")), "{error}");
        }
    }

    #[test]
    fn a_job_without_checkpoints_goes_by_its_name() {
        assert_eq!(Cadence::Off.label("thalweg q5"), "thalweg q5");
        let label = Cadence::Every(Duration::from_millis(100)).label("thalweg q5");
        assert_eq!(label, "thalweg q5, checkpoints 100ms");
    }
}
