//! [`FilesRoot`]: the directory that holds the files of all volumes, in memory where that can be had.
//!
//! ConfigMaps, Secrets and tokens are the API server's; what a disk keeps of them outlives their deletion. So, as under a
//! kubelet, they lie in memory: in one file system for all pods, which goes with the last of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{RwLock, RwLockWriteGuard};
use vk_core::Result;

use super::tmpfs::{Tmpfs, TmpfsOptions, is_mounted, unmount};
use super::{io_error, paths};

const PRIVATE: u32 = 0o700;

/// Owns a directory, and whether it lies in memory.
#[derive(Debug)]
pub(super) struct FilesRoot {
    directory: PathBuf,
    tmpfs: Tmpfs,
    /// Held for reading by those who write files, so that nothing is mounted or unmounted below them.
    place: RwLock<Place>,
    has_told: AtomicBool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Unknown,
    Memory,
    Disk,
}

impl FilesRoot {
    pub(super) fn new(directory: PathBuf, tmpfs: Tmpfs) -> Self {
        Self { directory, tmpfs, place: RwLock::new(Place::Unknown), has_told: AtomicBool::new(false) }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Runs work that writes below the directory, which is there until the work is done.
    pub(super) fn write<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut place = self.place.read();
        if *place == Place::Unknown {
            drop(place);
            let mut exclusive = self.place.write();
            if *exclusive == Place::Unknown {
                *exclusive = self.prepare()?;
            }
            place = RwLockWriteGuard::downgrade(exclusive);
        }
        let done = work();
        drop(place);
        done
    }

    fn prepare(&self) -> Result<Place> {
        paths::make_private(&self.directory)?;
        // An agent that was here before has mounted it, or its pods have files on the disk: a file system on top would
        // hide these from whoever brings them up to date.
        if is_mounted(&self.directory)? {
            return Ok(Place::Memory);
        }
        if !is_empty(&self.directory).map_err(io_error(&self.directory))? {
            self.tell("files of an earlier agent lie there; it is tried again once these pods are gone");
            return Ok(Place::Disk);
        }
        match self.tmpfs.mount(&self.directory, TmpfsOptions { mode: Some(PRIVATE), size: None }) {
            Ok(()) => Ok(Place::Memory),
            Err(error) => {
                self.tell(&error.to_string());
                Ok(Place::Disk)
            }
        }
    }

    /// Says once that Secrets lie on a disk.
    fn tell(&self, why: &str) {
        if !self.has_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                directory = %self.directory.display(),
                "Secrets, ConfigMaps and tokens of pods are kept on disk, readable by the agent's user alone, because no \
                 file system in memory can be mounted: {why}"
            );
        }
    }

    /// Takes the file system down if no pod has files any more.
    pub(super) fn release(&self) -> Result<()> {
        let mut place = self.place.write();
        let is_empty = match is_empty(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            result => result.map_err(io_error(&self.directory))?,
        };
        if !is_empty {
            return Ok(());
        }
        if is_mounted(&self.directory)? {
            unmount(&self.directory)?;
        }
        // Whatever was in the way may be gone.
        *place = Place::Unknown;
        Ok(())
    }
}

fn is_empty(directory: &Path) -> io::Result<bool> {
    Ok(fs::read_dir(directory)?.next().is_none())
}
