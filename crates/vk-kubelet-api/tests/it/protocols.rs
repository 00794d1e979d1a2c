use http::{Method, StatusCode};
use http_body_util::BodyExt;
use rustls::ProtocolVersion;
use rustls::version::{TLS12, TLS13};

use crate::client::{PROTOCOLS, Protocol};
use crate::kubelet::{Kubelet, LOG};

#[tokio::test]
async fn both_tls_versions_and_both_protocols_are_spoken() {
    let kubelet = Kubelet::start().await;
    for protocol in PROTOCOLS {
        for (version, spoken) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
            let mut connector = kubelet.connector(protocol).identity(&kubelet.admin);
            connector.versions = vec![version];
            let stream = connector.tls().await.unwrap();
            assert_eq!(stream.get_ref().1.protocol_version(), Some(spoken));
            let mut client = connector.connect().await.unwrap();
            assert_eq!(client.get("/healthz").await, (StatusCode::OK, "ok".to_owned()));
        }
    }
}

#[tokio::test]
async fn h2_is_preferred_and_http1_is_spoken_where_nothing_is_offered() {
    let kubelet = Kubelet::start().await;
    for (offered, chosen) in [
        (vec![b"http/1.1".as_slice(), b"h2"], Some(b"h2".as_slice())),
        (vec![b"http/1.1"], Some(b"http/1.1")),
        (vec![], None),
    ] {
        let mut connector = kubelet.connector(Protocol::Http1).identity(&kubelet.admin);
        connector.alpn = offered;
        assert_eq!(connector.tls().await.unwrap().get_ref().1.alpn_protocol(), chosen);
        let mut client = connector.connect().await.unwrap();
        assert_eq!(client.get("/healthz").await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn nothing_is_ever_redirected() {
    let kubelet = Kubelet::start().await;
    for protocol in PROTOCOLS {
        let mut client = kubelet.admin(protocol).await;
        for path in
            ["/pods/", "//pods", "/./pods", "/healthz/", "/a/../pods", "/logs", "/debug/pprof", "/containerLogs/", LOG]
        {
            for method in [Method::GET, Method::POST, Method::PUT] {
                let response = client.request(method.clone(), path).await.unwrap();
                assert!(!response.status().is_redirection(), "{method} {path}: {}", response.status());
                assert!(!response.headers().contains_key("location"));
                response.into_body().collect().await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn bodies_are_not_to_be_guessed_at() {
    let kubelet = Kubelet::start().await;
    kubelet.fakes.logs.snapshot("2026-11-22T10:00:00Z <script>\n");
    let response = kubelet.admin(Protocol::Http1).await.request(Method::GET, LOG).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
}
