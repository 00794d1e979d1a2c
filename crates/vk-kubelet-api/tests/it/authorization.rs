use std::time::Duration;

use http::{Method, StatusCode};

use crate::client::{PROTOCOLS, Protocol};
use crate::kubelet::{Kubelet, LOG, Setup};

#[tokio::test]
async fn who_is_not_authorized_is_403_and_told_what_was_missing() {
    let kubelet = Kubelet::start().await;
    for protocol in PROTOCOLS {
        let mut client = kubelet.user("nobody", protocol).await;
        let (status, body) = client.get(LOG).await;
        assert_eq!(status, StatusCode::FORBIDDEN);
        assert_eq!(body, "Forbidden (user=nobody, verb=get, resource=nodes, subresource(s)=[proxy])\n");
    }
    assert!(kubelet.fakes.logs.asked.lock().is_empty());
}

#[tokio::test]
async fn every_request_is_asked_about_anew() {
    let kubelet = Kubelet::start().await;
    let mut client = kubelet.admin(Protocol::Http2).await;
    for _ in 0..3 {
        assert_eq!(client.get("/healthz").await.0, StatusCode::OK);
    }
    assert_eq!(kubelet.fakes.authorizer.questions(), ["admin get nodes/healthz virtual-1"; 3]);
}

#[tokio::test]
async fn fine_grained_subresources_come_first_and_proxy_after_them() {
    let kubelet = Kubelet::start().await;
    assert_eq!(kubelet.user("scraper", Protocol::Http1).await.get("/pods").await.0, StatusCode::OK);
    assert_eq!(kubelet.user("scraper", Protocol::Http1).await.get(LOG).await.0, StatusCode::FORBIDDEN);
    assert_eq!(kubelet.user("nobody", Protocol::Http1).await.get("/pods").await.0, StatusCode::FORBIDDEN);
    assert_eq!(
        kubelet.fakes.authorizer.questions(),
        [
            "scraper get nodes/pods virtual-1",
            "scraper get nodes/proxy virtual-1",
            "nobody get nodes/pods virtual-1",
            "nobody get nodes/proxy virtual-1",
        ]
    );
}

#[tokio::test]
async fn a_right_to_read_runs_nothing_whatever_the_method() {
    let kubelet = Kubelet::start().await;
    for protocol in PROTOCOLS {
        let mut client = kubelet.user("reader", protocol).await;
        for path in [
            "/exec/default/web/app?command=id",
            "/attach/default/web/app",
            "/run/default/web/app?cmd=id",
            "/portForward/default/web",
            "/exec/default/web/uid-1/app",
            "/%65%78ec/default/web/app",
        ] {
            for method in [Method::GET, Method::POST] {
                let response = client.request(method.clone(), path).await.unwrap();
                assert_eq!(response.status(), StatusCode::FORBIDDEN, "{method} {path}");
            }
        }
    }
    assert!(
        kubelet.fakes.authorizer.questions().iter().all(|question| question == "reader create nodes/proxy virtual-1")
    );
}

#[tokio::test]
async fn what_is_not_served_is_404_only_for_those_who_may_know() {
    let kubelet = Kubelet::start().await;
    for path in [
        "/",
        "/nothing",
        "/run/default/web",
        "/metrics/nothing",
        "/stats/nothing",
        "/logs/",
        "/debug/pprof/",
        "/containerLogs/x",
    ] {
        assert_eq!(kubelet.admin(Protocol::Http1).await.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(kubelet.user("nobody", Protocol::Http1).await.get(path).await.0, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn methods_that_the_api_does_not_use_are_405() {
    let kubelet = Kubelet::start().await;
    let mut client = kubelet.admin(Protocol::Http1).await;
    for method in [Method::HEAD, Method::OPTIONS, Method::TRACE] {
        let response = client.request(method.clone(), "/pods").await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
    assert_eq!(kubelet.fakes.authorizer.questions(), [""; 0]);
    let response = client.request(Method::POST, "/pods").await.unwrap();
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.headers()["allow"], "GET");
    assert_eq!(kubelet.fakes.authorizer.questions(), ["admin create nodes/pods virtual-1"]);
}

#[tokio::test]
async fn an_authorizer_that_fails_or_hangs_lets_nobody_in() {
    let kubelet = Setup::new().limits(|limits| limits.authorization_timeout = Duration::from_millis(50)).start().await;
    for user in ["unlucky", "patient"] {
        let (status, body) = kubelet.user(user, Protocol::Http1).await.get(LOG).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(body, format!("Authorization error (user={user}, verb=get, resource=nodes, subresource=proxy)"));
    }
}

/// As a kubelet does whose features of these names are off.
#[tokio::test]
async fn what_a_kubelet_may_serve_and_we_do_not_is_not_found_by_those_who_may_ask() {
    let kubelet = Kubelet::start().await;
    for (method, path, subresource) in [
        (Method::POST, "/checkpoint/default/web/app", "create nodes/checkpoint"),
        (Method::GET, "/statusz", "get nodes/statusz"),
        (Method::GET, "/flagz", "get nodes/configz"),
        (Method::GET, "/logs/syslog", "get nodes/log"),
        (Method::GET, "/debug/pprof/profile", "get nodes/proxy"),
    ] {
        for (user, status) in [("admin", StatusCode::NOT_FOUND), ("nobody", StatusCode::FORBIDDEN)] {
            let mut client = kubelet.user(user, Protocol::Http1).await;
            assert_eq!(client.request(method.clone(), path).await.unwrap().status(), status, "{user} {path}");
            let asked = kubelet.fakes.authorizer.questions().pop().unwrap();
            assert_eq!(asked, format!("{user} {subresource} virtual-1"), "{path}");
        }
    }
}
