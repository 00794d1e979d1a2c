//! A client for tests.

use std::convert::Infallible;

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::Value;
use tokio::sync::mpsc;

/// A client whose every request is recorded (path and body) and answered with this.
pub(crate) fn client(status: StatusCode, answer: Value) -> (kube::Client, mpsc::UnboundedReceiver<(String, Value)>) {
    let (seen, requests) = mpsc::unbounded_channel();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (seen, answer) = (seen.clone(), answer.clone());
        async move {
            let path = request.uri().path().to_owned();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            // A test may have seen enough.
            let _ = seen.send((path, serde_json::from_slice(&body).unwrap()));
            let reply = Body::from(serde_json::to_vec(&answer).unwrap());
            Ok::<_, Infallible>(Response::builder().status(status).body(reply).unwrap())
        }
    });
    (kube::Client::new(service, "default"), requests)
}
