//! Parts in a folder, exactly once for who looks at committed names only.
//!
//! A part is written under a name that ends in `.inprogress`. When it is full it is made durable, said to the next checkpoint, and renamed when that is
//! complete. A part may stay open over many checkpoints: each knows how long it was. After a restart [recovery](super::part_recovery) commits what the
//! checkpoint knows, cut off there, and removes the rest; so a part that was open ends there, and a new one is begun.
//!
//! # Invariants
//!
//! 1. A part is in one of these, in this order: open, rolled (it takes no more), synced (it is durable), sealed (it belongs to an epoch), committed.
//! 2. What is said to a checkpoint is all that was not committed when its preparation began; so what is committed meanwhile, and renamed in a folder
//!    that is not durable, is found again under either name.
//! 3. When a preparation has ended, the folder's names are durable as they were when it began.
//!
//! # Not here
//!
//! No folders by date or by key: one folder, one family of names.

use std::rc::Rc;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::lines::{LineFile, failed};
use super::mark::Mark;
use super::part_name::{Family, PartId};
use super::part_recovery::{clear, epoch_of};
use super::roll::Roll;
use super::{FileSinkError, OperatorFault};
use crate::error::FileError;
use crate::exchange::Records;
use crate::io::{Files, Pending};
use crate::record::Record;
use crate::sink::encoder::AnyEncoder;
use crate::sink::{Prepared, SinkWriter};
use crate::source::{FileFormat, OpenContext};
use crate::time::Clock;

/// A part, as a checkpoint knows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Part {
    /// Its name when it is committed.
    pub(super) name: String,
    pub(super) mark: Mark,
}

/// What a writer has prepared: its parts that are not committed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PreparedParts {
    pub(super) epoch: u64,
    pub(super) parts: Vec<Part>,
}

/// How parts are written.
#[derive(Debug, Clone)]
pub(super) struct PartSettings {
    pub(super) family: Family,
    pub(super) format: FileFormat,
    pub(super) roll: Roll,
    pub(super) is_compressed: bool,
}

/// Writes the parts of one worker.
pub struct PartsWriter<T> {
    settings: PartSettings,
    worker: usize,
    checkpoints: bool,
    files: Rc<dyn Files>,
    clock: Rc<dyn Clock>,
    /// What the next part is called by.
    next: PartId,
    open: Option<OpenPart<T>>,
    rolled: Vec<RolledPart>,
    synced: Vec<Part>,
    sealed: Vec<(u64, Part)>,
    /// Names were made or changed that are not known to be durable.
    names_changed: bool,
    /// The names of the folder, on their way to the device.
    naming: Option<Box<dyn Pending>>,
    /// What is said to the checkpoint that is prepared for.
    said: Option<Prepared>,
    is_closing: bool,
}

crate::operator::opaque_debug!(PartsWriter<T>);

struct OpenPart<T> {
    name: Arc<str>,
    lines: LineFile,
    encoder: AnyEncoder<T>,
    begun_ns: u64,
    /// What of it is durable.
    durable: Option<Mark>,
}

struct RolledPart {
    name: Arc<str>,
    lines: LineFile,
}

/// As many rolled parts may wait for the device before the job does.
const MOST_ROLLED: usize = 16;

impl<T: Record + Serialize> PartsWriter<T> {
    pub(super) fn open(
        settings: PartSettings,
        context: &OpenContext,
    ) -> Result<Self, OperatorFault> {
        if !context.checkpoints {
            clear(&settings.family, context)?;
        }
        let behind = epoch_of(&context.restored)?;
        Ok(Self {
            settings,
            worker: context.worker,
            checkpoints: context.checkpoints,
            files: Rc::clone(&context.files),
            clock: Rc::clone(&context.clock),
            next: PartId { behind, worker: context.worker, number: 0 },
            open: None,
            rolled: Vec::new(),
            synced: Vec::new(),
            sealed: Vec::new(),
            names_changed: false,
            naming: None,
            said: None,
            is_closing: false,
        })
    }

    fn begin(&mut self) -> Result<&mut OpenPart<T>, FileError> {
        let PartSettings { family, format, is_compressed, .. } = &self.settings;
        let name = family.name(self.next);
        let path = family.in_progress(&name);
        let lines = LineFile::create_as(&path, *is_compressed, &*self.files)?;
        self.next.number += 1;
        self.names_changed = true;
        let (encoder, begun_ns) = (AnyEncoder::new(*format), self.clock.now_ns());
        let open = OpenPart { name: name.into(), lines, encoder, begun_ns, durable: None };
        Ok(self.open.insert(open))
    }

    fn is_full(&self) -> bool {
        let Roll { bytes, age, .. } = self.settings.roll;
        self.open.as_ref().is_some_and(|open| {
            let age_ns = u128::from(self.clock.now_ns().saturating_sub(open.begun_ns));
            open.lines.mark().bytes >= bytes || age_ns >= age.as_nanos()
        })
    }

    fn roll(&mut self) {
        let rolled = self.open.take();
        self.rolled.extend(rolled.map(|OpenPart { name, lines, .. }| RolledPart { name, lines }));
    }

