//! ServiceAccount: every pod has an account, and its token in a projected volume.

use serde_json::{Value, json};

use crate::api_error::ApiError;
use crate::kernel::{Call, Kernel};
use crate::object::Object;

const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const VOLUME_PREFIX: &str = "kube-api-access-";
/// The lifetime that stands for "an hour, and tolerated for a year" (`WarnOnlyBoundTokenExpirationSeconds`).
const TOKEN_SECONDS: i64 = 3607;

pub(super) fn admit_pod(kernel: &mut Kernel, call: &Call<'_>, pod: &mut Object) -> Result<(), ApiError> {
    if pod.annotation("kubernetes.io/config.mirror").is_some() {
        if pod.text("/spec/serviceAccountName").is_empty() {
            return Ok(());
        }
        return Err(ApiError::forbidden(call.resource, pod.name(), "a mirror pod may not reference service accounts"));
    }
    if pod.text("/spec/serviceAccountName").is_empty() {
        pod.set("/spec/serviceAccountName", "default");
        pod.set("/spec/serviceAccount", "default");
    }
    let name = pod.text("/spec/serviceAccountName").to_owned();
    let namespace = &call.path.namespace;
    let Some(account) = kernel.storage.find("serviceaccounts", namespace, &name) else {
        let why = format!("error looking up service account {namespace}/{name}: serviceaccount {name:?} not found");
        return Err(ApiError::forbidden(call.resource, pod.name(), &why));
    };
    let automount = |object: &Object, pointer: &str| object.at(pointer).and_then(Value::as_bool);
    let mount = automount(pod, "/spec/automountServiceAccountToken")
        .or_else(|| automount(account, "/automountServiceAccountToken"))
        .unwrap_or(true);
    let pull_secrets = account.at("/imagePullSecrets").cloned();
    if pod.items("/spec/imagePullSecrets").is_empty() && pull_secrets.is_some() {
        pod.set_or_remove("/spec/imagePullSecrets", pull_secrets);
    }
    if mount {
        mount_token(kernel, pod);
    }
    Ok(())
}

fn mount_token(kernel: &mut Kernel, pod: &mut Object) {
    let name_of = |volume: &Value| volume.get("name").and_then(Value::as_str).map(ToOwned::to_owned);
    let existing = pod.items("/spec/volumes").iter().filter_map(name_of).find(|name| name.starts_with(VOLUME_PREFIX));
    let volume = existing.clone().unwrap_or_else(|| format!("{VOLUME_PREFIX}{}", kernel.entropy.name_suffix()));
    let mut mounted = false;
    for list in ["/spec/initContainers", "/spec/containers"] {
        for container in pod.items_mut(list) {
            mounted |= mount_into(container, &volume);
        }
    }
    if mounted && existing.is_none() {
        let mut volumes = pod.items("/spec/volumes").to_vec();
        volumes.push(token_volume(&volume));
        pod.set("/spec/volumes", volumes);
    }
}

/// Mounts the volume unless something is mounted there already.
fn mount_into(container: &mut Value, volume: &str) -> bool {
    let Value::Object(fields) = container else { return false };
    let mounts = fields.entry("volumeMounts").or_insert_with(|| json!([]));
    let Value::Array(mounts) = mounts else { return false };
    if mounts.iter().any(|mount| mount.get("mountPath").and_then(Value::as_str) == Some(MOUNT_PATH)) {
        return false;
    }
    mounts.push(json!({"name": volume, "readOnly": true, "mountPath": MOUNT_PATH}));
    true
}

fn token_volume(name: &str) -> Value {
    json!({
        "name": name,
        "projected": {
            "defaultMode": 420,
            "sources": [
                {"serviceAccountToken": {"path": "token", "expirationSeconds": TOKEN_SECONDS}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [
                    {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}},
                ]}},
            ],
        },
    })
}
