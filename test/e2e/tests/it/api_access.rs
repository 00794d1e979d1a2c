//! A client inside a pod reaches the API with the token that was mounted for it.

use serde_json::{Value, json};

use crate::stage::{Identity, Stage, script};

under_both_identities! {
    a_pod_knows_itself_to_the_api_server
}

fn a_pod_knows_itself_to_the_api_server(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let cluster = &stage.environment().cluster;
    let account = "/var/run/secrets/kubernetes.io/serviceaccount";
    // Nothing in this cluster makes service addresses work, so the client is told where the API server is.
    let ask = format!(
        "cat {account}/namespace; echo; /programs/kubectl --server={} --certificate-authority={account}/ca.crt \
         --token=\"$(cat {account}/token)\" --cache-dir=/tmp auth whoami -o json",
        cluster.server_url()
    );
    let mut client = script("client", &ask);
    client["volumeMounts"] = json!([{ "name": "programs", "mountPath": "/programs", "readOnly": true }]);
    stage.create_pod(
        "client",
        json!({
            "restartPolicy": "Never",
            "containers": [client],
            "volumes": [{ "name": "programs", "hostPath": { "path": cluster.programs(), "type": "Directory" } }],
        }),
    );
    stage.until_pod("client", "has ended", |pod| ["Succeeded", "Failed"].contains(&pod.phase()));
    let said = stage.kubectl().ok(&["logs", "client"]);
    let (namespace, review) = said.split_once('\n').unwrap();
    assert_eq!(namespace, stage.name());
    let review: Value = serde_json::from_str(review).unwrap_or_else(|error| panic!("{error}: {said}"));
    let user = &review["status"]["userInfo"];
    assert_eq!(user["username"], format!("system:serviceaccount:{}:default", stage.name()));
    // The token is bound to this pod on this node.
    let extra = &user["extra"];
    assert_eq!(extra["authentication.kubernetes.io/pod-name"][0], "client");
    assert_eq!(extra["authentication.kubernetes.io/pod-uid"][0], stage.pod("client").unwrap().uid());
    assert_eq!(extra["authentication.kubernetes.io/node-name"][0], stage.name());
}
