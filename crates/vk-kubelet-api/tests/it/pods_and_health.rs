use http::StatusCode;
use k8s_openapi::List;
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use vk_core::{Error, RawPod};

use crate::client::{PROTOCOLS, Protocol};
use crate::kubelet::Kubelet;

fn pod(name: &str) -> RawPod {
    RawPod::new(json!({"metadata": {"name": name, "namespace": "default"}}).to_string().into_bytes())
}

#[tokio::test]
async fn pods_are_a_list_as_kubectl_reads_it() {
    let kubelet = Kubelet::start().await;
    for names in [vec![], vec!["a"], vec!["a", "b", "c"]] {
        *kubelet.fakes.pods.list.lock() = names.iter().map(|name| Ok(pod(name))).collect();
        for protocol in PROTOCOLS {
            let (status, body) = kubelet.admin(protocol).await.get("/pods").await;
            assert_eq!(status, StatusCode::OK);
            let list: List<Pod> = serde_json::from_str(&body).unwrap();
            let found: Vec<_> = list.items.into_iter().map(|pod| pod.metadata.name.unwrap()).collect();
            assert_eq!(found, names);
        }
    }
}

#[tokio::test]
async fn pods_that_are_not_known_yet_are_not_an_empty_list() {
    let kubelet = Kubelet::start().await;
    *kubelet.fakes.pods.list.lock() = vec![Err(Error::unavailable("not synced yet"))];
    let (status, body) = kubelet.admin(Protocol::Http1).await.get("/pods").await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    assert!(body.contains("not synced yet"), "{body}");
    *kubelet.fakes.pods.list.lock() = vec![Ok(pod("a")), Err(Error::unavailable("lost"))];
    assert!(kubelet.admin(Protocol::Http1).await.try_get("/pods").await.is_err(), "a list that ends early is cut");
}

#[tokio::test]
async fn health_is_ok_or_says_what_is_not() {
    let kubelet = Kubelet::start().await;
    let mut client = kubelet.admin(Protocol::Http2).await;
    assert_eq!(client.get("/healthz").await, (StatusCode::OK, "ok".to_owned()));
    assert_eq!(client.get("/healthz/ping").await, (StatusCode::OK, "ok".to_owned()));
    assert_eq!(client.get("/healthz/provider").await, (StatusCode::OK, "ok".to_owned()));
    assert_eq!(client.get("/healthz/other").await.0, StatusCode::NOT_FOUND);
    let verbose = client.get("/healthz?verbose").await;
    assert_eq!(verbose, (StatusCode::OK, "[+]ping ok\n[+]log ok\n[+]provider ok\nhealthz check passed\n".to_owned()));

    *kubelet.fakes.health.0.lock() = Err("the engine does not answer".to_owned());
    let expected = "[+]ping ok\n[+]log ok\n[-]provider failed: the engine does not answer\nhealthz check failed\n";
    for path in ["/healthz", "/healthz/provider"] {
        assert_eq!(client.get(path).await, (StatusCode::INTERNAL_SERVER_ERROR, expected.to_owned()), "{path}");
    }
    assert_eq!(client.get("/healthz/ping").await.0, StatusCode::OK);
}
