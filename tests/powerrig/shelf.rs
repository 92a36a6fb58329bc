//! Volumes as files of a file system: one folder, in it a file of fixed length for each, and nothing else.
//!
//! A flush of the loop device comes as an fsync of its file. Nothing is cached on this side of the kernel: a file is opened past its page cache.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};

use fuser::{
    Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner,
    OpenFlags, ReplyAttr, ReplyData, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite, Request,
    WriteFlags,
};

use crate::volume::Volume;

/// What a volume seems to have: room for the segments of three workers, of which little is ever written.
const VOLUME_BYTES: u64 = 3 << 30;

/// The volumes, by number. A clone is the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shelf(Arc<Content>);

#[derive(Debug, Default)]
struct Content {
    volumes: Mutex<BTreeMap<u64, Volume>>,
    power_gone: Condvar,
}

impl Shelf {
    /// The file of a volume.
    pub(crate) fn file_name(number: u64) -> String {
        format!("volume-{number}")
    }

    pub(crate) fn add(&self, number: u64, volume: Volume) {
        self.volumes().insert(number, volume);
    }

    pub(crate) fn remove(&self, number: u64) {
        self.volumes().remove(&number);
    }

    pub(crate) fn with<R>(&self, number: u64, look: impl FnOnce(&mut Volume) -> R) -> R {
        look(self.volumes().get_mut(&number).expect("invariant: the volume is there"))
    }

    /// Waits until the power of a volume has gone, for so long at most.
    pub(crate) fn wait(&self, number: u64, most: Duration) {
        let until = Instant::now() + most;
        let mut volumes = self.volumes();
        while volumes.get(&number).is_some_and(|volume| !volume.is_cut()) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let woken = self.0.power_gone.wait_timeout(volumes, left);
            volumes = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn volumes(&self) -> MutexGuard<'_, BTreeMap<u64, Volume>> {
        self.0.volumes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The attributes of a file, if it is there.
    fn attributes(&self, inode: INodeNo) -> Option<FileAttr> {
        let is_folder = inode == INodeNo::ROOT;
        let is_there = is_folder || self.volumes().contains_key(&number_of(inode)?);
        let (kind, perm) = match is_folder {
            true => (FileType::Directory, 0o700),
            false => (FileType::RegularFile, 0o600),
        };
        is_there.then_some(FileAttr {
            ino: inode,
            size: if is_folder { 0 } else { VOLUME_BYTES },
            blocks: 0,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind,
            perm,
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        })
    }

    fn change<R>(&self, inode: INodeNo, change: impl FnOnce(&mut Volume) -> R) -> Option<R> {
        self.volumes().get_mut(&number_of(inode)?).map(change)
    }
}

/// The root has 1.
const FIRST_INODE: u64 = 2;

fn number_of(inode: INodeNo) -> Option<u64> {
    inode.0.checked_sub(FIRST_INODE)
}

impl Filesystem for Shelf {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let number = name.to_str().and_then(|name| name.strip_prefix("volume-")?.parse().ok());
        let inode = number.map(|number: u64| INodeNo(number + FIRST_INODE));
        match inode.and_then(|inode| self.attributes(inode)) {
            Some(attributes) => reply.entry(&Duration::ZERO, &attributes, Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attributes(inode) {
            Some(attributes) => reply.attr(&Duration::ZERO, &attributes),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(
        &self,
        _: &Request,
        inode: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let count = u64::from(size).min(VOLUME_BYTES.saturating_sub(offset));
        let count = usize::try_from(count).expect("a read is short");
        match self.change(inode, |volume| volume.read(offset, count)) {
            Some(bytes) => reply.data(&bytes),
            None => reply.error(Errno::EIO),
        }
    }

    fn write(
        &self,
        _: &Request,
        inode: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let Some(is_cut) = self.change(inode, |volume| volume.write(offset, data)) else {
            return reply.error(Errno::EIO);
        };
        if is_cut {
            self.0.power_gone.notify_all();
        }
        reply.written(u32::try_from(data.len()).expect("a write is short"));
    }

    /// A file was closed, which makes nothing durable.
    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, inode: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        match self.change(inode, Volume::flush) {
            None => return reply.error(Errno::EIO),
            Some(true) => self.0.power_gone.notify_all(),
            Some(false) => {}
        }
        reply.ok();
    }

    /// The loop device asks whether it can punch holes; it cannot.
    fn fallocate(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        _: u64,
        _: u64,
        _: i32,
        reply: ReplyEmpty,
    ) {
        reply.error(Errno::EOPNOTSUPP);
    }
}
