//! Certificates that the cluster signs: the node's serving certificate, and the client certificate that it is known by.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use test_cluster::CertificateContent;

use crate::stage::{AgentProcess, Environment, Identity, Stage, eventually, shipped_manifest, text};

under_both_identities! {
    the_cluster_signs_the_serving_certificate
}

/// A certificate that was good for an hour has this many seconds left.
const LEFT: u64 = 45;

fn now() -> u64 {
    jiff::Timestamp::now().as_second().unsigned_abs()
}

/// The agent with the mock provider and no serving certificate.
fn without_certificate(stage: &Stage) -> Command {
    let mut command = stage.command("mock");
    command.env_remove("APISERVER_CERT_LOCATION").env_remove("APISERVER_KEY_LOCATION");
    command
}

fn with_request(stage: &Stage) -> Command {
    let mut command = without_certificate(stage);
    command.arg("--rotate-server-certificates");
    command
}

fn pki(stage: &Stage) -> PathBuf {
    stage.state_directory().join(stage.name()).join("pki")
}

/// Asks by way of the API server, which verifies the node.
fn pods_through_api_server(stage: &Stage) -> Result<String, String> {
    stage.kubectl().run(&["get", "--raw", &format!("/api/v1/nodes/{}/proxy/pods", stage.name())])
}

