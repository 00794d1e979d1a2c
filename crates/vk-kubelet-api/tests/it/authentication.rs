use http::{Request, StatusCode};
use http_body_util::Empty;
use jiff::ToSpan;
use rustls::version::{TLS12, TLS13};

use crate::client::{PROTOCOLS, Protocol};
use crate::kubelet::{Kubelet, LOG, Setup};
use crate::pki::Authority;

#[tokio::test]
async fn without_a_certificate_every_path_is_401_and_nobody_is_asked() {
    let kubelet = Kubelet::start().await;
    for protocol in PROTOCOLS {
        for path in ["/healthz", "/pods", LOG, "/exec/default/web/app", "/nothing", "/"] {
            let mut client = kubelet.connector(protocol).connect().await.unwrap();
            assert_eq!(client.get(path).await, (StatusCode::UNAUTHORIZED, "Unauthorized".to_owned()), "{path}");
        }
    }
    assert_eq!(kubelet.fakes.authorizer.questions(), [""; 0]);
}

#[tokio::test]
async fn where_tokens_are_off_neither_one_nor_a_claimed_identity_is_authentication() {
    let kubelet = Kubelet::start().await;
    for (name, value) in
        [("authorization", "Bearer token-of-admin"), ("x-remote-user", "admin"), ("impersonate-user", "admin")]
    {
        let mut client = kubelet.connector(Protocol::Http1).connect().await.unwrap();
        let request = Request::get("/pods").header("host", "node").header(name, value).body(Empty::new()).unwrap();
        assert_eq!(client.send(request).await.unwrap().status(), StatusCode::UNAUTHORIZED, "{name}");
    }
    assert_eq!(*kubelet.fakes.tokens.seen.lock(), [""; 0]);
}

#[tokio::test]
async fn impersonation_headers_change_nothing_for_the_authenticated() {
    let kubelet = Kubelet::start().await;
    let mut client = kubelet.user("nobody", Protocol::Http1).await;
    let request = Request::get("/pods").header("host", "node").header("impersonate-user", "admin");
    assert_eq!(client.send(request.body(Empty::new()).unwrap()).await.unwrap().status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_user_and_the_groups_are_those_of_the_certificate() {
    let kubelet = Kubelet::start().await;
    for protocol in PROTOCOLS {
        assert_eq!(kubelet.user("reader", protocol).await.get("/healthz").await.0, StatusCode::OK);
    }
    let asked = kubelet.fakes.authorizer.asked.lock();
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|(user, _)| user.name == "reader"));
    assert!(asked.iter().all(|(user, _)| user.groups == ["engineers", "system:authenticated"]));
}

#[tokio::test]
async fn certificates_that_do_not_verify_end_the_handshake() {
    let kubelet = Kubelet::start().await;
    let ours = &kubelet.files.client_authority;
    let stranger = Authority::new("client authority");
    for (what, identity) in [
        ("signed by another authority of the same name", stranger.client("admin")),
        ("expired", ours.expired_client("admin")),
        ("without a name", ours.nameless_client()),
        ("for servers", ours.server()),
        ("of the server's own authority", kubelet.files.server_authority.client("admin")),
    ] {
        for protocol in PROTOCOLS {
            kubelet.assert_turned_away(&identity, protocol).await;
        }
        for version in [&TLS12, &TLS13] {
            let mut connector = kubelet.connector(Protocol::Http1).identity(&identity);
            connector.versions = vec![version];
            let answer = match connector.connect().await {
                Ok(mut client) => client.try_get("/healthz").await.map_err(Into::into),
                Err(error) => Err(error),
            };
            assert!(answer.is_err(), "{what}, {version:?}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_certificate_that_expires_on_an_open_connection_is_good_no_longer() {
    let kubelet = Kubelet::start().await;
    let identity = kubelet.files.client_authority.client_until("admin", 2090);
    for protocol in PROTOCOLS {
        *kubelet.fakes.clock_offset.lock() = 0.hours();
        let mut client = kubelet.connector(protocol).identity(&identity).connect().await.unwrap();
        assert_eq!(client.get("/healthz").await.0, StatusCode::OK);
        *kubelet.fakes.clock_offset.lock() = (24 * 366 * 80).hours();
        assert_eq!(client.get("/healthz").await.0, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn with_both_flags_a_client_without_a_certificate_is_system_anonymous() {
    let kubelet = Setup::new().options(|options| {
        options.no_verify_clients = true;
        options.insecure_allow_anonymous = true;
    });
    let kubelet = kubelet.start().await;
    for protocol in PROTOCOLS {
        let mut client = kubelet.connector(protocol).connect().await.unwrap();
        assert_eq!(client.get("/healthz").await.0, StatusCode::OK);
    }
    let asked = kubelet.fakes.authorizer.asked.lock().clone();
    assert!(asked.iter().all(|(user, _)| user.name == "system:anonymous" && user.groups == ["system:unauthenticated"]));
    assert_eq!(asked.len(), 2);
    kubelet.fakes.authorizer.asked.lock().clear();
    let wrong = Authority::new("other").client("admin");
    kubelet.assert_turned_away(&wrong, Protocol::Http1).await;
}

#[tokio::test]
async fn anonymous_access_works_without_any_client_authority() {
    let kubelet = Setup::new().options(|options| {
        options.client_ca = None;
        options.no_verify_clients = true;
        options.insecure_allow_anonymous = true;
    });
    let kubelet = kubelet.start().await;
    let mut client = kubelet.connector(Protocol::Http1).connect().await.unwrap();
    assert_eq!(client.get("/healthz").await.0, StatusCode::OK);
}
