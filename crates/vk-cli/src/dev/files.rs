//! The files of a development cluster: its state directory and the kubeconfig that it writes.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::error::DevError;
use super::flags::DevFlags;
use crate::environment::Environment;
use crate::error::UsageError;

/// By its first line a kubeconfig is known as ours.
const MARK: &str = "# Written by virtual-kubelet dev, which writes it anew at each start.\n";
const CLUSTER_ID: &str = "cluster-id";

/// Where a cluster keeps what.
#[derive(Debug)]
pub(super) struct Files {
    directory: PathBuf,
    kubeconfig: PathBuf,
}

/// Held while the cluster runs.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Files {
    pub(super) fn of(flags: &DevFlags, environment: &Environment) -> Result<Self, UsageError> {
        let directory = match (&flags.state_dir, environment.non_empty("HOME")) {
            (Some(given), _) => given.clone(),
            (None, Some(home)) => Path::new(home).join(".local/state/virtual-kubelet/dev"),
            (None, None) => {
                let message = "none is given, and HOME is not set either: name a directory";
                return Err(UsageError::new("--state-dir", message));
            }
        };
        // Paths in a kubeconfig do not depend on where a program was started.
        let directory = std::path::absolute(&directory).unwrap_or(directory);
        let kubeconfig = flags.kubeconfig.clone().unwrap_or_else(|| directory.join("kubeconfig"));
        let kubeconfig = std::path::absolute(&kubeconfig).unwrap_or(kubeconfig);
        Ok(Self { directory, kubeconfig })
    }

    pub(super) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Below this, each node has a directory of its own.
    pub(super) fn nodes(&self) -> PathBuf {
        self.directory.join("nodes")
    }

    /// Makes the directory and keeps others from it.
    pub(super) fn lock(&self) -> Result<Lock, DevError> {
        let unusable = |error| DevError::Unusable { path: self.directory.clone(), error };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.directory).map_err(unusable)?;
        let path = self.directory.join("lock");
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(0o600).open(path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(DevError::InUse { path: self.directory.clone() }),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }

    /// What marks containers as this directory's cluster: what a run before has left is found by it.
    pub(super) fn cluster_id(&self) -> Result<String, DevError> {
        let path = self.directory.join(CLUSTER_ID);
        let unusable = |error| DevError::Unusable { path: path.clone(), error };
        match fs::read_to_string(&path) {
            Ok(id) if !id.trim().is_empty() => return Ok(id.trim().to_owned()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unusable(error)),
            _ => {}
        }
        let id = format!("dev-{:032x}", u128::from(random().map_err(unusable)?));
        self.write_private(CLUSTER_ID, &format!("{id}\n"))?;
        Ok(id)
    }

    /// Writes a file that is for nobody else to read. Gives back where it is.
    pub(super) fn write_private(&self, name: &str, text: &str) -> Result<PathBuf, DevError> {
        let path = self.directory.join(name);
        write(&path, text).map_err(|error| DevError::Unusable { path: path.clone(), error })?;
        Ok(path)
    }

    /// Writes the kubeconfig for people; somebody's own stays as it is.
    pub(super) fn write_kubeconfig(&self, text: &str) -> Result<(), DevError> {
        let path = self.kubeconfig.clone();
        match fs::read_to_string(&path) {
            Ok(there) if !there.starts_with(MARK) => return Err(DevError::ForeignKubeconfig { path }),
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(DevError::Kubeconfig { path, error });
            }
            _ => {}
        }
        write(&path, &format!("{MARK}{text}")).map_err(|error| DevError::Kubeconfig { path, error })
    }
}

/// Written beside and renamed, so that nobody reads half of it.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(text.as_bytes())?;
    fs::rename(&beside, path)
}

/// Random bits from the system.
pub(super) fn random() -> io::Result<u64> {
    let mut bytes = [0; 8];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}
