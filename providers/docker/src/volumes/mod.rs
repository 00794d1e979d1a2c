//! [`LocalVolumeStore`]: volumes as directories of this host, which has to be Docker's own.

mod files;
mod memory;
mod paths;

use std::path::{Path, PathBuf};

use futures::FutureExt;
use futures::future::BoxFuture;
use vk_core::resolved::FileTree;
use vk_core::{Error, PodUid, Result};
use vk_pod_engine::volume::{EmptyDir, TerminationLogKey, VolumeKey, VolumeStore};

/// Keeps volumes below one directory: `<pod uid>/{files,empty,termination}/…`.
#[derive(Debug, Clone)]
pub struct LocalVolumeStore {
    root: PathBuf,
}

impl LocalVolumeStore {
    /// A store below this directory, which is made when it is first needed.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn pod(&self, uid: &PodUid) -> Result<PathBuf> {
        Ok(absolute(&self.root)?.join(component(uid.as_str())?))
    }

    fn volume(&self, kind: &str, key: &VolumeKey) -> Result<PathBuf> {
        Ok(self.pod(&key.pod)?.join(kind).join(component(&key.volume)?))
    }

    fn log(&self, run: &TerminationLogKey) -> Result<PathBuf> {
        let directory = self.pod(&run.pod)?.join("termination").join(component(&run.container)?);
        Ok(directory.join(run.attempt.to_string()))
    }
}

/// Docker takes absolute paths only.
fn absolute(root: &Path) -> Result<PathBuf> {
    std::path::absolute(root).map_err(|error| Error::internal(format!("{}: {error}", root.display())))
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
            let path = store.volume("files", &volume)?;
            paths::make_private(&store.root)?;
            files::write(&path, &files).map_err(io_error(&path))?;
            Ok(path)
        })
    }

    fn empty_dir(&self, volume: VolumeKey, options: EmptyDir) -> BoxFuture<'_, Result<PathBuf>> {
        let store = self.clone();
        blocking(move || {
            let path = store.volume("empty", &volume)?;
            paths::make_private(&store.root)?;
            memory::make(&path, options)?;
            Ok(path)
        })
    }

    fn host_path(&self, path: PathBuf, kind: String) -> BoxFuture<'_, Result<()>> {
        blocking(move || paths::check_host_path(&path, &kind))
    }

    fn path_in_files(&self, volume: VolumeKey, path: String) -> BoxFuture<'_, Result<PathBuf>> {
        let store = self.clone();
        blocking(move || {
            let root = store.volume("files", &volume)?;
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
        blocking(move || {
            let path = store.pod(&pod)?;
            memory::release(&path.join("empty"))?;
            match std::fs::remove_dir_all(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
                result => result.map_err(io_error(&path)),
            }
        })
    }
}
