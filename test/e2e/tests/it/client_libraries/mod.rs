//! Programs that others write with client libraries: Go's, Rust's and Python's, through the API server and directly.

mod client_go;
mod kube_rs;
mod python;

use serde_json::json;

use crate::stage::{Identity, Stage, script};

/// A pod `talk` whose container `main` says something ten times a second, and serves its `/etc` on port 8080.
fn with_pod(identity: Identity) -> Stage {
    let stage = Stage::with_docker_node(identity);
    let talking = "trap 'exit 0' TERM; while true; do echo still here; sleep 0.1 & wait $!; done";
    let talker = script("main", &format!("httpd -p 8080 -h /etc; {talking}"));
    stage.create_pod("talk", json!({ "containers": [talker] }));
    stage.until_running("talk");
    stage
}
