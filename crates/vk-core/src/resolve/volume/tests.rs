use std::sync::Arc;

use k8s_openapi::api::core::v1::PersistentVolume;
use serde_json::{Value, json};

use super::*;
use crate::resolve::tests::{cluster, node, pod_with, token};

fn resolve_with(volume: Value, data: &ReferenceData) -> Result<VolumeSource, ResolveError> {
    let mut volume = volume;
    volume["name"] = json!("it");
    let limits = json!({"limits": {"cpu": "2"}});
    let pod = pod_with(&json!({"containers": [{"name": "web", "resources": limits}], "volumes": [volume]}));
    resolve_volume(&pod, "it", data, &node()).map(|volume| volume.source)
}

fn resolve(volume: Value) -> Result<VolumeSource, ResolveError> {
    resolve_with(volume, &cluster())
}

/// `path mode content` of each file.
fn files(source: VolumeSource) -> Vec<String> {
    let VolumeSource::Files(tree) = source else { panic!("no files: {source:?}") };
    let line = |(path, file): (&String, &crate::resolved::File)| {
        format!("{path} {:o} {}", file.mode, String::from_utf8_lossy(&file.content).escape_debug())
    };
    tree.files.iter().map(line).collect()
}

#[test]
fn config_maps_become_files() {
    let all = resolve(json!({"configMap": {"name": "settings"}})).unwrap();
    assert_eq!(files(all), ["COLOR 644 blue", "SIZE 644 10", "logo 644 \u{fffd}\\0"]);
    let items = json!([
        {"key": "COLOR", "path": "etc/color"},
        {"key": "logo", "path": "logo.png", "mode": 0o400},
    ]);
    let some = resolve(json!({"configMap": {"name": "settings", "defaultMode": 0o600, "items": items}})).unwrap();
    assert_eq!(files(some), ["etc/color 600 blue", "logo.png 400 \u{fffd}\\0"]);
}

#[test]
fn secrets_become_files_that_do_not_show() {
    let source = resolve(json!({"secret": {"secretName": "login", "defaultMode": 0o400}})).unwrap();
    assert!(!format!("{source:?}").contains("s3cret"));
    assert_eq!(files(source), ["PASSWORD 400 s3cret", "USER 400 ann"]);
}

#[test]
fn optional_sources_may_lead_nowhere() {
    for volume in [
        json!({"configMap": {"name": "gone", "optional": true, "items": [{"key": "a", "path": "a"}]}}),
        json!({"configMap": {"name": "settings", "optional": true, "items": [{"key": "none", "path": "a"}]}}),
        json!({"secret": {"secretName": "gone", "optional": true}}),
        json!({"projected": {"sources": [{"secret": {"name": "gone", "optional": true}}]}}),
        json!({"projected": {}}),
        json!({"downwardAPI": {}}),
    ] {
        assert_eq!(files(resolve(volume.clone()).unwrap()), Vec::<String>::new(), "{volume}");
    }
}

#[test]
fn missing_sources_are_named() {
    let map = |name: &str| Reference::ConfigMap(name.to_owned());
    let item = json!([{"key": "none", "path": "a"}]);
    for (volume, expected) in [
        (json!({"configMap": {"name": "gone"}}), ResolveError::NotFound { reference: map("gone") }),
        (
            json!({"configMap": {"name": "unread", "optional": true}}),
            ResolveError::NotRead { reference: map("unread") },
        ),
        (
            json!({"secret": {"secretName": "gone"}}),
            ResolveError::NotFound { reference: Reference::Secret("gone".to_owned()) },
        ),
        (
            json!({"configMap": {"name": "settings", "items": item}}),
            ResolveError::KeyNotFound { reference: map("settings"), key: "none".to_owned() },
        ),
        (
            json!({"configMap": {"name": "settings", "items": item, "optional": false}}),
            ResolveError::KeyNotFound { reference: map("settings"), key: "none".to_owned() },
        ),
        (
            json!({"projected": {"sources": [{"secret": {"name": "login", "items": item}}]}}),
            ResolveError::KeyNotFound { reference: Reference::Secret("login".to_owned()), key: "none".to_owned() },
        ),
    ] {
        assert_eq!(resolve(volume.clone()), Err(expected), "{volume}");
    }
}

#[test]
fn the_downward_api_becomes_files() {
    let items = json!([
        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
        {"path": "meta//name", "fieldRef": {"fieldPath": "metadata.name"}, "mode": 0o444},
        {"path": "cpu", "resourceFieldRef": {"containerName": "web", "resource": "limits.cpu"}},
        {"path": "memory", "resourceFieldRef": {"containerName": "web", "resource": "limits.memory", "divisor": "1Gi"}},
    ]);
    let source = resolve(json!({"downwardAPI": { "items": items }})).unwrap();
    assert_eq!(
        files(source),
        ["cpu 644 2", "labels 644 app=\\\"web\\\"\\ntier=\\\"front end\\\"", "memory 644 8", "meta/name 444 web-0",]
    );
}

