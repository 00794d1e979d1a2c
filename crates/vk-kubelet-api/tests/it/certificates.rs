use std::time::Duration;

use http::StatusCode;
use vk_kubelet_api::{Setting, StartError};

use crate::client::{Client, Connector, PROTOCOLS, Protocol};
use crate::kubelet::{Kubelet, Setup};
use crate::pki::{Authority, Identity};

async fn kubelet() -> Kubelet {
    Setup::new().limits(|limits| limits.certificate_poll_interval = Duration::from_millis(5)).start().await
}

/// Connects until it works, as the files are looked at only from time to time.
async fn eventually(kubelet: &Kubelet, server: &Authority, identity: &Identity) -> Client {
    loop {
        let connector = Connector::new(kubelet.address, server, Protocol::Http1).identity(identity);
        if let Ok(mut client) = connector.connect().await
            && client.try_get("/healthz").await.is_ok()
        {
            return client;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_new_serving_certificate_is_used_and_old_connections_live_on() {
    let kubelet = kubelet().await;
    let mut old = kubelet.admin(Protocol::Http2).await;
    let authority = Authority::new("the next server authority");
    kubelet.files.write_serving(&authority.server());
    eventually(&kubelet, &authority, &kubelet.admin).await;
    assert_eq!(old.get("/healthz").await.0, StatusCode::OK);
    assert!(kubelet.connector(Protocol::Http1).tls().await.is_err(), "the old certificate is gone");
}

#[tokio::test]
async fn files_that_cannot_be_used_change_nothing_until_they_can() {
    let kubelet = kubelet().await;
    let authority = Authority::new("the next server authority");
    let next = authority.server();
    // The certificate comes first: key and certificate do not fit for a while.
    kubelet.files.write("tls.crt", next.certificate_pem());
    for broken in ["", "no PEM at all", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
        kubelet.files.write("ca.crt", broken);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(kubelet.admin(Protocol::Http1).await.get("/healthz").await.0, StatusCode::OK);
    }
    std::fs::remove_file(kubelet.files.path("ca.crt")).unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(kubelet.admin(Protocol::Http1).await.get("/healthz").await.0, StatusCode::OK);
    kubelet.files.write("ca.crt", &kubelet.files.client_authority.pem());
    kubelet.files.write("tls.key", &next.key_pem());
    eventually(&kubelet, &authority, &kubelet.admin).await;
}

#[tokio::test]
async fn an_authority_that_is_withdrawn_ends_open_connections_too() {
    let kubelet = kubelet().await;
    let mut old = Vec::new();
    for protocol in PROTOCOLS {
        let mut client = kubelet.admin(protocol).await;
        assert_eq!(client.get("/healthz").await.0, StatusCode::OK);
        old.push(client);
    }
    let authority = Authority::new("the next client authority");
    kubelet.files.write("ca.crt", &authority.pem());
    eventually(&kubelet, &kubelet.files.server_authority, &authority.client("admin")).await;
    for client in &mut old {
        assert_eq!(client.get("/healthz").await.0, StatusCode::UNAUTHORIZED);
    }
    kubelet.fakes.authorizer.asked.lock().clear();
    kubelet.assert_turned_away(&kubelet.admin, Protocol::Http1).await;
}

#[tokio::test]
async fn a_bundle_may_hold_several_authorities() {
    let kubelet = kubelet().await;
    let second = Authority::new("the second client authority");
    kubelet.files.write("ca.crt", &(kubelet.files.client_authority.pem() + &second.pem()));
    eventually(&kubelet, &kubelet.files.server_authority, &second.client("admin")).await;
    assert_eq!(kubelet.admin(Protocol::Http1).await.get("/healthz").await.0, StatusCode::OK);
}

#[tokio::test]
async fn what_cannot_be_used_at_the_start_is_named_with_its_setting() {
    let other = Authority::new("other").server();
    let (no_ca, other_key) = (String::new(), other.key_pem());
    for (file, content, setting, problem) in [
        ("tls.crt", Some("not PEM"), Setting::Certificate, "holds no certificate"),
        ("tls.crt", None, Setting::Certificate, "cannot be read"),
        ("tls.key", Some("not PEM"), Setting::Key, "holds no private key"),
        ("tls.key", Some(other_key.as_str()), Setting::Key, "cannot be used"),
        ("ca.crt", Some(no_ca.as_str()), Setting::ClientCa, "holds no certificate"),
        ("ca.crt", None, Setting::ClientCa, "cannot be read"),
    ] {
        let setup = Setup::new();
        match content {
            Some(content) => setup.files.write(file, content),
            None => std::fs::remove_file(setup.files.path(file)).unwrap(),
        }
        let Err(StartError::Certificate(error)) = setup.bind().await else { panic!("{file} {content:?} was accepted") };
        assert_eq!(error.setting, setting);
        let message = error.to_string();
        assert!(message.contains(problem) && message.contains(file), "{message}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let kubelet = Kubelet::start().await;
    let taken = kubelet.address;
    let Err(error) = Setup::new().options(|options| options.bind = taken).bind().await else { panic!("bound twice") };
    assert!(matches!(error, StartError::Bind { .. }));
    assert!(error.to_string().contains(&taken.to_string()), "{error}");
}