/// The name of the request that the agent says waits for approval.
fn request_that_waits(stage: &mut Stage) -> String {
    let line = stage.agent().until_log("waits for approval");
    line.rsplit(' ').next().unwrap().trim().to_owned()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Puts a certificate where the agent would have kept it: at 99 % of its life.
fn seed(stage: &Stage, file: &str, group: Option<&str>, server: bool) -> PathBuf {
    let cluster = &stage.environment().cluster;
    let (user, addresses) = (format!("system:node:{}", stage.name()), [cluster.address()]);
    let addresses: &[std::net::IpAddr] = if server { &addresses } else { &[] };
    let valid = Some(now() - 3600..now() + LEFT);
    let pem = cluster.certificate(&CertificateContent { user: &user, group, addresses, valid }).unwrap();
    let path = pki(stage).join(file);
    fs::create_dir_all(pki(stage)).unwrap();
    fs::write(&path, pem).unwrap();
    path
}

fn the_cluster_signs_the_serving_certificate(identity: Identity) {
    let mut stage = Stage::open(&Environment::read(), identity);
    if identity == Identity::ServiceAccount {
        stage.kubeconfig();
        let manifest = shipped_manifest().with_file_name("serving-certificate.yaml").display().to_string();
        stage.kubectl().ok(&["apply", "--filename", &manifest]);
    }
    let mut command = with_request(&stage);
    stage.start(&mut command);
    stage.until_ready();
    let name = request_that_waits(&mut stage);
    stage.until_event_of_node("CertificateAwaitsApproval");
    pods_through_api_server(&stage).unwrap_err();
    // Whoever comes back finds what it has asked for.
    stage.kill_agent();
    let mut command = with_request(&stage);
    stage.start(&mut command);
    stage.until_ready();
    assert_eq!(request_that_waits(&mut stage), name);
    stage.kubectl().ok(&["certificate", "approve", &name]);
    stage.agent().until_log("a serving certificate was issued");
    eventually("the API server reaches the node", || pods_through_api_server(&stage));
    let file = pki(&stage).join("kubelet-server-current.pem");
    assert_eq!((mode(&pki(&stage)), mode(&file)), (0o700, 0o600));
    let issued = fs::read(&file).unwrap();
    stage.kill_agent();
    let mut command = with_request(&stage);
    stage.start(&mut command);
    stage.until_ready();
    eventually("the API server reaches the node", || pods_through_api_server(&stage));
    assert_eq!(fs::read(&file).unwrap(), issued);
}

#[test]
fn a_request_that_is_denied_is_told() {
    let mut stage = Stage::open(&Environment::read(), Identity::Node);
    let mut command = with_request(&stage);
    stage.start(&mut command);
    stage.until_ready();
    let name = request_that_waits(&mut stage);
    stage.kubectl().ok(&["certificate", "deny", &name]);
    let line = stage.agent().until_log("was denied");
    assert!(line.contains(&name) && line.contains("the next attempt comes in"), "{line}");
    stage.until_event_of_node("CertificateDenied");
    stage.until_ready();
}

#[test]
fn a_serving_certificate_is_renewed_before_it_ends() {
    let mut stage = Stage::open(&Environment::read(), Identity::Node);
    let file = seed(&stage, "kubelet-server-current.pem", Some("system:nodes"), true);
    let old = fs::read(&file).unwrap();
    let mut command = with_request(&stage);
    stage.start(&mut command);
    stage.until_ready();
    let name = request_that_waits(&mut stage);
    eventually("the old one serves still", || pods_through_api_server(&stage));
    stage.kubectl().ok(&["certificate", "approve", &name]);
    stage.agent().until_log("a serving certificate was issued");
    assert_ne!(fs::read(&file).unwrap(), old);
    let ended = now() + LEFT;
    eventually("the old one ends", || if now() > ended { Ok(()) } else { Err("not yet".to_owned()) });
    eventually("the new one serves", || pods_through_api_server(&stage));
}

#[test]
fn a_certificate_of_the_nodes_own_takes_a_flag_and_warns() {
    let mut stage = Stage::open(&Environment::read(), Identity::Node);
    let mut command = without_certificate(&stage);
    command.arg("--self-signed-serving-certificate");
    stage.start(&mut command);
    stage.until_ready();
    stage.agent().until_log("INSECURE");
    stage.agent().until_log("a serving certificate was issued");
    assert_eq!(mode(&pki(&stage).join("kubelet-self-signed-current.pem")), 0o600);
    eventually("an API server that verifies nodes refuses it", || match pods_through_api_server(&stage) {
        Err(said) if said.contains("unknown authority") => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

/// A kubeconfig that is good for nothing but asking for a node's client certificate, which is approved by itself.
fn bootstrap_kubeconfig(stage: &Stage) -> PathBuf {
    let rule = |resource: &str, verbs: &[&str]| json!({ "apiGroups": ["certificates.k8s.io"], "resources": [resource], "verbs": verbs });
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": { "name": format!("{}-bootstrapper", stage.name()) },
        "rules": [
            rule("certificatesigningrequests", &["create", "get"]),
            rule("certificatesigningrequests/nodeclient", &["create"]),
        ],
    });
    let manifest = stage.write("bootstrapper.json", &role.to_string());
    let made = stage.environment().cluster.service_account_kubeconfig(stage.name(), "bootstrapper", &manifest).unwrap();
    let own = stage.write("bootstrap.kubeconfig", "");
    fs::copy(made, &own).unwrap();
    own
}

/// Where the agent writes its kubeconfig.
fn kept_kubeconfig(stage: &Stage) -> PathBuf {
    stage.state_directory().join("kubelet.kubeconfig")
}

/// The agent with the mock provider, without a kubeconfig unless it has written one.
fn bootstrapping(stage: &Stage, bootstrap: &Path) -> Command {
    let mut command = stage.command("mock");
    command
        .arg(format!("--bootstrap-kubeconfig={}", bootstrap.display()))
        .arg(format!("--kubeconfig={}", kept_kubeconfig(stage).display()))
        .arg("--rotate-certificates");
    command
}

#[test]
fn a_node_without_credentials_comes_by_its_own() {
    let mut stage = Stage::open(&Environment::read(), Identity::Node);
    let bootstrap = bootstrap_kubeconfig(&stage);
    let kubeconfig = kept_kubeconfig(&stage);
    let mut first = bootstrapping(&stage, &bootstrap);
    stage.start(&mut first);
    stage.agent().until_log("a client certificate was issued");
    let line = stage.agent().until_log("known to the API server");
    assert!(line.contains(&format!("system:node:{}", stage.name())), "{line}");
    stage.until_ready();
    let certificate = pki(&stage).join("kubelet-client-current.pem");
    assert_eq!((mode(&kubeconfig), mode(&certificate)), (0o600, 0o600));
    let token = fs::read_to_string(&bootstrap).unwrap();
    let token = serde_json::from_str::<serde_json::Value>(&token).unwrap();
    let token = text(&token["users"][0]["user"]["token"]);
    assert!(!fs::read_to_string(&kubeconfig).unwrap().contains(&token));
    // From then on it is not needed any more.
    let issued = fs::read(&certificate).unwrap();
    stage.kill_agent();
    fs::write(&bootstrap, "{}").unwrap();
    let mut second = bootstrapping(&stage, &bootstrap);
    stage.start(&mut second);
    stage.until_ready();
    assert_eq!(fs::read(&certificate).unwrap(), issued);
}

#[derive(Clone, Copy)]
enum Damage {
    Emptied,
    Halved,
    /// No text any more.
    Overwritten,
}

impl Damage {
    fn done_to(self, whole: &[u8]) -> Vec<u8> {
        match self {
            Self::Emptied => Vec::new(),
            Self::Halved => whole[..whole.len() / 2].to_vec(),
            Self::Overwritten => [&[0xff; 64], &whole[64..]].concat(),
        }
    }
}

#[test]
fn a_damaged_client_certificate_is_asked_for_anew() {
    let mut stage = Stage::open(&Environment::read(), Identity::Node);
    let bootstrap = bootstrap_kubeconfig(&stage);
    let certificate = pki(&stage).join("kubelet-client-current.pem");
    let mut issued: Vec<Vec<u8>> = Vec::new();
    for damage in [None, Some(Damage::Emptied), Some(Damage::Halved), Some(Damage::Overwritten)] {
        if let (Some(damage), Some(whole)) = (damage, issued.last()) {
            fs::write(&certificate, damage.done_to(whole)).unwrap();
        }
        let mut command = bootstrapping(&stage, &bootstrap);
        stage.start(&mut command);
        if damage.is_some() {
            let line = stage.agent().until_log("the kubeconfig is no good: it is made anew");
            assert!(line.contains("kubelet-client-current.pem"), "{line}");
        }
        stage.agent().until_log("a client certificate was issued");
        stage.until_ready();
        let now = fs::read(&certificate).unwrap();
        assert!(!issued.contains(&now));
        issued.push(now);
        stage.kill_agent();
    }
    // Without a way to ask for another one, the file is named.
    fs::write(&certificate, "damaged").unwrap();
    let mut command = stage.command("mock");
    command.arg(format!("--kubeconfig={}", kept_kubeconfig(&stage).display()));
    let log = stage.write("without-bootstrap.log", "");
    let agent = AgentProcess::start(&mut command, &stage.environment().cluster, &log);
    let (code, said) = agent.until_ended();
    assert!(
        code == Some(1) && said.contains("kubelet-client-current.pem") && !said.contains("panicked"),
        "{code:?} {said}"
    );
}

#[test]
fn connections_use_a_renewed_client_certificate() {
    let mut stage = Stage::open(&Environment::read(), Identity::Node);
    // As kubeadm does: nodes may renew their own.
    let renewal = "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient";
    let (name, role) = (stage.name().to_owned(), format!("--clusterrole={renewal}"));
    stage.kubectl().ok(&["create", "clusterrolebinding", &name, &role, "--group=system:nodes"]);
    let certificate = seed(&stage, "kubelet-client-current.pem", Some("system:nodes"), false);
    let ended = now() + LEFT;
    let old = fs::read(&certificate).unwrap();
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(stage.kubeconfig()).unwrap()).unwrap();
    config["users"][0]["user"] = json!({ "client-certificate": certificate, "client-key": certificate });
    let kubeconfig = stage.write("renewed.kubeconfig", &config.to_string());
    let mut command = stage.command("mock");
    command.arg(format!("--kubeconfig={}", kubeconfig.display())).arg("--rotate-certificates");
    stage.start(&mut command);
    stage.agent().until_log("a client certificate was issued");
    stage.until_ready();
    assert_ne!(fs::read(&certificate).unwrap(), old);
    eventually("the old one ends", || if now() > ended { Ok(()) } else { Err("not yet".to_owned()) });
    // The heartbeat, the status and the pods: each has connections of its own.
    let renewed = text(&stage.lease()["spec"]["renewTime"]);
    stage.create_pod("web", json!({ "containers": [crate::stage::sleeper("main")] }));
    stage.until_running("web");
    eventually("the lease is renewed", || match text(&stage.lease()["spec"]["renewTime"]) {
        same if same == renewed => Err(same),
        _ => Ok(()),
    });
    let log = stage.agent().log();
    assert!(!log.contains("Unauthorized"), "{log}");
    stage.kubectl().ok(&["delete", "clusterrolebinding", &name]);
}
