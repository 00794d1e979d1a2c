//! Images that do not come.

use serde_json::json;

use crate::stage::{IMAGE, Identity, Stage, script, sleeper};

/// A registry at which nobody listens, on this machine: no test reaches beyond it.
const MISSING_IMAGE: &str = "127.0.0.1:1/missing:1";

under_both_identities! {
    an_image_that_cannot_be_pulled_is_tried_again_with_back_off
    pull_policies_are_honoured
}

fn an_image_that_cannot_be_pulled_is_tried_again_with_back_off(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let mut missing = sleeper("missing");
    missing["image"] = json!(MISSING_IMAGE);
    stage.create_pod("pull", json!({ "containers": [sleeper("present"), missing] }));
    stage.until_pod("pull", "ErrImagePull", |pod| pod.waiting("missing") == "ErrImagePull");
    let pod = stage.until_pod("pull", "ImagePullBackOff", |pod| pod.waiting("missing") == "ImagePullBackOff");
    let message = pod.container("missing")["state"]["waiting"]["message"].to_string();
    assert!(message.contains(MISSING_IMAGE), "{message}");
    // The other container does not wait for it.
    stage.until_pod("pull", "the other container runs", |pod| pod.container("present")["state"]["running"].is_object());
    assert_eq!(pod.phase(), "Pending");
    for reason in ["Pulling", "Failed", "BackOff"] {
        stage.until_event("pull", reason, MISSING_IMAGE);
    }
    let refused = stage.kubectl().run(&["logs", "pull", "-c", "missing"]).unwrap_err();
    assert!(refused.contains("is waiting to start"), "{refused}");
    // It comes to an end like any other.
    stage.kubectl().ok(&["delete", "pod", "pull"]);
    stage.until_gone("pull");
}

fn pull_policies_are_honoured(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let mut never = script("main", "exit 0");
    never["image"] = json!(MISSING_IMAGE);
    never["imagePullPolicy"] = json!("Never");
    stage.create_pod("never", json!({ "containers": [never] }));
    let mut always = script("main", "exit 0");
    always["imagePullPolicy"] = json!("Always");
    always["image"] = json!(format!("127.0.0.1:1/{IMAGE}"));
    stage.create_pod("always", json!({ "containers": [always] }));
    let pod = stage.until_pod("never", "ErrImageNeverPull", |pod| pod.waiting("main") == "ErrImageNeverPull");
    assert_eq!(pod.phase(), "Pending");
    stage.until_event("never", "ErrImageNeverPull", MISSING_IMAGE);
    stage.until_pod("always", "a pull", |pod| pod.waiting("main").contains("Pull"));
}
