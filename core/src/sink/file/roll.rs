//! When a part is full, and the next one is begun.

use std::time::Duration;

/// When a part ends; whichever comes first.
///
/// ```
/// use std::time::Duration;
///
/// use thalweg::sink::Roll;
///
/// // So that who reads the parts waits for a minute at most.
/// let roll = Roll::at_bytes(64 << 20).or_after(Duration::from_secs(60));
/// assert_eq!(roll.to_string(), "at 67108864 bytes or after 60s");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roll {
    pub(super) bytes: u64,
    pub(super) age: Duration,
    pub(super) at_checkpoints: bool,
}

impl Roll {
    const NEVER: Self = Self { bytes: u64::MAX, age: Duration::MAX, at_checkpoints: false };

    /// When it has so many bytes or more; a run of records is not cut.
    pub const fn at_bytes(bytes: u64) -> Self {
        Self { bytes, ..Self::NEVER }
    }

    /// When its first record was written so long ago. Looked at when records come and at checkpoints; a part of a job that is silent, and takes none, waits.
    pub const fn after(age: Duration) -> Self {
        Self { age, ..Self::NEVER }
    }

    /// At each checkpoint, so that what a checkpoint covers is seen as soon as it is complete. Many small parts, if checkpoints are frequent.
    pub const fn at_checkpoints() -> Self {
        Self { at_checkpoints: true, ..Self::NEVER }
    }

    /// Also as [`Self::at_bytes`].
    #[must_use]
    pub const fn or_at_bytes(self, bytes: u64) -> Self {
        Self { bytes, ..self }
    }

    /// Also as [`Self::after`].
    #[must_use]
    pub const fn or_after(self, age: Duration) -> Self {
        Self { age, ..self }
    }

    /// Also as [`Self::at_checkpoints`].
    #[must_use]
    pub const fn or_at_checkpoints(self) -> Self {
        Self { at_checkpoints: true, ..self }
    }
}

impl Default for Roll {
    /// At 128 MiB or after a minute.
    fn default() -> Self {
        Self::at_bytes(128 << 20).or_after(Duration::from_secs(60))
    }
}

impl std::fmt::Display for Roll {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = (self.bytes < u64::MAX).then(|| format!("at {} bytes", self.bytes));
        let age = (self.age < Duration::MAX).then(|| format!("after {:?}", self.age));
        let checkpoints = self.at_checkpoints.then(|| "at checkpoints".to_owned());
        let all: Vec<_> = [bytes, age, checkpoints].into_iter().flatten().collect();
        f.write_str(&all.join(" or "))
    }
}
