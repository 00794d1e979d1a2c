use serde_json::json;

use super::*;

fn pod(volume_name: &str, sources: &serde_json::Value) -> Pod {
    let mounts = json!([{"name": volume_name, "mountPath": MOUNT_PATH}, {"name": "data", "mountPath": "/data"}]);
    let container = json!({"name": "web", "image": "nginx", "volumeMounts": mounts});
    serde_json::from_value(json!({"spec": {
        "volumes": [{"name": "data", "emptyDir": {}}, {"name": volume_name, "projected": {"sources": sources}}],
        "containers": [container],
        "initContainers": [container],
        "ephemeralContainers": [container],
    }}))
    .unwrap()
}

fn volumes_and_mounts(pod: &Pod) -> Vec<&str> {
    let spec = pod.spec.as_ref().unwrap();
    let containers = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let mounts = containers.flat_map(|container| container.volume_mounts.iter().flatten());
    let ephemeral = spec.ephemeral_containers.iter().flatten().flat_map(|c| c.volume_mounts.iter().flatten());
    let volumes = spec.volumes.iter().flatten().map(|volume| volume.name.as_str());
    volumes.chain(mounts.chain(ephemeral).map(|mount| mount.name.as_str())).collect()
}

#[test]
fn the_volume_goes_with_all_of_its_mounts_and_nothing_else() {
    let openshift = json!([
        {"serviceAccountToken": {"path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt"}},
        {"downwardAPI": {"items": []}},
        {"configMap": {"name": "openshift-service-ca.crt"}},
    ]);
    let omitted = omit_token_volume(pod("kube-api-access-abcde", &openshift));
    assert_eq!(volumes_and_mounts(&omitted), ["data", "data", "data", "data"]);
}

#[test]
fn volumes_of_the_pods_author_stay() {
    let token = json!({"serviceAccountToken": {"path": "token"}});
    for (name, sources) in [
        ("token", json!([token])),
        ("kube-api-access-abcde", json!([])),
        ("kube-api-access-abcde", json!([{"serviceAccountToken": {"path": "token", "audience": "vault"}}])),
        ("kube-api-access-abcde", json!([token, {"secret": {"name": "password"}}])),
    ] {
        let pod = pod(name, &sources);
        assert_eq!(omit_token_volume(pod.clone()), pod, "{name} {sources}");
    }
}
