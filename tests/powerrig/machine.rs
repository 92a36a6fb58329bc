//! What stands on a volume: a loop device, ext4, and a folder in which it is seen.
//!
//! # Invariants
//!
//! 1. The loop device is freed by the kernel with the mount that it was made for.
//! 2. Whatever happens, mounts end with the namespace of this process, and the files behind them with the process.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use fuser::{BackgroundSession, Config, MountOption};
use thalweg_tests::dice::Dice;

use crate::shelf::Shelf;
use crate::volume::{Blocks, Lost, Volume};

/// Who was killed may have files open for a moment more: the kernel ends what an io_uring had in flight later.
const UMOUNT_ATTEMPTS: u32 = 500;

/// See the module.
#[derive(Debug)]
pub(crate) struct Machine {
    folder: PathBuf,
    shelf: Shelf,
    /// A fresh file system.
    fresh: Blocks,
    /// Of the volume that is mounted, or was last.
    number: u64,
    is_mounted: bool,
    /// Serves the volumes; dropped it is unmounted.
    session: Option<BackgroundSession>,
}

impl Machine {
    /// Makes a file system.
    ///
    /// # Errors
    ///
    /// Why that cannot be here, as a sentence.
    pub(crate) fn new() -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("thalweg-powerrig-{}", std::process::id()));
        let mut machine = Self {
            folder,
            shelf: Shelf::default(),
            fresh: Blocks::default(),
            number: 0,
            is_mounted: false,
            session: None,
        };
        for folder in [machine.volumes(), machine.disk()] {
            fs::create_dir_all(&folder)
                .map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
        }
        let mut config = Config::default();
        config.mount_options.push(MountOption::FSName("thalweg-powerrig".to_owned()));
        let session = fuser::spawn_mount(machine.shelf.clone(), machine.volumes(), &config);
        let session = session.map_err(|error| format!("FUSE cannot be mounted: {error}"))?;
        machine.session = Some(session);
        machine.make()?;
        machine.boot(machine.fresh.clone())?;
        machine.shut_down()?;
        Ok(machine)
    }

    fn volumes(&self) -> PathBuf {
        self.folder.join("volumes")
    }

    /// Where the file system is seen.
    pub(crate) fn disk(&self) -> PathBuf {
        self.folder.join("disk")
    }

    fn file(&self) -> PathBuf {
        self.volumes().join(Shelf::file_name(self.number))
    }

    fn make(&mut self) -> Result<(), String> {
        self.shelf.add(self.number, Volume::default());
        let mut mkfs = command("mkfs.ext4");
        mkfs.args(["-q", "-F", "-b", "4096", "-J", "size=16", "-E"]);
        run(mkfs.arg("nodiscard,lazy_itable_init=1").arg(self.file()))?;
        self.fresh = self.shelf.with(self.number, |volume| {
            volume.flush();
            volume.cut(&mut Dice::new(0))
        });
        self.shelf.remove(self.number);
        Ok(())
    }

    /// A fresh file system.
    pub(crate) fn fresh(&self) -> Blocks {
        self.fresh.clone()
    }

    /// Mounts what is on a disk.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn boot(&mut self, blocks: Blocks) -> Result<(), String> {
        self.number += 1;
        self.shelf.add(self.number, Volume::with(blocks));
        let mut mount = command("mount");
        // Nothing is to be written that nobody asked for.
        mount.args(["-t", "ext4", "-o", "loop,noatime,noinit_itable"]);
        run(mount.arg(self.file()).arg(self.disk()))?;
        self.is_mounted = true;
        Ok(())
    }

    /// The power is to go behind so many operations of the disk.
    pub(crate) fn cut_after(&self, operations: u64, dice: Dice) {
        self.shelf.with(self.number, |volume| volume.cut_after(operations, dice));
    }

    /// Waits until the power has gone, for so long at most.
    pub(crate) fn wait(&self, most: Duration) {
        self.shelf.wait(self.number, most);
    }

    /// Whether the power has gone.
    pub(crate) fn is_cut(&self) -> bool {
        self.shelf.with(self.number, |volume| volume.is_cut())
    }

    /// The power goes, if it has not gone yet; gives what is on the disk then. What stands on it goes on, and is lost.
    pub(crate) fn cut(&self, dice: &mut Dice) -> Blocks {
        self.shelf.with(self.number, |volume| volume.cut(dice))
    }

    /// What the cut has cost.
    pub(crate) fn lost(&self) -> Lost {
        self.shelf.with(self.number, |volume| volume.lost())
    }

    /// Unmounts, when nobody uses it any more; what that writes belongs to nobody.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn shut_down(&mut self) -> Result<(), String> {
        if std::mem::take(&mut self.is_mounted) {
            unmount(&self.disk())?;
        }
        self.shelf.remove(self.number);
        Ok(())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Its end is the end of whatever this leaves.
        drop(self.shut_down());
        if let Some(session) = self.session.take() {
            drop(session.umount_and_join());
        }
        drop(fs::remove_dir_all(&self.folder));
    }
}

fn unmount(folder: &Path) -> Result<(), String> {
    for _ in 0..UMOUNT_ATTEMPTS {
        if run(command("umount").arg(folder)).is_ok() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(10));
    }
    run(command("umount").arg("--lazy").arg(folder))
}

/// Programs of the system may be where an ordinary user does not look.
fn command(name: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(name);
    command.env("PATH", format!("{path}:/usr/sbin:/sbin")).stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output =
        command.output().map_err(|error| format!("`{name}` cannot be started: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(format!("`{name}` ended with {}: {said}", output.status))
        }
    }
}
