//! The `default` ServiceAccount and the ConfigMap `kube-root-ca.crt` of each namespace.

use serde_json::json;

use crate::clock::Now;
use crate::kernel::Kernel;

/// Stands where a cluster's CA certificate would.
const ROOT_CA: &str = "-----BEGIN CERTIFICATE-----\nin-process\n-----END CERTIFICATE-----\n";

pub(super) fn act(kernel: &mut Kernel, now: Now) {
    let names: Vec<String> = kernel
        .storage
        .collection("namespaces")
        .objects(None)
        .filter(|namespace| namespace.deletion_timestamp().is_none())
        .map(|namespace| namespace.name().to_owned())
        .collect();
    for namespace in names {
        if kernel.storage.find("serviceaccounts", &namespace, "default").is_none() {
            let account = json!({
                "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": namespace},
            });
            kernel.insert_system_object("serviceaccounts", account, now);
        }
        if kernel.storage.find("configmaps", &namespace, "kube-root-ca.crt").is_none() {
            let config = json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "kube-root-ca.crt", "namespace": namespace}, "data": {"ca.crt": ROOT_CA},
            });
            kernel.insert_system_object("configmaps", config, now);
        }
    }
}
