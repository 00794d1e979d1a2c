//! `kubectl debug`.

use serde_json::json;

use crate::stage::{IMAGE, Identity, Stage, sleeper};

/// Docker's provider has no ephemeral containers: who asks for one is told so and is not kept waiting without a word.
#[test]
fn an_ephemeral_container_is_refused_with_a_reason() {
    let stage = Stage::with_docker_node(Identity::Node);
    stage.create_pod("app", json!({ "containers": [sleeper("main")] }));
    stage.until_running("app");
    for (number, kubectl) in (1..).zip(stage.kubectls()) {
        let name = format!("debugger-{number}");
        let image = format!("--image={IMAGE}");
        kubectl.ok(&["debug", "app", &image, &format!("--container={name}"), "--", "sleep", "1000"]);
        stage.until_event("app", "UnsupportedField", "spec.ephemeralContainers");
        let pod = stage.until_pod("app", "says why the debugger does not run", |pod| {
            pod.waiting_message(&name).contains("ephemeral")
        });
        assert_eq!((pod.phase(), pod.condition("Ready"), pod.restarts("main")), ("Running", "True", 0));
    }
}

/// What kubectl can do everywhere: a copy of the pod with another command.
#[test]
fn a_copy_of_a_pod_can_be_debugged() {
    let stage = Stage::with_docker_node(Identity::Node);
    stage.create_pod("broken", json!({ "containers": [sleeper("main")] }));
    stage.until_running("broken");
    for (number, kubectl) in (1..).zip(stage.kubectls()) {
        let copy = format!("copy-{number}");
        let copy_to = format!("--copy-to={copy}");
        // Docker's provider refuses a process namespace for the whole pod, by the field's name.
        let own_processes = "--share-processes=false";
        // So is `SYS_PTRACE`, which kubectl's default profile asks for, unless the provider's configuration allows it.
        let profile = "--profile=baseline";
        kubectl.ok(&["debug", "broken", &copy_to, own_processes, profile, "--container=main", "--", "sleep", "1000"]);
        stage.until_running(&copy);
        assert_eq!(kubectl.ok(&["exec", &copy, "--", "cat", "/proc/1/cmdline"]), "sleep\u{0}1000\u{0}");
    }
}
