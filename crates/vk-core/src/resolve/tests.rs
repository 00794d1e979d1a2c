//! What the tests of this module share, and those of [`resolve_pod`].

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::{Value, json};

use super::*;
use crate::identity::PodKey;
use crate::resolved::{RawPod, SecretString};

/// The pod `shop/web-0` with this spec.
pub(super) fn pod_with(spec: &Value) -> Pod {
    let metadata = json!({
        "name": "web-0",
        "namespace": "shop",
        "uid": "1a2b",
        "labels": {"app": "web", "tier": "front end"},
        "annotations": {"example.com/note": "line 1\nline \"2\""},
    });
    serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
}

pub(super) fn node() -> NodeFacts {
    let amounts = [("cpu", "4"), ("memory", "8Gi"), ("ephemeral-storage", "100Gi"), ("hugepages-2Mi", "1Gi")];
    NodeFacts {
        name: "virtual".to_owned(),
        host_ips: ips(&["10.0.0.1", "fd00::1"]),
        allocatable: amounts.map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned()))).into(),
        ..NodeFacts::default()
    }
}

pub(super) fn ips(addresses: &[&str]) -> Vec<IpAddr> {
    addresses.iter().map(|address| address.parse().unwrap()).collect()
}

pub(super) fn service(namespace: &str, name: &str, cluster_ip: &str, ports: &[(&str, &str, u16)]) -> ServiceFacts {
    let port = |(name, protocol, port): &(&str, &str, u16)| ServicePort {
        name: (*name).to_owned(),
        protocol: (*protocol).to_owned(),
        port: *port,
    };
    ServiceFacts {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        cluster_ip: cluster_ip.to_owned(),
        ports: ports.iter().map(port).collect(),
    }
}

pub(super) fn config_map(name: &str, text: &[(&str, &str)]) -> (Reference, Option<Data>) {
    let text = text.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let object = ConfigMapData { text, binary: [("logo".to_owned(), Bytes::from_static(b"\xff\x00"))].into() };
    (Reference::ConfigMap(name.to_owned()), Some(Data::ConfigMap(Arc::new(object))))
}

pub(super) fn secret(name: &str, values: &[(&str, &[u8])]) -> (Reference, Option<Data>) {
    let values = values.iter().map(|(key, value)| ((*key).to_owned(), Bytes::copy_from_slice(value))).collect();
    let object = SecretData { kind: "Opaque".to_owned(), values };
    (Reference::Secret(name.to_owned()), Some(Data::Secret(Arc::new(object))))
}

pub(super) fn services(services: Vec<ServiceFacts>) -> (Reference, Option<Data>) {
    (Reference::Services, Some(Data::Services(Arc::new(services))))
}

pub(super) fn token(audience: &str, expiration_seconds: i64, token: &str) -> (Reference, Option<Data>) {
    let request = TokenRequest { audience: audience.to_owned(), expiration_seconds };
    let expires_at = "2026-01-01T00:00:00Z".parse().unwrap();
    (Reference::Token(request), Some(Data::Token { token: SecretString::new(token), expires_at }))
}

/// ConfigMap `settings`, Secret `login`, no Services; `gone` is known not to exist.
pub(super) fn cluster() -> ReferenceData {
    let absent = |reference| (reference, None);
    [
        services(Vec::new()),
        config_map("settings", &[("COLOR", "blue"), ("SIZE", "10")]),
        secret("login", &[("USER", b"ann"), ("PASSWORD", b"s3cret")]),
        absent(Reference::ConfigMap("gone".to_owned())),
        absent(Reference::Secret("gone".to_owned())),
    ]
    .into_iter()
    .collect()
}

#[test]
fn a_whole_pod_is_resolved_in_the_order_of_its_spec() {
    let pod = pod_with(&json!({
        "volumes": [{"name": "settings", "configMap": {"name": "settings"}}, {"name": "cache", "emptyDir": {}}],
        "initContainers": [{"name": "first"}, {"name": "sidecar", "restartPolicy": "Always"}],
        "containers": [{"name": "web", "envFrom": [{"configMapRef": {"name": "settings"}}]}],
        "ephemeralContainers": [{"name": "debug"}],
    }));
    let raw = RawPod::new(serde_json::to_vec(&pod).unwrap());
    let pod = ResolvedPod::unresolved("1a2b".into(), PodKey::new("shop", "web-0"), Arc::new(pod), raw);
    let resolved = resolve_pod(pod, &cluster(), &node(), &LateFields::default()).unwrap();
    let names: Vec<&str> = resolved.containers.iter().map(|container| container.name.as_str()).collect();
    assert_eq!(names, ["first", "sidecar", "web", "debug"]);
    assert_eq!(resolved.containers[2].env.len(), 2);
    let names: Vec<&str> = resolved.volumes.iter().map(|volume| volume.name.as_str()).collect();
    assert_eq!(names, ["settings", "cache"]);
}

#[test]
fn errors_wait_for_what_may_come_and_refuse_what_cannot() {
    use crate::error::{Error, ErrorKind, Retry};

    let reference = Reference::Secret("login".to_owned());
    for (error, message) in [
        (ResolveError::NotFound { reference: reference.clone() }, "secret \"login\" not found"),
        (ResolveError::NotRead { reference: reference.clone() }, "secret \"login\" has not been read yet"),
        (ResolveError::KeyNotFound { reference, key: "USER".to_owned() }, "key \"USER\" not found in secret \"login\""),
    ] {
        let error = Error::from(error);
        assert_eq!(error.kind, ErrorKind::Unresolved { reference: "secret \"login\"".to_owned() });
        assert_eq!((error.message.as_str(), error.retry), (message, Retry::Backoff));
    }
    let error = Error::from(ResolveError::invalid("spec.volumes[0]", "no"));
    assert_eq!((error.to_string().as_str(), error.retry), ("invalid spec.volumes[0]: no", Retry::Never));
    let error = Error::from(ResolveError::unsupported("spec.volumes[0]", "no"));
    assert_eq!((error.to_string().as_str(), error.retry), ("unsupported spec.volumes[0]: no", Retry::Never));
}

#[test]
fn objects_of_the_api_become_data() {
    let object = json!({"data": {"a": "1"}, "binaryData": {"b": "/wA="}});
    let data = ConfigMapData::from(serde_json::from_value::<k8s_openapi::api::core::v1::ConfigMap>(object).unwrap());
    assert_eq!((data.text["a"].as_str(), &data.binary["b"][..]), ("1", &b"\xff\x00"[..]));

    let object = json!({"type": "Opaque", "data": {"a": "czNjcmV0"}});
    let data = SecretData::from(serde_json::from_value::<k8s_openapi::api::core::v1::Secret>(object).unwrap());
    assert_eq!((data.kind.as_str(), &data.values["a"][..]), ("Opaque", &b"s3cret"[..]));
    assert_eq!(format!("{data:?}"), "SecretData(1 keys)");

    let object = json!({"metadata": {"namespace": "shop", "name": "db"},
        "spec": {"clusterIP": "10.1.0.9", "ports": [{"name": "sql", "port": 5432, "protocol": "TCP"}]}});
    let facts = ServiceFacts::from(&serde_json::from_value::<k8s_openapi::api::core::v1::Service>(object).unwrap());
    assert_eq!(facts, service("shop", "db", "10.1.0.9", &[("sql", "TCP", 5432)]));
}
