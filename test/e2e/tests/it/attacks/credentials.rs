//! Those who have no credentials, bad ones, or somebody else's.

use std::process::Stdio;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};

use super::Ground;
use crate::stage::{Credentials, eventually};

/// What is worth an attack: the names are the container's of the ground.
const PATHS: [&str; 7] = ["containerLogs", "exec", "attach", "run", "portForward", "checkpoint", "nothing"];
/// Headers with which a kubelet would begin a session.
const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n";

fn every_path(ground: &Ground) -> Vec<String> {
    let mut paths: Vec<String> = PATHS.iter().map(|verb| ground.path(verb) + "?command=id&output=1").collect();
    paths.extend(
        ["/", "/pods", "/healthz", "/configz", "/metrics", "/stats/summary", "/debug/pprof/"].map(str::to_owned),
    );
    paths
}

/// A client certificate of this user that a CA of the attacker's own signed, under the name of the cluster's.
fn forged(user: &str) -> Credentials {
    let named = |name: &str| {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let mut authority = named("ca");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let mut params = named(user);
    params.distinguished_name.push(DnType::OrganizationName, "system:masters");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    Credentials::Certificate(key.serialize_pem() + &params.signed_by(&key, &authority).unwrap().pem())
}

#[test]
fn nobody_comes_in_without_good_credentials() {
    let ground = Ground::mock();
    let claims = "X-Remote-User: admin\r\nX-Remote-Group: system:masters\r\nImpersonate-User: admin\r\n";
    for path in every_path(&ground) {
        for method in ["GET", "POST"] {
            let answer = ground.port.request(&Credentials::None, method, &path, claims);
            assert_eq!(answer.status, Some(401), "{method} {path}: {answer:?}");
        }
    }
    let yesterday = jiff::Timestamp::now().as_second().unsigned_abs() - 86_400;
    for (what, credentials) in [
        ("signed by somebody else", forged("kubernetes-admin")),
        ("expired", ground.certificate("kubernetes-admin", Some("system:masters"), Some(0..yesterday))),
        ("not valid yet", ground.certificate("a", Some("system:masters"), Some(yesterday + 172_800..yesterday * 2))),
    ] {
        let answer = ground.port.get(&credentials, "/pods");
        assert_eq!(answer.status, None, "{what}: {answer:?}");
    }
    for token in ["made-up", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzeXN0ZW06YWRtaW4ifQ."] {
        let answer = ground.port.get(&Credentials::Token(token.to_owned()), "/pods");
        assert_eq!(answer.status, Some(401), "{token}: {answer:?}");
    }
    ground.assert_well();
}

#[test]
fn a_pods_token_is_known_and_opens_nothing() {
    let ground = Ground::mock();
    let token = |more: &[&str]| {
        let bound = ["create", "token", "default", "--bound-object-kind=Pod", "--bound-object-name=web"];
        Credentials::Token(ground.stage.kubectl().ok(&[&bound[..], more].concat()).trim().to_owned())
    };
    let stolen = token(&[]);
    for path in every_path(&ground) {
        for method in ["GET", "POST"] {
            let answer = ground.port.request(&stolen, method, &path, "");
            assert_eq!(answer.status, Some(403), "{method} {path}: {answer:?}");
        }
    }
    let user = format!("system:serviceaccount:{}:default", ground.stage.name());
    assert!(ground.port.get(&stolen, "/pods").text.contains(&user), "the token was read");
    let elsewhere = ground.port.get(&token(&["--audience=vault"]), "/pods");
    assert_eq!(elsewhere.status, Some(401), "a token for somebody else: {elsewhere:?}");
    ground.assert_well();
}

#[test]
fn a_right_to_read_runs_nothing() {
    let ground = Ground::mock();
    let name = ground.stage.name();
    let kubectl = ground.stage.kubectl();
    let role = format!("--clusterrole={name}");
    kubectl.ok(&["create", "clusterrole", name, "--verb=get", "--resource=nodes/proxy"]);
    kubectl.ok(&["create", "clusterrolebinding", name, &role, &format!("--user={name}")]);
    let reader = ground.user(name);
    eventually("the right counts", || match ground.port.get(&reader, "/pods").status {
        Some(200) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    assert_eq!(ground.port.get(&reader, &ground.path("containerLogs")).status, Some(200));
    for verb in ["exec", "attach", "run", "portForward", "%65xec"] {
        let path = ground.path(verb) + "?command=id&output=1";
        for (method, headers) in [("GET", ""), ("GET", UPGRADE), ("POST", UPGRADE), ("POST", "")] {
            let answer = ground.port.request(&reader, method, &path, headers);
            assert_eq!(answer.status, Some(403), "{method} {path}: {answer:?}");
            assert!(answer.text.contains("verb=create"), "{answer:?}");
        }
    }
    // Nor by way of the API server, which asks for nodes/proxy itself.
    let mut exec = kubectl.command(&["exec", "web", "--as", name, "--", "id"]);
    assert!(!exec.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
    ground.assert_well();
    for kind in ["clusterrolebinding", "clusterrole"] {
        kubectl.ok(&["delete", kind, name]);
    }
}
