//! The kubeconfig that a bootstrap leaves behind.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use kube::config::Kubeconfig;
use serde_json::json;
use virtual_kubelet::certificate_requests::Certificate;

/// What there is of a kubeconfig.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Absent,
    Good,
    /// And why.
    Unusable(String),
}

/// Whether a kubeconfig can be used now: its client certificate, if it names one in a file, is there with its key, is whole and
/// has not ended. Credentials of other kinds are not looked into.
pub(super) fn standing(kubeconfig: &Path, now: Timestamp) -> Standing {
    if !kubeconfig.exists() {
        return Standing::Absent;
    }
    // What is wrong with it is said when it is loaded.
    let Ok(config) = Kubeconfig::read_from(kubeconfig) else { return Standing::Good };
    let context = config.contexts.iter().find(|context| Some(&context.name) == config.current_context.as_ref());
    let user = context.and_then(|context| context.context.as_ref()?.user.clone());
    let user = config.auth_infos.iter().find(|named| Some(&named.name) == user.as_ref());
    let user = user.and_then(|user| user.auth_info.as_ref());
    let files = user.and_then(|user| Some((user.client_certificate.as_deref()?, user.client_key.as_deref()?)));
    let Some((certificate, key)) = files else { return Standing::Good };
    match certificate_in(certificate, key) {
        Err(why) => Standing::Unusable(why),
        Ok(parsed) if parsed.facts().not_after <= now => {
            Standing::Unusable(format!("the certificate in {certificate} ended at {}", parsed.facts().not_after))
        }
        Ok(_) => Standing::Good,
    }
}

fn certificate_in(certificate: &str, key: &str) -> Result<Certificate, String> {
    let read = |path: &str| fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
    let (chain, key) = (read(certificate)?, read(key)?);
    Certificate::issued(chain.as_bytes(), &key).map_err(|error| format!("{certificate}: {error}"))
}

/// Writes a kubeconfig for the bootstrap kubeconfig's cluster and the certificate in this file, with its key.
pub(super) fn written(bootstrap: &Path, kubeconfig: &Path, certificate: &Path) -> io::Result<()> {
    let source = Kubeconfig::read_from(bootstrap).map_err(io::Error::other)?;
    let context = source.contexts.iter().find(|context| Some(&context.name) == source.current_context.as_ref());
    let name = context.and_then(|context| Some(context.context.as_ref()?.cluster.clone()));
    let cluster = source.clusters.into_iter().find(|cluster| Some(&cluster.name) == name.as_ref());
    let mut cluster = cluster.and_then(|named| named.cluster).ok_or_else(|| io::Error::other("it names no cluster"))?;
    // Relative to the file that names it.
    if let (Some(file), Some(folder)) = (&cluster.certificate_authority, bootstrap.parent()) {
        cluster.certificate_authority = Some(path_text(&folder.join(file))?);
    }
    let certificate = path_text(&std::path::absolute(certificate)?)?;
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "default-cluster", "cluster": cluster }],
        "users": [{
            "name": "default-auth",
            "user": { "client-certificate": certificate, "client-key": certificate },
        }],
        "contexts": [{
            "name": "default-context",
            "context": { "cluster": "default-cluster", "user": "default-auth", "namespace": "default" },
        }],
        "current-context": "default-context",
    });
    // JSON is YAML.
    write_whole(kubeconfig, &serde_json::to_vec_pretty(&config)?)
}

fn path_text(path: &Path) -> io::Result<String> {
    path.to_str().map(str::to_owned).ok_or_else(|| io::Error::other(format!("{} is not UTF-8", path.display())))
}

/// Written beside and renamed, for the owner's eyes only.
fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let fresh: PathBuf = path.with_added_extension("new");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}
