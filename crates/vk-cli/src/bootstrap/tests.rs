use std::fs;
use std::os::unix::fs::PermissionsExt;

use kube::config::Kubeconfig;
use tempfile::TempDir;

use super::kubeconfig_file::{Standing, standing, written};
use super::*;

const BOOTSTRAP: &str = "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
    clusters: [{name: k, cluster: {server: \"https://10.0.0.1:6443\", certificate-authority: ca.crt}}, \
               {name: other, cluster: {server: \"https://10.0.0.2:6443\"}}]\n\
    contexts: [{name: c, context: {cluster: k, user: u}}]\n\
    users: [{name: u, user: {token: abcdef.0123456789abcdef}}]\n";

fn bootstrap(directory: &TempDir) -> PathBuf {
    let file = directory.path().join("bootstrap.kubeconfig");
    fs::write(&file, BOOTSTRAP).unwrap();
    file
}

#[test]
fn the_kubeconfig_names_the_cluster_and_the_certificate_and_not_the_token() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("new/kubelet.kubeconfig");
    for _ in 0..2 {
        written(&bootstrap(&directory), &target, Path::new("/pki/kubelet-client-current.pem")).unwrap();
    }
    let text = fs::read_to_string(&target).unwrap();
    assert!(!text.contains("abcdef"), "{text}");
    let config = Kubeconfig::read_from(&target).unwrap();
    let cluster = config.clusters[0].cluster.as_ref().unwrap();
    assert_eq!(cluster.server.as_deref(), Some("https://10.0.0.1:6443"));
    let authority = directory.path().join("ca.crt");
    assert_eq!(cluster.certificate_authority.as_deref(), authority.to_str());
    let user = config.auth_infos[0].auth_info.as_ref().unwrap();
    assert_eq!(user.client_certificate.as_deref(), Some("/pki/kubelet-client-current.pem"));
    assert_eq!(user.client_key, user.client_certificate);
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_kubeconfig_whose_certificate_is_gone_is_no_good() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("kubelet.kubeconfig");
    let now = Timestamp::UNIX_EPOCH;
    assert_eq!(standing(&target, now), Standing::Absent);
    written(&bootstrap(&directory), &target, &directory.path().join("gone.pem")).unwrap();
    assert!(matches!(standing(&target, now), Standing::Unusable(why) if why.contains("gone.pem")));
    assert_eq!(standing(&bootstrap(&directory), now), Standing::Good, "a token is not looked into");
}

#[test]
fn a_kubeconfig_whose_certificate_is_damaged_is_no_good() {
    let directory = tempfile::tempdir().unwrap();
    let (target, file) = (directory.path().join("kubelet.kubeconfig"), directory.path().join("current.pem"));
    written(&bootstrap(&directory), &target, &file).unwrap();
    let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(vec!["a".to_owned()]).unwrap();
    let (chain, key) = (cert.pem(), signing_key.serialize_pem());
    let now = Timestamp::now();
    fs::write(&file, format!("{key}{chain}")).unwrap();
    assert_eq!(standing(&target, now), Standing::Good);
    let half = &chain[..chain.len() / 2];
    for damaged in
        ["", "no PEM at all", &chain, &key, &format!("{key}{half}"), &format!("{key}{chain}").replace('A', "B")]
    {
        fs::write(&file, damaged).unwrap();
        let found = standing(&target, now);
        assert!(matches!(&found, Standing::Unusable(why) if why.contains("current.pem")), "{found:?}: {damaged}");
    }
    fs::write(&file, [0, 159, 146, 150]).unwrap();
    assert!(matches!(standing(&target, now), Standing::Unusable(_)));
}

#[test]
fn a_bootstrap_kubeconfig_without_a_cluster_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bootstrap.kubeconfig");
    fs::write(&file, "apiVersion: v1\nkind: Config\n").unwrap();
    let error = written(&file, &directory.path().join("k"), Path::new("/c.pem")).unwrap_err();
    assert!(error.to_string().contains("cluster"), "{error}");
}
