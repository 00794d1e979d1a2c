//! `/run`.

use std::time::Duration;

use http::{Method, StatusCode};
use tokio::time::timeout;

use crate::client::Protocol;
use crate::kubelet::Kubelet;
use crate::web_socket::told;

async fn post(kubelet: &Kubelet, user: Option<&str>, path: &str) -> (StatusCode, String) {
    let mut client = match user {
        Some(user) => kubelet.user(user, Protocol::Http1).await,
        None => kubelet.admin(Protocol::Http1).await,
    };
    told(client.request(Method::POST, path).await.unwrap()).await
}

#[tokio::test]
async fn the_answer_is_what_the_command_wrote() {
    let kubelet = Kubelet::start().await;
    for path in ["/run/default/web/app?cmd=say%20hello", "/run/default/web/uid-1/app?cmd=say+hello"] {
        assert_eq!(post(&kubelet, None, path).await, (StatusCode::OK, "hello on stdouthello on stderr".to_owned()));
    }
    let (status, text) = post(&kubelet, None, "/run/default/web/app?cmd=exit+3").await;
    assert_eq!((status, text.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "command 'exit 3' exited with 3: "));
}

#[tokio::test]
async fn what_cannot_be_run_is_refused_with_a_reason() {
    let kubelet = Kubelet::start().await;
    for (path, status, reason) in [
        ("/run/default/web/app", StatusCode::BAD_REQUEST, "\"cmd\" is required"),
        ("/run/default/web/none?cmd=say", StatusCode::INTERNAL_SERVER_ERROR, "container not found (\"none\")"),
        ("/run/default/web/starting?cmd=say", StatusCode::INTERNAL_SERVER_ERROR, "container not found"),
        ("/run/default/none/app?cmd=say", StatusCode::NOT_FOUND, "does not exist"),
        ("/run/default/web/app?cmd=nothing", StatusCode::INTERNAL_SERVER_ERROR, "no such program"),
        ("/run/default/web?cmd=say", StatusCode::NOT_FOUND, "not found"),
    ] {
        let (answered, text) = post(&kubelet, None, path).await;
        assert!(answered == status && text.contains(reason), "{path}: {answered} {text}");
    }
    let mut client = kubelet.admin(Protocol::Http1).await;
    let response = client.request(Method::GET, "/run/default/web/app?cmd=say").await.unwrap();
    assert_eq!(
        (response.status(), &response.headers()["allow"]),
        (StatusCode::METHOD_NOT_ALLOWED, &"POST".parse().unwrap())
    );
    assert_eq!(post(&kubelet, Some("reader"), "/run/default/web/app?cmd=say").await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_client_that_goes_takes_its_command_with_it() {
    for protocol in crate::client::PROTOCOLS {
        let kubelet = Kubelet::start().await;
        let mut client = kubelet.admin(protocol).await;
        let asked = client.request(Method::POST, "/run/default/web/app?cmd=hang");
        assert!(timeout(Duration::from_millis(500), asked).await.is_err());
        drop(client);
        timeout(Duration::from_secs(30), kubelet.fakes.hung_up.notified()).await.unwrap();
    }
}
