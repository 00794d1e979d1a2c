//! `emptyDir` volumes: plain directories, or file systems in memory.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use vk_core::{Error, Result};
use vk_pod_engine::volume::EmptyDir;

use super::io_error;
use super::tmpfs::{Tmpfs, TmpfsOptions, is_mounted, unmount};

/// Everybody may write, as under a kubelet.
const OPEN: u32 = 0o777;
/// What is made inside belongs to the directory's group.
const OF_GROUP: u32 = 0o2777;

/// Makes the directory of a volume, unless it is there already.
pub(super) fn make(path: &Path, options: EmptyDir, tmpfs: &Tmpfs) -> Result<()> {
    fs::create_dir_all(path).map_err(io_error(path))?;
    if options.memory && !is_mounted(path)? {
        let of_memory = TmpfsOptions { mode: None, size: options.size_limit };
        tmpfs.mount(path, of_memory).map_err(|error| {
            let message = format!("{}: cannot mount a file system in memory: {error}", path.display());
            Error::unsupported("spec.volumes[].emptyDir.medium", message)
        })?;
    }
    if let Some(group) = options.group {
        let group = u32::try_from(group)
            .map_err(|_| Error::invalid("spec.securityContext.fsGroup", format!("{group} is no group")))?;
        std::os::unix::fs::chown(path, None, Some(group)).map_err(io_error(path))?;
    }
    let mode = if options.group.is_some() { OF_GROUP } else { OPEN };
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(io_error(path))
}

/// Takes down the file systems in memory below a directory.
pub(super) fn release(directory: &Path) -> Result<()> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        result => result.map_err(io_error(directory))?,
    };
    for entry in entries {
        let path = entry.map_err(io_error(directory))?.path();
        if is_mounted(&path)? {
            unmount(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_open_to_all_and_keeps_its_content() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("v");
        make(&path, EmptyDir::default(), &Tmpfs::default()).unwrap();
        fs::write(path.join("file"), "x").unwrap();
        make(&path, EmptyDir::default(), &Tmpfs::default()).unwrap();
        assert!(path.join("file").exists());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, OPEN);
    }

    #[tokio::test]
    async fn memory_is_mounted_once_bounded_and_released() {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("SKIPPED: only root can mount a file system");
            return;
        }
        let root = tempfile::tempdir().unwrap();
        let (tmpfs, _docker) = super::super::tests::seen_by_docker(root.path());
        let path = root.path().join("empty/v");
        let options = EmptyDir { memory: true, size_limit: Some(1 << 20), group: None };
        make(&path, options, &tmpfs).unwrap();
        fs::write(path.join("file"), "x").unwrap();
        make(&path, options, &tmpfs).unwrap();
        assert!(path.join("file").exists(), "the second call mounted nothing over the first");
        assert!(fs::write(path.join("big"), vec![0; 2 << 20]).is_err(), "the limit holds");
        release(&root.path().join("empty")).unwrap();
        assert!(!path.join("file").exists());
    }
}
