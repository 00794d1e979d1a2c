//! Paths of the host: which ones a pod may mount, whatever links lie on the way.
//!
//! A pod that may write to a directory of the host can put links there. So what is mounted is never the path as the pod
//! writes it, but the one that it really leads to, and only if that lies below a configured prefix too.

use std::ffi::OsStr;
use std::fs::{self, FileType};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Component, Path, PathBuf};

use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{Mode, fchmod, mkdirat};
use vk_core::{Error, Result};

const DIRECTORY_MODE: Mode = Mode::from_bits_truncate(0o755);
const FILE_MODE: Mode = Mode::from_bits_truncate(0o644);

/// The directories below which pods may mount paths of the host.
#[derive(Debug, Clone, Default)]
pub(crate) struct HostPaths {
    prefixes: Vec<PathBuf>,
}

/// What `hostPath.type` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unchecked,
    Directory,
    DirectoryOrCreate,
    File,
    FileOrCreate,
    Socket,
    CharDevice,
    BlockDevice,
}

impl HostPaths {
    pub(crate) fn below(prefixes: Vec<PathBuf>) -> Self {
        Self { prefixes }
    }

    /// The real path of what a pod asks for; made, if its type says so and it is not there.
    ///
    /// # Errors
    /// [`vk_core::ErrorKind::Invalid`] if it leads out of the configured directories, or is not what its type says.
    pub(crate) fn resolve(&self, path: &Path, kind: &str) -> Result<PathBuf> {
        let kind = Kind::parse(kind)?;
        let path = normal(path)?;
        let prefix = self.prefixes.iter().find(|prefix| path.starts_with(prefix));
        let prefix = prefix.ok_or_else(|| wrong(&path, "lies below none of host_path_prefixes"))?;
        if let Err(error) = fs::metadata(prefix) {
            let message = format!("{} of host_path_prefixes cannot be used: {error}", prefix.display());
            return Err(wrong(&path, &message));
        }
        let (found, missing) = existing_part(&path).map_err(|error| wrong(&path, &error.to_string()))?;
        self.check_real(&path, &found)?;
        let real = if missing.is_empty() { found } else { kind.make(&path, &found, &missing)? };
        let metadata = fs::symlink_metadata(&real).map_err(|error| wrong(&path, &error.to_string()))?;
        kind.check(&path, metadata.file_type())?;
        Ok(real)
    }

    /// Whether a path that was resolved before still leads where it did. Paths that lie elsewhere are none of its business.
    pub(crate) fn recheck(&self, real: &Path) -> Result<()> {
        if !self.real_prefixes().any(|prefix| real.starts_with(prefix)) {
            return Ok(());
        }
        match fs::canonicalize(real) {
            Ok(now) if now == real => Ok(()),
            Ok(_) => Err(wrong(real, "somebody has put a link in its place since it was checked")),
            Err(error) => Err(wrong(real, &error.to_string())),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }

    fn check_real(&self, path: &Path, real: &Path) -> Result<()> {
        if self.real_prefixes().any(|prefix| real.starts_with(prefix)) {
            return Ok(());
        }
        Err(wrong(path, &format!("leads to {}, which lies below none of host_path_prefixes", real.display())))
    }

    /// The prefixes may be links themselves: whoever configured them knows where they lead.
    fn real_prefixes(&self) -> impl Iterator<Item = PathBuf> {
        self.prefixes.iter().filter_map(|prefix| fs::canonicalize(prefix).ok())
    }
}

fn wrong(path: &Path, message: &str) -> Error {
    Error::invalid("spec.volumes[].hostPath", format!("{}: {message}", path.display()))
}

/// The path without `.` and doubled slashes. `..` is refused, as the API server refuses it.
fn normal(path: &Path) -> Result<PathBuf> {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::RootDir | Component::Normal(_) => normal.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => return Err(wrong(path, "must not contain ..")),
        }
    }
    if normal.is_absolute() { Ok(normal) } else { Err(wrong(path, "is not an absolute path")) }
}

