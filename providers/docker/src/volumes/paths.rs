//! Paths inside of volumes, and the files of termination messages.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use vk_core::{Error, Result};

use super::io_error;

/// As much of a termination message as the API takes.
const MAX_MESSAGE: u64 = 4096;

/// Makes a directory that nobody but the agent may enter: what lies below may be secret.
pub(super) fn make_private(root: &Path) -> Result<()> {
    fs::create_dir_all(root).map_err(io_error(root))?;
    fs::set_permissions(root, Permissions::from_mode(0o700)).map_err(io_error(root))
}

/// Makes an empty file that every user of a container may write to, unless it is there already.
pub(super) fn make_empty_file(path: &Path) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(_) => fs::set_permissions(path, Permissions::from_mode(0o666)),
    }
}

/// The first 4 KiB of a file, or `None` if it is empty or not there. A link is not followed: a container wrote it.
pub(super) fn read_start(path: &Path) -> io::Result<Option<String>> {
    let flags = nix::fcntl::OFlag::O_NOFOLLOW | nix::fcntl::OFlag::O_NONBLOCK;
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits()).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        result => result?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_MESSAGE).read_to_end(&mut bytes)?;
    Ok((!bytes.is_empty()).then(|| String::from_utf8_lossy(&bytes).into_owned()))
}

/// The real path of something below a directory.
pub(super) fn resolve_below(root: &Path, path: &str) -> Result<PathBuf> {
    let wrong = |message: String| Error::invalid("spec.containers[].volumeMounts[].subPath", message);
    let real_root = fs::canonicalize(root).map_err(io_error(root))?;
    let joined = real_root.join(path.trim_start_matches('/'));
    let real = fs::canonicalize(&joined).map_err(|_| wrong(format!("there is no {path:?} in the volume")))?;
    if real.starts_with(&real_root) { Ok(real) } else { Err(wrong(format!("{path:?} leads out of the volume"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_link_leads_out_of_a_volume() {
        let root = tempfile::tempdir().unwrap();
        let volume = root.path().join("volume");
        fs::create_dir(&volume).unwrap();
        fs::write(root.path().join("secret"), "x").unwrap();
        fs::write(volume.join("mine"), "x").unwrap();
        std::os::unix::fs::symlink("../secret", volume.join("link")).unwrap();
        assert!(resolve_below(&volume, "mine").is_ok());
        assert!(resolve_below(&volume, "link").unwrap_err().message.contains("leads out"));
        assert!(resolve_below(&volume, "../secret").unwrap_err().message.contains("leads out"));
        assert!(resolve_below(&volume, "other").unwrap_err().message.contains("there is no"));
    }

    #[test]
    fn a_termination_message_is_bounded_and_no_link_is_followed() {
        let root = tempfile::tempdir().unwrap();
        let log = root.path().join("a/log");
        make_empty_file(&log).unwrap();
        assert_eq!(read_start(&log).unwrap(), None);
        fs::write(&log, "x".repeat(5000)).unwrap();
        assert_eq!(read_start(&log).unwrap().unwrap().len(), 4096);
        let link = root.path().join("link");
        std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
        assert!(read_start(&link).is_err());
        assert_eq!(read_start(&root.path().join("none")).unwrap(), None);
    }
}
