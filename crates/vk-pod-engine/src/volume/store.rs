//! [`VolumeStore`]: how files reach containers.

use std::path::PathBuf;

use futures::future::BoxFuture;
use vk_core::resolved::FileTree;
use vk_core::{PodUid, Result};

/// Keeps the files of volumes where the runtime can mount them: in a local directory, or on the runtime's host.
///
/// Paths that it answers are those of the runtime's host. Every method is idempotent.
pub trait VolumeStore: Send + Sync + 'static {
    /// Makes a volume hold exactly these files. They become visible all at once, also to containers that run: a reader
    /// never sees a mixture of old and new.
    fn write_files(&self, volume: VolumeKey, files: FileTree) -> BoxFuture<'_, Result<PathBuf>>;

    /// Makes an empty directory, unless it is there already: then its content stays.
    fn empty_dir(&self, volume: VolumeKey, options: EmptyDir) -> BoxFuture<'_, Result<PathBuf>>;

    /// Checks a path of the host, or makes it, as `hostPath.type` says; an empty type means no check. Answers the path that
    /// it really leads to, which is the one to mount. Asked once for a volume, and again right before each mount.
    ///
    /// # Errors
    /// [`vk_core::ErrorKind::Invalid`] if there is something else, or nothing, in its place, or if pods may not have it.
    fn host_path(&self, path: PathBuf, kind: String) -> BoxFuture<'_, Result<PathBuf>>;

    /// A file or directory inside of a volume that [`Self::write_files`] has filled, as it is now.
    ///
    /// # Errors
    /// [`vk_core::ErrorKind::Invalid`] if there is none, or if the path leads out of the volume.
    fn path_in_files(&self, volume: VolumeKey, path: String) -> BoxFuture<'_, Result<PathBuf>>;

    /// An empty file for one run's termination message, which the container may write to.
    fn termination_log(&self, run: TerminationLogKey) -> BoxFuture<'_, Result<PathBuf>>;

    /// What a run has left as its termination message, at most 4 KiB of it.
    fn read_termination_log(&self, run: TerminationLogKey) -> BoxFuture<'_, Result<Option<String>>>;

    /// Removes everything of a pod.
    fn remove_pod(&self, pod: PodUid) -> BoxFuture<'_, Result<()>>;
}

/// Names a volume.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VolumeKey {
    /// Whose.
    pub pod: PodUid,
    /// Name in the pod's spec.
    pub volume: String,
}

/// Names the termination message of one run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TerminationLogKey {
    /// Whose.
    pub pod: PodUid,
    /// Name of the container.
    pub container: String,
    /// Number of the run.
    pub attempt: u32,
}

/// An `emptyDir`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EmptyDir {
    /// Kept in memory.
    pub memory: bool,
    /// Upper bound in bytes; only honoured in memory.
    pub size_limit: Option<u64>,
    /// Group that owns it (`fsGroup`).
    pub group: Option<i64>,
}
