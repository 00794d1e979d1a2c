//! Which objects a pod refers to (`pkg/api/v1/pod/util.go`: VisitPodSecretNames, VisitPodConfigmapNames).

use std::collections::BTreeSet;

use serde_json::Value;

use crate::object::Object;

/// A kind of object that a node may reach through its pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum VertexKind {
    Pod,
    Secret,
    ConfigMap,
    Claim,
    Volume,
    ServiceAccount,
}

/// One object in the graph.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Vertex {
    pub(super) kind: VertexKind,
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Vertex {
    pub(super) fn new(kind: VertexKind, namespace: &str, name: &str) -> Self {
        Self { kind, namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

/// The pod itself and everything that its node may read because of it. A mirror pod gives access to nothing else.
pub(super) fn of_pod(pod: &Object) -> BTreeSet<Vertex> {
    let namespace = pod.namespace();
    let mut found = BTreeSet::from([Vertex::new(VertexKind::Pod, namespace, pod.name())]);
    if pod.annotation("kubernetes.io/config.mirror").is_some() {
        return found;
    }
    let mut add = |kind, name: &str| {
        if !name.is_empty() {
            found.insert(Vertex::new(kind, namespace, name));
        }
    };
    add(VertexKind::ServiceAccount, pod.text("/spec/serviceAccountName"));
    for secret in pod.items("/spec/imagePullSecrets") {
        add(VertexKind::Secret, name_in(secret, "name"));
    }
    for list in ["volumes", "containers", "initContainers", "ephemeralContainers"] {
        for item in pod.items(&format!("/spec/{list}")) {
            visit(item, &mut add);
        }
    }
    for volume in pod.items("/spec/volumes") {
        if volume.get("ephemeral").is_some_and(Value::is_object) {
            add(VertexKind::Claim, &format!("{}-{}", pod.name(), name_in(volume, "name")));
        }
    }
    found
}

/// Follows a volume or container to every field that names a Secret, a ConfigMap or a claim.
fn visit(value: &Value, add: &mut impl FnMut(VertexKind, &str)) {
    match value {
        Value::Object(fields) => {
            for (field, child) in fields {
                match field.as_str() {
                    "secretKeyRef" | "secretRef" | "nodePublishSecretRef" => {
                        add(VertexKind::Secret, name_in(child, "name"));
                    }
                    "secret" => {
                        add(VertexKind::Secret, name_in(child, "secretName"));
                        add(VertexKind::Secret, name_in(child, "name"));
                    }
                    "azureFile" => add(VertexKind::Secret, name_in(child, "secretName")),
                    "configMapKeyRef" | "configMapRef" | "configMap" => {
                        add(VertexKind::ConfigMap, name_in(child, "name"));
                    }
                    "persistentVolumeClaim" => add(VertexKind::Claim, name_in(child, "claimName")),
                    _ => visit(child, add),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| visit(item, add)),
        _ => {}
    }
}

fn name_in<'value>(value: &'value Value, field: &str) -> &'value str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_way_to_refer_is_found() {
        let pod = Object::from_value(json!({
            "metadata": {"name": "p", "namespace": "ns"},
            "spec": {
                "serviceAccountName": "sa",
                "imagePullSecrets": [{"name": "pull"}],
                "containers": [{
                    "env": [{"valueFrom": {"secretKeyRef": {"name": "s-env"}}},
                            {"valueFrom": {"configMapKeyRef": {"name": "c-env"}}}],
                    "envFrom": [{"secretRef": {"name": "s-from"}}, {"configMapRef": {"name": "c-from"}}],
                }],
                "volumes": [
                    {"name": "a", "secret": {"secretName": "s-vol"}},
                    {"name": "b", "configMap": {"name": "c-vol"}},
                    {"name": "c", "projected": {"sources": [{"secret": {"name": "s-proj"}}, {"configMap": {"name": "c-proj"}}]}},
                    {"name": "d", "persistentVolumeClaim": {"claimName": "claim"}},
                    {"name": "e", "ephemeral": {}},
                    {"name": "f", "csi": {"nodePublishSecretRef": {"name": "s-csi"}}},
                ],
            },
        }))
        .unwrap();
        let names = |kind| -> Vec<String> {
            of_pod(&pod).into_iter().filter(|vertex| vertex.kind == kind).map(|vertex| vertex.name).collect()
        };
        assert_eq!(names(VertexKind::Secret), ["pull", "s-csi", "s-env", "s-from", "s-proj", "s-vol"]);
        assert_eq!(names(VertexKind::ConfigMap), ["c-env", "c-from", "c-proj", "c-vol"]);
        assert_eq!(names(VertexKind::Claim), ["claim", "p-e"]);
        assert_eq!(names(VertexKind::ServiceAccount), ["sa"]);
    }
}
