use serde_json::{Value, json};
use vk_core::ErrorKind;

use super::*;
use crate::fake_docker::FakeDocker;

fn version(engine: &str, highest: &str, lowest: &str) -> Value {
    json!({"Version": engine, "ApiVersion": highest, "MinAPIVersion": lowest})
}

#[test]
fn registry_credentials_are_written_as_docker_reads_them() {
    let mut headers = http::HeaderMap::new();
    headers.insert("x-registry-auth", http::HeaderValue::from_static("a+b/c=="));
    make_registry_auth_url_safe(&mut headers);
    assert_eq!(headers["x-registry-auth"], "a-b_c==");
}

#[tokio::test]
async fn a_docker_that_is_not_there_is_unavailable_and_named() {
    let connection = Connection::new(Endpoint::Unix("/nowhere/docker.sock".into()));
    let error = connection.docker().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains("unix:///nowhere/docker.sock") && error.message.contains("dockerd"), "{error}");
    assert_eq!(connection.refuse_wrong_version().await, Ok(()), "it may yet be the right one");
}

#[tokio::test]
async fn an_engine_that_is_too_old_is_refused_with_what_was_found_and_what_is_needed() {
    let docker = FakeDocker::start(version("19.03.15", "1.40", "1.12"));
    let connection = Connection::new(Endpoint::Unix(docker.socket()));
    let error = connection.docker().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    for word in ["19.03.15", "1.40", "1.41", "upgrade it to Docker 20.10", &docker.socket().display().to_string()] {
        assert!(error.message.contains(word), "{word} in {error}");
    }
    assert_eq!(connection.refuse_wrong_version().await, Err(error.message));
    assert!(docker.paths().iter().all(|path| path == "/version"), "it is asked for nothing else: {:?}", docker.paths());
}

#[tokio::test]
async fn every_request_names_the_version_that_was_agreed_on() {
    let docker = FakeDocker::start(version("20.10.24", "1.41", "1.12"));
    let connection = Connection::new(Endpoint::Unix(docker.socket()));
    let client = connection.docker().await.unwrap();
    // What it says is no container, which is nothing that matters here.
    let _ = client.inspect_container("web", None).await;
    assert_eq!(docker.paths(), ["/version", "/v1.41/containers/web/json"]);
}

#[tokio::test]
async fn an_engine_is_asked_again_after_an_outage() {
    let docker = FakeDocker::start(version("20.10.24", "1.41", "1.12"));
    let connection = Connection::new(Endpoint::Unix(docker.socket()));
    connection.docker().await.unwrap();
    docker.replace(version("19.03.15", "1.40", "1.12"));
    connection.docker().await.unwrap();
    connection.renew();
    assert!(connection.docker().await.unwrap_err().message.contains("1.40"));
    docker.replace(version("24.0.0", "1.43", "1.12"));
    connection.docker().await.unwrap();
    assert_eq!(docker.paths(), ["/version"; 3]);
}

#[tokio::test]
async fn something_else_behind_the_socket_is_not_taken_for_docker() {
    let docker = FakeDocker::start(json!({"Version": "4.9.4"}));
    let connection = Connection::new(Endpoint::Unix(docker.socket()));
    let error = connection.refuse_wrong_version().await.unwrap_err();
    assert!(error.contains("is it Docker?") && error.contains("1.41"), "{error}");
}
