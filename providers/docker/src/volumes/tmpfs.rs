//! File systems in memory, mounted where Docker sees them.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use vk_core::Result;

use super::io_error;

/// Mounts file systems in memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Tmpfs {
    /// Docker's socket, if it has one on this host.
    pub(super) docker: Option<PathBuf>,
}

/// Why there is no file system in memory.
#[derive(Debug, thiserror::Error)]
pub(super) enum TmpfsError {
    #[error("{0}; the agent needs root, or CAP_SYS_ADMIN")]
    Mount(Errno),
    #[error(
        "Docker would not see it: the agent runs in a mount namespace of its own, in which its directory is not a shared mount"
    )]
    Unseen,
}

/// What a file system in memory is mounted with.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TmpfsOptions {
    /// Permissions of its top directory, as in `0o700`.
    pub(super) mode: Option<u32>,
    /// Most bytes in it; the kernel's default is half of the memory.
    pub(super) size: Option<u64>,
}

impl Tmpfs {
    /// Mounts an empty file system in memory on a directory.
    pub(super) fn mount(&self, directory: &Path, options: TmpfsOptions) -> Result<(), TmpfsError> {
        if !self.is_seen_by_docker(directory) {
            return Err(TmpfsError::Unseen);
        }
        let mode = options.mode.map(|mode| format!("mode={mode:o}"));
        let size = options.size.map(|bytes| format!("size={bytes}"));
        let wanted: Vec<String> = mode.into_iter().chain(size).collect();
        // What lies in memory is not to be written to a swap device; Linux knows this since 6.4.
        let unswappable = wanted.iter().cloned().chain(["noswap".to_owned()]).collect::<Vec<_>>().join(",");
        match mount_with(directory, &unswappable) {
            Err(Errno::EINVAL) => mount_with(directory, &wanted.join(",")),
            result => result,
        }
        .map_err(TmpfsError::Mount)
    }

    /// Whether Docker sees what is mounted here: it lives in the same mount namespace, or mounts are passed on.
    fn is_seen_by_docker(&self, directory: &Path) -> bool {
        self.docker.as_deref().is_some_and(shares_our_mounts) || is_on_shared_mount(directory)
    }
}

fn mount_with(directory: &Path, options: &str) -> Result<(), Errno> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), directory, Some("tmpfs"), flags, Some(options))
}

/// Whether who listens on this socket is in our mount namespace. Somebody in another PID namespace cannot be looked at.
fn shares_our_mounts(socket: &Path) -> bool {
    let listener = || -> io::Result<Option<i32>> {
        let stream = UnixStream::connect(socket)?;
        stream.set_nonblocking(true)?;
        Ok(tokio::net::UnixStream::from_std(stream)?.peer_cred()?.pid())
    };
    let Ok(Some(pid)) = listener() else { return false };
    match (fs::read_link(format!("/proc/{pid}/ns/mnt")), fs::read_link("/proc/self/ns/mnt")) {
        (Ok(theirs), Ok(ours)) => theirs == ours,
        _ => false,
    }
}

/// Whether what is mounted below this directory appears in other mount namespaces too.
fn is_on_shared_mount(directory: &Path) -> bool {
    let (Ok(table), Ok(directory)) = (fs::read_to_string("/proc/self/mountinfo"), fs::canonicalize(directory)) else {
        return false;
    };
    is_shared_in(&table, &directory)
}

/// Reads `/proc/self/mountinfo` (proc(5)): the fifth field is the mount point, then options, then tags up to a dash.
fn is_shared_in(table: &str, directory: &Path) -> bool {
    let holding = table.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(' ').collect();
        let point = PathBuf::from(fields.get(4)?.replace("\\040", " "));
        let tags = fields.get(6..)?.iter().take_while(|tag| **tag != "-");
        let is_shared = tags.into_iter().any(|tag| tag.starts_with("shared:"));
        directory.starts_with(&point).then(|| (point.components().count(), is_shared))
    });
    // The innermost counts; of several on one point, the last.
    holding.max_by_key(|(depth, _)| *depth).is_some_and(|(_, is_shared)| is_shared)
}

/// Whether a file system of its own is mounted on this directory.
pub(super) fn is_mounted(directory: &Path) -> Result<bool> {
    let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).map_err(io_error(path));
    Ok(device(directory)? != device(directory.parent().unwrap_or(directory))?)
}

/// Takes a file system down, for containers that still use it when they end.
pub(super) fn unmount(directory: &Path) -> Result<()> {
    umount2(directory, MntFlags::MNT_DETACH).map_err(|errno| io_error(directory)(errno.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_decides_whether_mounts_are_passed_on() {
        let table = "21 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n\
                     22 21 0:20 / /var/lib/with\\040blank rw - tmpfs tmpfs rw\n\
                     23 21 0:21 / /srv rw,noatime shared:7 master:2 - ext4 /dev/sdb rw\n\
                     24 23 0:22 / /srv/private rw master:7 - ext4 /dev/sdc rw\n\
                     25 24 0:23 / /srv/private rw - ext4 /dev/sdd rw\n";
        for (directory, is_shared) in [
            ("/var/lib/agent", true),
            ("/var/lib/with blank/agent", false),
            ("/srv", true),
            ("/srv/private/x", false),
            ("/srv/privateer", true),
        ] {
            assert_eq!(is_shared_in(table, Path::new(directory)), is_shared, "{directory}");
        }
        assert!(!is_shared_in("", Path::new("/")));
    }

    #[tokio::test]
    async fn who_listens_on_the_socket_is_looked_at() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("docker.sock");
        assert!(!shares_our_mounts(&socket));
        let _listener = tokio::net::UnixListener::bind(&socket).unwrap();
        assert!(shares_our_mounts(&socket), "it is ourselves");
    }
}
