//! [`LocalVolumeStore`]: volumes as directories of this host, which has to be Docker's own.

mod empty_dir;
mod files;
mod files_root;
mod host_path;
mod paths;
#[cfg(test)]
mod tests;
mod tmpfs;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use vk_core::resolved::FileTree;
use vk_core::{Error, PodUid, Result};
use vk_pod_engine::volume::{EmptyDir, TerminationLogKey, VolumeKey, VolumeStore};

use files_root::FilesRoot;
pub(crate) use host_path::HostPaths;
use tmpfs::Tmpfs;

/// Keeps volumes below one directory: files of the API server in `files/<pod uid>/…`, which lies in memory where that can be
/// had, and the rest in `pods/<pod uid>/{empty,termination}/…`.
#[derive(Debug, Clone)]
pub struct LocalVolumeStore {
    root: PathBuf,
    host_paths: HostPaths,
    tmpfs: Tmpfs,
    files: Arc<FilesRoot>,
}

impl LocalVolumeStore {
    /// A store below this directory, which is made when it is first needed. `docker_socket` is that of the engine, if it has
    /// one on this host: it tells whether Docker sees what the agent mounts.
    ///
    /// # Errors
    /// [`vk_core::ErrorKind::Internal`] if the path is relative and there is no working directory.
    pub fn new(root: impl AsRef<Path>, docker_socket: Option<PathBuf>) -> Result<Self> {
        // Docker takes absolute paths only.
        let root = std::path::absolute(root.as_ref()).map_err(io_error(root.as_ref()))?;
        let tmpfs = Tmpfs { docker: docker_socket };
        let files = Arc::new(FilesRoot::new(root.join("files"), tmpfs.clone()));
        Ok(Self { root, host_paths: HostPaths::default(), tmpfs, files })
    }

    /// The same, mounting paths of the host below these directories; without any, hostPath volumes are refused.
    #[must_use]
    pub fn with_host_paths_below(mut self, prefixes: Vec<PathBuf>) -> Self {
        self.host_paths = HostPaths::below(prefixes);
        self
    }

    fn pod(&self, uid: &PodUid) -> Result<PathBuf> {
        Ok(self.root.join("pods").join(component(uid.as_str())?))
    }

    fn pod_files(&self, uid: &PodUid) -> Result<PathBuf> {
        Ok(self.files.directory().join(component(uid.as_str())?))
    }

    fn files_volume(&self, key: &VolumeKey) -> Result<PathBuf> {
        Ok(self.pod_files(&key.pod)?.join(component(&key.volume)?))
    }

    fn log(&self, run: &TerminationLogKey) -> Result<PathBuf> {
        let directory = self.pod(&run.pod)?.join("termination").join(component(&run.container)?);
        Ok(directory.join(run.attempt.to_string()))
    }

    /// Refuses a path that holds other pods' files.
    fn refuse_own(&self, real: &Path) -> Result<()> {
        let Ok(own) = std::fs::canonicalize(&self.root) else { return Ok(()) };
        if real.starts_with(&own) || own.starts_with(real) {
            let message = format!("{}: the agent keeps the files of all pods there", real.display());
            return Err(Error::invalid("spec.volumes[].hostPath", message));
        }
        Ok(())
    }

    fn remove(&self, pod: &PodUid) -> Result<()> {
        let of_pod = self.pod(pod)?;
        empty_dir::release(&of_pod.join("empty"))?;
        for path in [of_pod, self.pod_files(pod)?] {
            match std::fs::remove_dir_all(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                result => result.map_err(io_error(&path))?,
            }
        }
        self.files.release()
    }
}

/// Names come from the API, which allows nothing else; whoever gets round it gets no further.
fn component(name: &str) -> Result<&str> {
    let plain = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0']);
    if plain { Ok(name) } else { Err(Error::invalid("metadata.uid", format!("{name:?} cannot name a directory"))) }
}

/// Runs blocking work on a thread that may block.
fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> BoxFuture<'static, Result<T>> {
    async move {
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|error| Err(Error::internal(format!("a volume's directory: {error}"))))
    }
    .boxed()
}

/// An IO error with the path it is about.
fn io_error(path: &Path) -> impl FnOnce(std::io::Error) -> Error + '_ {
    move |error| Error::internal(format!("{}: {error}", path.display()))
}

impl VolumeStore for LocalVolumeStore {
    fn write_files(&self, volume: VolumeKey, files: FileTree) -> BoxFuture<'_, Result<PathBuf>> {
        let store = self.clone();
        blocking(move || {
            let path = store.files_volume(&volume)?;
            paths::make_private(&store.root)?;
            store.files.write(|| files::write(&path, &files).map_err(io_error(&path)))?;
            Ok(path)
        })
    }

    fn empty_dir(&self, volume: VolumeKey, options: EmptyDir) -> BoxFuture<'_, Result<PathBuf>> {
        let store = self.clone();
        blocking(move || {
            let path = store.pod(&volume.pod)?.join("empty").join(component(&volume.volume)?);
            paths::make_private(&store.root)?;
            empty_dir::make(&path, options, &store.tmpfs)?;
            Ok(path)
        })
    }

    fn host_path(&self, path: PathBuf, kind: String) -> BoxFuture<'_, Result<PathBuf>> {
        let store = self.clone();
        blocking(move || {
            let real = store.host_paths.resolve(&path, &kind)?;
            store.refuse_own(&real)?;
            Ok(real)
        })
    }

    fn path_in_files(&self, volume: VolumeKey, path: String) -> BoxFuture<'_, Result<PathBuf>> {
        let store = self.clone();
        blocking(move || {
            let root = store.files_volume(&volume)?;
            paths::resolve_below(&root, &path)
        })
    }

    fn termination_log(&self, run: TerminationLogKey) -> BoxFuture<'_, Result<PathBuf>> {
        let store = self.clone();
        blocking(move || {
            let path = store.log(&run)?;
            paths::make_private(&store.root)?;
            paths::make_empty_file(&path).map_err(io_error(&path))?;
            Ok(path)
        })
    }

    fn read_termination_log(&self, run: TerminationLogKey) -> BoxFuture<'_, Result<Option<String>>> {
        let store = self.clone();
        blocking(move || {
            let path = store.log(&run)?;
            paths::read_start(&path).map_err(io_error(&path))
        })
    }

    fn remove_pod(&self, pod: PodUid) -> BoxFuture<'_, Result<()>> {
        let store = self.clone();
        blocking(move || store.remove(&pod))
    }
}
