use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use kube::client::Body;
use tokio::time::timeout;

use super::*;

/// A client that is given these answers one after the other, the last one for ever.
fn client(answers: &'static [(u16, &'static str)]) -> (Client, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let service = tower::service_fn(move |request: Request<Body>| {
        assert_eq!(request.uri().path(), "/api/v1/namespaces/default/services/kubernetes");
        let (code, body) = answers[counter.fetch_add(1, Ordering::Relaxed).min(answers.len() - 1)];
        async move {
            if code == 0 {
                return Err(std::io::Error::new(std::io::ErrorKind::ConnectionRefused, body));
            }
            let body = Full::new(Bytes::from(body)).map_err(|never| match never {});
            Ok(Response::builder().status(code).body(body).unwrap())
        }
    });
    (Client::new(service, "default"), calls)
}

const SERVICE: &str = r#"{"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": "kubernetes", "uid": "1-2-3"}}"#;

fn status(code: u16, message: &'static str) -> &'static str {
    let status = format!(
        r#"{{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": {code}, "message": "{message}", "reason": "x"}}"#
    );
    Box::leak(status.into_boxed_str())
}

async fn wait_with(
    answers: Vec<(u16, &'static str)>,
    cluster_id: Option<&str>,
) -> (Result<String, Refused>, usize, Readiness) {
    let (client, calls) = client(Vec::leak(answers));
    let (readiness, _) = watch::channel(Readiness::NotReady("starting".to_owned()));
    let waiting = wait(&client, "https://api:6443", cluster_id, &readiness);
    let result = timeout(Duration::from_secs(3600), waiting).await.expect("it waits for what will never come");
    let last = readiness.borrow().clone();
    (result, calls.load(Ordering::Relaxed), last)
}

#[tokio::test(start_paused = true)]
async fn the_cluster_id_is_the_uid_of_its_first_service() {
    assert_eq!(wait_with(vec![(200, SERVICE)], None).await.0.unwrap(), "1-2-3");
    assert_eq!(wait_with(vec![(200, SERVICE)], Some("mine")).await.0.unwrap(), "mine");
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_away_is_waited_for_and_named() {
    let answers =
        vec![(0, "connection refused"), (503, status(503, "starting")), (404, status(404, "no")), (200, SERVICE)];
    let (result, calls, last) = wait_with(answers, None).await;
    assert_eq!((result.unwrap().as_str(), calls), ("1-2-3", 4));
    let Readiness::NotReady(reason) = last else { panic!("nobody else says ready") };
    assert!(reason.contains("https://api:6443"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn bad_credentials_are_one_clear_error() {
    let refusals = [(401, status(401, "Unauthorized")), (403, status(403, "User \\\"system:anonymous\\\" cannot get"))];
    for refusal in refusals {
        let (result, calls, _) = wait_with(vec![refusal], Some("mine")).await;
        let error = result.unwrap_err();
        assert!(matches!(error, Refused::Credentials { .. }), "{error}");
        assert!(error.to_string().contains("https://api:6443") && error.to_string().contains("expired"), "{error}");
        assert_eq!(calls, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_right_names_the_flag_that_does_without_it() {
    let forbidden = (403, status(403, "User \\\"vk\\\" cannot get resource \\\"services\\\""));
    let error = wait_with(vec![forbidden], None).await.0.unwrap_err().to_string();
    assert!(error.contains("--cluster-id") && error.contains("default/kubernetes"), "{error}");
    assert_eq!(wait_with(vec![forbidden], Some("mine")).await.0.unwrap(), "mine");
}