#[test]
fn the_injected_token_volume_is_what_clients_in_pods_expect() {
    let mut data = cluster();
    data.extend([
        token("", 3607, "ey.J.x"),
        crate::resolve::tests::config_map("kube-root-ca.crt", &[("ca.crt", "PEM")]),
    ]);
    let source = resolve_with(
        json!({"projected": {"defaultMode": 420, "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
        ]}}),
        &data,
    );
    assert_eq!(files(source.unwrap()), ["ca.crt 644 PEM", "namespace 644 shop", "token 644 ey.J.x"]);
}

#[test]
fn later_projected_sources_replace_earlier_ones() {
    let item = |key: &str| json!([{"key": key, "path": "it"}]);
    let source = resolve(json!({"projected": {"sources": [
        {"configMap": {"name": "settings", "items": item("COLOR")}},
        {"secret": {"name": "login", "items": item("USER")}},
    ]}}));
    assert_eq!(files(source.unwrap()), ["it 644 ann"]);
}

#[test]
fn what_cannot_be_projected_is_unsupported() {
    let error = resolve(json!({"projected": {"sources": [{"clusterTrustBundle": {"path": "ca"}}]}})).unwrap_err();
    let ResolveError::Unsupported { field, .. } = error else { panic!("{error:?}") };
    assert_eq!(field, "spec.volumes[0].projected.sources[0].clusterTrustBundle");
    let error = resolve(json!({"projected": {"sources": [{"podCertificate": {"keyType": "x", "signerName": "y"}}]}}));
    assert!(matches!(error, Err(ResolveError::Unsupported { .. })));
}

#[test]
fn paths_that_lead_out_are_refused_by_field() {
    let error = resolve(json!({"projected": {"sources": [
        {"secret": {"name": "login", "items": [{"key": "USER", "path": "../etc/passwd"}]}},
    ]}}));
    let Err(ResolveError::Invalid { field, .. }) = error else { panic!("{error:?}") };
    assert_eq!(field, "spec.volumes[0].projected.sources[0].secret.items[0]");
}

#[test]
fn other_kinds_keep_their_kind() {
    let empty_dir = |memory, size_limit| VolumeSource::EmptyDir { memory, size_limit };
    let host_path = |kind: &str| VolumeSource::HostPath { path: "/srv".to_owned(), kind: kind.to_owned() };
    for (volume, expected) in [
        (json!({"emptyDir": {}}), empty_dir(false, None)),
        (json!({}), empty_dir(false, None)),
        (json!({"emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}), empty_dir(true, Some(1 << 20))),
        (json!({"emptyDir": {"medium": "", "sizeLimit": "0"}}), empty_dir(false, None)),
        (json!({"hostPath": {"path": "/srv"}}), host_path("")),
        (json!({"hostPath": {"path": "/srv", "type": "Directory"}}), host_path("Directory")),
        (
            json!({"nfs": {"server": "a", "path": "/"}}),
            VolumeSource::Other(json!({"nfs": {"server": "a", "path": "/"}})),
        ),
        (
            json!({"emptyDir": {"medium": "HugePages-2Mi"}}),
            VolumeSource::Other(json!({"emptyDir": {"medium": "HugePages-2Mi"}})),
        ),
    ] {
        assert_eq!(resolve(volume.clone()), Ok(expected), "{volume}");
    }
    let error = resolve(json!({"emptyDir": {"sizeLimit": "much"}}));
    assert!(matches!(error, Err(ResolveError::Invalid { field, .. }) if field == "spec.volumes[0].emptyDir.sizeLimit"));
}

fn claim(name: &str, owner_uid: Option<&str>) -> (Reference, Option<Data>) {
    let owners = owner_uid
        .map(|uid| json!([{"apiVersion": "v1", "kind": "Pod", "name": "web-0", "uid": uid, "controller": true}]));
    let claim = json!({"metadata": {"name": name, "ownerReferences": owners}});
    let data = Data::Claim {
        claim: Arc::new(serde_json::from_value(claim).unwrap()),
        volume: Arc::new(PersistentVolume::default()),
    };
    (Reference::Claim(name.to_owned()), Some(data))
}

#[test]
fn claims_come_with_their_volume() {
    let data: ReferenceData = [claim("data-web-0", None)].into_iter().collect();
    let volume = json!({"persistentVolumeClaim": {"claimName": "data-web-0"}});
    let Ok(VolumeSource::Claim { claim, .. }) = resolve_with(volume.clone(), &data) else { panic!("no claim") };
    assert_eq!(claim.metadata.name.as_deref(), Some("data-web-0"));
    let reference = Reference::Claim("data-web-0".to_owned());
    assert_eq!(resolve(volume), Err(ResolveError::NotRead { reference }));
}

#[test]
fn an_ephemeral_claim_has_to_belong_to_the_pod() {
    let volume = json!({"ephemeral": {"volumeClaimTemplate": {"spec": {}}}});
    for (owner, fine) in [(Some("1a2b"), true), (Some("other"), false), (None, false)] {
        let data: ReferenceData = [claim("web-0-it", owner)].into_iter().collect();
        assert_eq!(resolve_with(volume.clone(), &data).is_ok(), fine, "{owner:?}");
    }
}

#[test]
fn a_volume_that_does_not_exist_is_an_error() {
    let pod = pod_with(&json!({ "containers": [] }));
    let result = resolve_volume(&pod, "it", &cluster(), &node());
    assert!(matches!(result, Err(ResolveError::Invalid { .. })));
}