/// The real path of the part that is there, and the names that are not.
fn existing_part(path: &Path) -> io::Result<(PathBuf, Vec<&OsStr>)> {
    let mut missing = Vec::new();
    for part in path.ancestors() {
        match fs::symlink_metadata(part) {
            // A link that leads nowhere is there, and an error.
            Ok(_) => {
                missing.reverse();
                return Ok((fs::canonicalize(part)?, missing));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing.extend(part.file_name()),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::from(io::ErrorKind::NotFound))
}

impl Kind {
    fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "" => Self::Unchecked,
            "Directory" => Self::Directory,
            "DirectoryOrCreate" => Self::DirectoryOrCreate,
            "File" => Self::File,
            "FileOrCreate" => Self::FileOrCreate,
            "Socket" => Self::Socket,
            "CharDevice" => Self::CharDevice,
            "BlockDevice" => Self::BlockDevice,
            other => return Err(Error::invalid("spec.volumes[].hostPath.type", format!("unknown value {other:?}"))),
        })
    }

    fn check(self, path: &Path, found: FileType) -> Result<()> {
        let (is_right, name) = match self {
            Self::Unchecked => return Ok(()),
            Self::Directory | Self::DirectoryOrCreate => (found.is_dir(), "a directory"),
            Self::File | Self::FileOrCreate => (found.is_file(), "a file"),
            Self::Socket => (found.is_socket(), "a socket"),
            Self::CharDevice => (found.is_char_device(), "a character device"),
            Self::BlockDevice => (found.is_block_device(), "a block device"),
        };
        if is_right { Ok(()) } else { Err(wrong(path, &format!("is not {name}"))) }
    }

    /// Makes what is missing. Each step is taken from the directory before it, so that no link is followed.
    fn make(self, path: &Path, found: &Path, missing: &[&OsStr]) -> Result<PathBuf> {
        let failed = |errno: nix::Error| wrong(path, &io::Error::from(errno).to_string());
        let (last, above) = match (self, missing.split_last()) {
            // Where nothing is to be checked, a runtime makes a directory.
            (Self::Unchecked | Self::DirectoryOrCreate, Some(split)) => split,
            (Self::FileOrCreate, Some((last, []))) => (last, &[][..]),
            (Self::FileOrCreate, _) => return Err(wrong(path, "the directory that it would lie in does not exist")),
            _ => return Err(wrong(path, "does not exist")),
        };
        let mut directory = open_directory(found).map_err(failed)?;
        for name in above {
            directory = make_directory(&directory, name).map_err(failed)?;
        }
        if self == Self::FileOrCreate {
            make_file(&directory, last).map_err(failed)?;
        } else {
            make_directory(&directory, last).map_err(failed)?;
        }
        Ok(missing.iter().fold(found.to_owned(), |real, name| real.join(name)))
    }
}

const NO_LINKS: OFlag = OFlag::O_NOFOLLOW.union(OFlag::O_CLOEXEC);

/// Opens a directory by a path in which there is no link, or fails.
fn open_directory(real: &Path) -> nix::Result<OwnedFd> {
    let flags = NO_LINKS | OFlag::O_PATH | OFlag::O_DIRECTORY;
    let mut directory = open("/", flags, Mode::empty())?;
    for part in real.components() {
        if let Component::Normal(name) = part {
            directory = openat(&directory, name, flags, Mode::empty())?;
        }
    }
    Ok(directory)
}

/// Makes a directory, and opens it. Somebody else may have made it meanwhile.
fn make_directory(above: &OwnedFd, name: &OsStr) -> nix::Result<OwnedFd> {
    let made = match mkdirat(above, name, DIRECTORY_MODE) {
        Err(nix::Error::EEXIST) => false,
        result => result.map(|()| true)?,
    };
    let directory = openat(above, name, NO_LINKS | OFlag::O_DIRECTORY | OFlag::O_RDONLY, Mode::empty())?;
    if made {
        // Whatever the umask is.
        fchmod(&directory, DIRECTORY_MODE)?;
    }
    Ok(directory)
}

fn make_file(above: &OwnedFd, name: &OsStr) -> nix::Result<()> {
    let flags = NO_LINKS | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY;
    match openat(above, name, flags, FILE_MODE) {
        Err(nix::Error::EEXIST) => Ok(()),
        result => fchmod(&result?, FILE_MODE),
    }
}

#[cfg(test)]
mod tests;
