use serde_json::json;

use super::*;
use crate::resolve::tests::pod_with;

fn pod() -> Pod {
    pod_with(&json!({
        "imagePullSecrets": [{"name": "registry"}, {"name": ""}],
        "initContainers": [{"name": "first", "envFrom": [{"secretRef": {"name": "login", "optional": true}}]}],
        "containers": [{
            "name": "web",
            "envFrom": [{"configMapRef": {"name": "settings"}}],
            "env": [
                {"name": "A", "valueFrom": {"secretKeyRef": {"name": "login", "key": "a"}}},
                {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "maybe", "key": "b", "optional": true}}},
                {"name": "C", "value": "c", "valueFrom": {"configMapKeyRef": {"name": "unread", "key": "c"}}},
                {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            ],
        }],
        "ephemeralContainers": [{"name": "debug"}],
        "volumes": [
            {"name": "files", "secret": {"secretName": "login", "optional": true}},
            {"name": "settings", "configMap": {"name": "settings"}},
            {"name": "cache", "emptyDir": {}},
            {"name": "data", "persistentVolumeClaim": {"claimName": "data-web-0"}},
            {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}},
            {"name": "api", "projected": {"sources": [
                {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
                {"serviceAccountToken": {"path": "vault", "audience": "vault"}},
                {"configMap": {"name": "kube-root-ca.crt"}},
                {"secret": {"name": "extra", "optional": true}},
                {"downwardAPI": {"items": []}},
            ]}},
        ],
    }))
}

fn uses(user: &ReferenceUser) -> Vec<String> {
    let describe = |used: &ReferenceUse| format!("{} {:?}", used.reference, used.necessity);
    references(&pod()).of(user).map(describe).collect()
}

fn of_container(name: &str) -> Vec<String> {
    uses(&ReferenceUser::Container(name.to_owned()))
}

fn of_volume(name: &str) -> Vec<String> {
    uses(&ReferenceUser::Volume(name.to_owned()))
}

#[test]
fn each_part_of_a_pod_has_its_references() {
    assert_eq!(of_container("first"), ["services Required", "secret \"login\" Optional"]);
    assert_eq!(
        of_container("web"),
        [
            "services Required",
            "configmap \"settings\" Required",
            "secret \"login\" Required",
            "configmap \"maybe\" Optional",
        ]
    );
    assert_eq!(of_container("debug"), ["services Required"]);
    assert_eq!(of_volume("files"), ["secret \"login\" Optional"]);
    assert_eq!(of_volume("settings"), ["configmap \"settings\" Required"]);
    assert_eq!(of_volume("cache"), Vec::<String>::new());
    assert_eq!(of_volume("data"), ["persistentvolumeclaim \"data-web-0\" Required"]);
    assert_eq!(of_volume("scratch"), ["persistentvolumeclaim \"web-0-scratch\" Required"]);
    assert_eq!(
        of_volume("api"),
        [
            "service account token Required",
            "service account token for audience \"vault\" Required",
            "configmap \"kube-root-ca.crt\" Required",
            "secret \"extra\" Optional",
        ]
    );
    assert_eq!(uses(&ReferenceUser::ImagePull), ["secret \"registry\" Optional"]);
}

#[test]
fn what_one_part_requires_is_required() {
    let references = references(&pod());
    let all = references.all();
    assert_eq!(all[&Reference::Secret("login".to_owned())], Necessity::Required);
    assert_eq!(all[&Reference::ConfigMap("maybe".to_owned())], Necessity::Optional);
    assert!(!all.contains_key(&Reference::ConfigMap("unread".to_owned())));
}

#[test]
fn lifetimes_of_tokens_are_passed_on_verbatim() {
    let requests: Vec<TokenRequest> = references(&pod())
        .uses()
        .iter()
        .filter_map(|used| match &used.reference {
            Reference::Token(request) => Some(request.clone()),
            _ => None,
        })
        .collect();
    let request =
        |audience: &str, expiration_seconds| TokenRequest { audience: audience.to_owned(), expiration_seconds };
    assert_eq!(requests, [request("", 3607), request("vault", 3600)]);
}

#[test]
fn a_pod_without_spec_refers_to_nothing() {
    assert_eq!(references(&Pod::default()), PodReferences::default());
}
