use std::time::Duration;

use futures::stream;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::{Client, PROTOCOLS, Protocol, next};
use crate::kubelet::{Kubelet, LOG, Setup};

const SHORT: Duration = Duration::from_millis(100);

fn with_tokens() -> Setup {
    Setup::new().options(|options| options.tokens = true)
}

async fn stranger(kubelet: &Kubelet, protocol: Protocol) -> Client {
    kubelet.connector(protocol).connect().await.unwrap()
}

async fn send(client: &mut Client, path: &str, authorizations: &[&str]) -> hyper::Result<Response<Incoming>> {
    let mut headers = HeaderMap::new();
    for value in authorizations {
        headers.append("authorization", HeaderValue::from_str(value).unwrap());
    }
    let uri = match client {
        Client::Http1(_) => path.to_owned(),
        Client::Http2(_) => format!("https://127.0.0.1{path}"),
    };
    let mut request = Request::get(uri).header("host", "127.0.0.1").body(Empty::new()).unwrap();
    request.headers_mut().extend(headers);
    client.send(request).await
}

async fn status(client: &mut Client, path: &str, authorizations: &[&str]) -> StatusCode {
    send(client, path, authorizations).await.unwrap().status()
}

#[tokio::test]
async fn a_token_says_who_asks() {
    let kubelet = with_tokens().start().await;
    for protocol in PROTOCOLS {
        kubelet.fakes.authorizer.asked.lock().clear();
        let mut client = stranger(&kubelet, protocol).await;
        assert_eq!(status(&mut client, "/healthz", &["Bearer token-of-reader"]).await, StatusCode::OK);
        assert_eq!(
            status(&mut client, "/exec/default/web/app", &["Bearer token-of-reader"]).await,
            StatusCode::FORBIDDEN
        );
        assert_eq!(status(&mut client, "/healthz", &["bearer token-of-nobody"]).await, StatusCode::FORBIDDEN);
        assert_eq!(
            kubelet.fakes.authorizer.questions(),
            [
                "reader get nodes/healthz virtual-1",
                "reader create nodes/proxy virtual-1",
                "nobody get nodes/healthz virtual-1",
                "nobody get nodes/proxy virtual-1",
            ]
        );
    }
}

#[tokio::test]
async fn each_request_brings_its_own_token() {
    let kubelet = with_tokens().start().await;
    for protocol in PROTOCOLS {
        let mut client = stranger(&kubelet, protocol).await;
        assert_eq!(status(&mut client, "/healthz", &["Bearer token-of-admin"]).await, StatusCode::OK);
        assert_eq!(status(&mut client, "/healthz", &[]).await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn what_is_no_good_token_is_401_and_nobody_is_asked() {
    let kubelet = with_tokens().limits(|limits| limits.authentication_timeout = SHORT).start().await;
    for protocol in PROTOCOLS {
        for headers in [
            &["Bearer made-up"] as &[&str],
            &["Bearer no-answer"],
            &["Bearer trouble"],
            &["Bearer"],
            &["Basic YWRtaW46YWRtaW4="],
            &["Bearer token-of-admin", "Bearer token-of-admin"],
            &["Bearer token-of-admin token-of-admin"],
        ] {
            let mut client = stranger(&kubelet, protocol).await;
            assert_eq!(status(&mut client, "/healthz", headers).await, StatusCode::UNAUTHORIZED, "{headers:?}");
        }
    }
    assert_eq!(kubelet.fakes.authorizer.questions(), [""; 0]);
}

#[tokio::test]
async fn a_certificate_comes_before_a_token() {
    let kubelet = with_tokens().start().await;
    for protocol in PROTOCOLS {
        let mut client = kubelet.user("nobody", protocol).await;
        assert_eq!(status(&mut client, "/healthz", &["Bearer token-of-admin"]).await, StatusCode::FORBIDDEN);
        let mut client = kubelet.admin(protocol).await;
        assert_eq!(status(&mut client, "/healthz", &["Bearer made-up"]).await, StatusCode::OK);
    }
    assert_eq!(*kubelet.fakes.tokens.seen.lock(), [""; 0]);
}

#[tokio::test]
async fn nobody_with_a_bad_token_is_anonymous() {
    let kubelet = with_tokens().options(|options| {
        options.no_verify_clients = true;
        options.insecure_allow_anonymous = true;
    });
    let kubelet = kubelet.start().await;
    let mut client = stranger(&kubelet, Protocol::Http2).await;
    assert_eq!(status(&mut client, "/healthz", &[]).await, StatusCode::OK);
    assert_eq!(status(&mut client, "/healthz", &["Bearer made-up"]).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn tokens_are_enough_where_there_is_no_client_authority() {
    let kubelet = with_tokens().options(|options| options.client_ca = None).start().await;
    let mut client = stranger(&kubelet, Protocol::Http1).await;
    assert_eq!(status(&mut client, "/healthz", &["Bearer token-of-admin"]).await, StatusCode::OK);
    assert_eq!(
        kubelet.connector(Protocol::Http1).connect().await.unwrap().get("/healthz").await.0,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn who_has_shown_a_token_may_stay_and_others_may_not() {
    let kubelet = with_tokens().limits(|limits| limits.unauthenticated_lifetime = SHORT).start().await;
    for protocol in PROTOCOLS {
        let content = stream::once(async {
            tokio::time::sleep(5 * SHORT).await;
            Ok("still here\n".into())
        });
        kubelet.fakes.logs.stream(content);
        let mut known = stranger(&kubelet, protocol).await;
        let response = send(&mut known, &format!("{LOG}?follow=true"), &["Bearer token-of-admin"]).await.unwrap();
        let mut body = response.into_body();
        let mut unknown = kubelet.connector(protocol).tls().await.unwrap();
        let mut rest = Vec::new();
        let _ = unknown.read_to_end(&mut rest).await;
        // A token that opens nothing is no better than none.
        let mut powerless = stranger(&kubelet, protocol).await;
        assert_eq!(status(&mut powerless, "/healthz", &["Bearer token-of-nobody"]).await, StatusCode::FORBIDDEN);
        tokio::time::sleep(2 * SHORT).await;
        send(&mut powerless, "/healthz", &["Bearer token-of-nobody"]).await.unwrap_err();
        assert_eq!(next(&mut body).await.unwrap().unwrap(), "still here\n");
    }
}

#[tokio::test]
async fn a_connection_over_http_1_ends_with_its_first_401() {
    let kubelet = with_tokens().start().await;
    let mut stream = kubelet.connector(Protocol::Http1).tls().await.unwrap();
    let request = "GET / HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer made-up\r\n\r\n";
    stream.write_all(request.repeat(3).as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    assert_eq!(answer.matches("HTTP/1.1 401").count(), 1, "{answer}");
    assert_eq!(kubelet.fakes.tokens.seen.lock().len(), 1);
}
