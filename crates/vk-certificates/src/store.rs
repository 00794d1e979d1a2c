//! [`CertificateStore`]: where a certificate and the key of a request that waits are kept.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use tokio::fs::{self, DirBuilder, File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::certificate::{Certificate, InvalidCertificate};

/// No certificate is anywhere near as long.
const FILE_LIMIT: u64 = 1024 * 1024;

/// Files of one certificate in a directory, for their owner's eyes only: `STEM-current.pem` with key and chain, written
/// whole or not at all, and `STEM-pending.key` while a request waits.
#[derive(Debug, Clone)]
pub struct CertificateStore {
    directory: PathBuf,
    stem: &'static str,
}

/// What was found of a certificate.
#[derive(Debug)]
pub(crate) enum Stored {
    Nothing,
    Certificate(Certificate),
    Unusable(InvalidCertificate),
}

impl CertificateStore {
    /// Files of this stem ([`Wanted::stem`](crate::Wanted::stem)) in this directory, which is made when it is needed.
    pub fn new(directory: impl Into<PathBuf>, stem: &'static str) -> Self {
        Self { directory: directory.into(), stem }
    }

    /// The file with key and chain.
    pub fn current_path(&self) -> PathBuf {
        self.directory.join(format!("{}-current.pem", self.stem))
    }

    fn pending_path(&self) -> PathBuf {
        self.directory.join(format!("{}-pending.key", self.stem))
    }

    /// The certificate, if there is one that can be used.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub async fn load(&self) -> io::Result<Option<Certificate>> {
        match self.read_current().await? {
            Stored::Certificate(certificate) => Ok(Some(certificate)),
            Stored::Nothing | Stored::Unusable(_) => Ok(None),
        }
    }

    pub(crate) async fn read_current(&self) -> io::Result<Stored> {
        let Some(text) = read(&self.current_path()).await? else { return Ok(Stored::Nothing) };
        Ok(match Certificate::parse(&text) {
            Ok(certificate) => Stored::Certificate(certificate),
            Err(invalid) => Stored::Unusable(invalid),
        })
    }

    pub(crate) async fn keep(&self, certificate: &Certificate) -> io::Result<()> {
        self.write(&self.current_path(), certificate.pem()).await?;
        self.drop_pending_key().await
    }

    pub(crate) async fn pending_key(&self) -> io::Result<Option<String>> {
        read(&self.pending_path()).await
    }

    pub(crate) async fn keep_pending_key(&self, pem: &str) -> io::Result<()> {
        self.write(&self.pending_path(), pem).await
    }

    pub(crate) async fn drop_pending_key(&self) -> io::Result<()> {
        match fs::remove_file(self.pending_path()).await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Written beside and renamed, so that no crash leaves half a file and no reader sees one.
    async fn write(&self, path: &Path, text: &str) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory).await?;
        let fresh = path.with_added_extension("new");
        match fs::remove_file(&fresh).await {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh).await?;
        file.write_all(text.as_bytes()).await?;
        file.sync_all().await?;
        fs::rename(&fresh, path).await?;
        File::open(&self.directory).await?.sync_all().await
    }
}

async fn read(path: &Path) -> io::Result<Option<String>> {
    let file = match File::open(path).await {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(FILE_LIMIT).read_to_string(&mut text).await?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn certificate() -> Certificate {
        let key = KeyPair::generate().unwrap();
        let chain = CertificateParams::default().self_signed(&key).unwrap().pem();
        Certificate::issued(chain.as_bytes(), &key.serialize_pem()).unwrap()
    }

    #[tokio::test]
    async fn what_is_kept_is_found_again_and_is_its_owners_alone() {
        let root = tempfile::tempdir().unwrap();
        let store = CertificateStore::new(root.path().join("pki"), "kubelet-server");
        assert!(store.load().await.unwrap().is_none());
        store.keep_pending_key("key").await.unwrap();
        assert_eq!(store.pending_key().await.unwrap().as_deref(), Some("key"));
        for _ in 0..2 {
            let certificate = certificate();
            store.keep(&certificate).await.unwrap();
            assert_eq!(store.load().await.unwrap().unwrap().pem(), certificate.pem());
        }
        assert_eq!(store.pending_key().await.unwrap(), None);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&store.current_path()), 0o600);
        assert_eq!(mode(&root.path().join("pki")), 0o700);
        assert_eq!(std::fs::read_dir(root.path().join("pki")).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn what_cannot_be_used_is_none() {
        let root = tempfile::tempdir().unwrap();
        let store = CertificateStore::new(root.path(), "kubelet-server");
        std::fs::write(store.current_path(), "garbage").unwrap();
        assert!(matches!(store.read_current().await.unwrap(), Stored::Unusable(_)));
        assert!(store.load().await.unwrap().is_none());
    }
}