    /// Brings rolled parts on: to where the next checkpoint takes them or, without checkpoints, to their names.
    fn settle(&mut self) -> Result<(), FileError> {
        let mut waiting = Vec::new();
        for RolledPart { name, mut lines } in std::mem::take(&mut self.rolled) {
            let is_out = if self.checkpoints { lines.poll_sync()? } else { lines.poll_close()? };
            if !is_out {
                waiting.push(RolledPart { name, lines });
            } else if self.checkpoints {
                self.synced.push(Part { name: name.to_string(), mark: lines.mark() });
            } else {
                self.publish(&name)?;
            }
        }
        self.rolled = waiting;
        Ok(())
    }

    /// The part gets the name under which it is looked for.
    fn publish(&mut self, name: &str) -> Result<(), FileError> {
        let family = &self.settings.family;
        let (from, to) = (family.in_progress(name), family.path(name));
        self.names_changed = true;
        self.files.rename(&from, &to).map_err(|source| failed("rename", &from, source))
    }

    /// Says what there is; from here on it only has to become durable.
    fn begin_preparing(&mut self, epoch: u64) -> Result<Prepared, FileError> {
        if self.settings.roll.at_checkpoints || self.is_full() {
            self.roll();
        }
        let mut parts: Vec<Part> = self.sealed.iter().map(|(_, part)| part.clone()).collect();
        parts.extend(self.synced.iter().cloned());
        let rolled = self.rolled.iter_mut().map(|part| (&part.name, &mut part.lines));
        let open = self.open.iter_mut().map(|part| (&part.name, &mut part.lines));
        for (name, lines) in rolled.chain(open) {
            lines.seal()?;
            parts.push(Part { name: name.to_string(), mark: lines.mark() });
        }
        self.begin_naming()?;
        Ok(Prepared::of(&PreparedParts { epoch, parts }))
    }

    fn begin_naming(&mut self) -> Result<(), FileError> {
        if std::mem::take(&mut self.names_changed) && !crate::canary::sings("unsynced-names") {
            let folder = self.settings.family.folder();
            let naming = self.files.sync_folder(folder);
            self.naming = Some(naming.map_err(|source| failed("sync", folder, source))?);
        }
        Ok(())
    }

    fn poll_named(&mut self) -> Result<bool, FileError> {
        let Some(naming) = &mut self.naming else { return Ok(true) };
        let folder = self.settings.family.folder();
        let done = naming.poll().map_err(|source| failed("sync", folder, source))?;
        if done {
            self.naming = None;
        }
        Ok(done)
    }

    /// True when all parts, and their names, are durable.
    fn poll_durable(&mut self) -> Result<bool, FileError> {
        self.settle()?;
        let mut is_durable = self.rolled.is_empty();
        if let Some(OpenPart { lines, durable, .. }) = &mut self.open
            && *durable != Some(lines.mark())
        {
            match lines.poll_sync()? {
                true => *durable = Some(lines.mark()),
                false => is_durable = false,
            }
        }
        Ok(self.poll_named()? && is_durable)
    }
}

impl<T: Record + Serialize> SinkWriter<T> for PartsWriter<T> {
    fn poll_ready(&mut self) -> Result<bool, OperatorFault> {
        self.settle()?;
        Ok(self.rolled.len() < MOST_ROLLED)
    }

    fn write(&mut self, run: Records<'_, T>) -> Result<(), OperatorFault> {
        if self.is_full() {
            self.roll();
        }
        if self.open.is_none() {
            self.begin()?;
        }
        let open = self.open.as_mut().expect("invariant: begun above");
        for (record, _) in run.iter() {
            let encoded = open.encoder.encode(&record.to_value(), open.lines.text());
            let path = || open.lines.path().to_owned();
            encoded.map_err(|source| FileSinkError { path: path(), source })?;
        }
        open.lines.put()?;
        if self.is_full() {
            self.roll();
        }
        Ok(())
    }

    fn poll_prepare(&mut self, epoch: u64) -> Result<Option<Prepared>, OperatorFault> {
        if self.said.is_none() {
            self.said = Some(self.begin_preparing(epoch)?);
        }
        if !self.poll_durable()? {
            return Ok(None);
        }
        self.sealed.extend(self.synced.drain(..).map(|part| (epoch, part)));
        self.next = PartId { behind: epoch, worker: self.worker, number: 0 };
        Ok(self.said.take())
    }

    fn commit(&mut self, epoch: u64) -> Result<(), OperatorFault> {
        let (complete, sealed): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.sealed).into_iter().partition(|(of, _)| *of <= epoch);
        self.sealed = sealed;
        for (_, part) in complete {
            self.publish(&part.name)?;
        }
        Ok(())
    }

    /// With checkpoints the last one knows all that is here.
    fn poll_close(&mut self) -> Result<bool, OperatorFault> {
        if !self.is_closing {
            self.roll();
            self.settle()?;
            if !self.rolled.is_empty() {
                return Ok(false);
            }
            for part in std::mem::take(&mut self.synced) {
                self.publish(&part.name)?;
            }
            self.is_closing = true;
            if self.checkpoints {
                self.begin_naming()?;
            }
        }
        Ok(self.poll_named()?)
    }
}
