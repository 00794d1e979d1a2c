//! How to reach the API server: kubeconfig files, or the service account of the pod that this runs in.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::Config;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};

use crate::environment::Environment;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no way to the API server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectionError {
    #[error(
        "there is no kubeconfig ({}), and this is no pod with a service account: name a file with --kubeconfig",
        tried.iter().map(|path| format!("{} does not exist", path.display())).collect::<Vec<_>>().join(", ")
    )]
    Nowhere { tried: Vec<PathBuf> },
    #[error("kubeconfig {files}: {error}")]
    Kubeconfig { files: String, error: String },
    #[error("the pod's service account cannot be used: {0}: mount its token, or name a file with --kubeconfig")]
    InCluster(kube::config::InClusterError),
    #[error("MASTER_URI: {text:?} is not the address of an API server, as in \"https://10.0.0.1:6443\"")]
    MasterUri { text: String },
}

/// Reads what leads to the API server. Kube's own retries are off: the agent retries, within bounds of its own.
pub(crate) async fn load(flag: Option<&Path>, environment: &Environment) -> Result<Config, ConnectionError> {
    let candidates = candidates(flag, environment);
    let (there, missing): (Vec<_>, Vec<_>) = candidates.into_iter().partition(|path| path.exists());
    let mut config = if !there.is_empty() {
        from_files(&there).await?
    } else if environment.non_empty("KUBERNETES_SERVICE_HOST").is_some() {
        if flag.is_some() {
            tracing::warn!(?missing, "--kubeconfig does not exist: the pod's service account is used");
        }
        Config::incluster().map_err(ConnectionError::InCluster)?
    } else {
        return Err(ConnectionError::Nowhere { tried: missing });
    };
    if let Some(text) = environment.non_empty("MASTER_URI") {
        let uri = text.parse::<http::Uri>().ok().filter(|uri| uri.scheme().is_some() && uri.host().is_some());
        config.cluster_url = uri.ok_or_else(|| ConnectionError::MasterUri { text: text.to_owned() })?;
    }
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    Ok(config)
}

/// Reads one file and nothing else, on the same terms.
pub(crate) async fn from_file(file: &Path) -> Result<Config, ConnectionError> {
    let mut config = from_files(&[file.to_owned()]).await?;
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    Ok(config)
}

async fn from_files(files: &[PathBuf]) -> Result<Config, ConnectionError> {
    let named = || files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(":");
    let failed = |error: KubeconfigError| ConnectionError::Kubeconfig { files: named(), error: first_line(&error) };
    let mut merged: Option<Kubeconfig> = None;
    for file in files {
        let next = Kubeconfig::read_from(file).map_err(failed)?;
        merged = Some(match merged {
            None => next,
            Some(before) => before.merge(next).map_err(failed)?,
        });
    }
    Config::from_custom_kubeconfig(merged.unwrap_or_default(), &KubeConfigOptions::default()).await.map_err(failed)
}

/// What went wrong, without the lines of the file that the parser shows after it: they may hold a token.
fn first_line(error: &KubeconfigError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// The flag; else what KUBECONFIG names; else the file in the home directory.
fn candidates(flag: Option<&Path>, environment: &Environment) -> Vec<PathBuf> {
    if let Some(path) = flag {
        return vec![path.to_owned()];
    }
    if let Some(list) = environment.non_empty("KUBECONFIG") {
        return std::env::split_paths(list).filter(|path| !path.as_os_str().is_empty()).collect();
    }
    environment.non_empty("HOME").map(|home| Path::new(home).join(".kube").join("config")).into_iter().collect()
}
