//! What every cluster has from the start.

use serde_json::{Value, json};

use super::Kernel;
use crate::clock::{Now, rfc3339_seconds};
use crate::object::Object;

const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

impl Kernel {
    /// Makes the system namespaces and the Service `default/kubernetes`, whose UID names the cluster.
    pub(super) fn bootstrap(&mut self, now: Now) {
        for name in NAMESPACES {
            let namespace = json!({
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
                "spec": {"finalizers": ["kubernetes"]},
                "status": {"phase": "Active"},
            });
            self.insert_system_object("namespaces", namespace, now);
        }
        let service = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {
                "name": "kubernetes", "namespace": "default",
                "labels": {"component": "apiserver", "provider": "kubernetes"},
            },
            "spec": {
                "clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1"], "type": "ClusterIP",
                "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
                "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
                "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}],
            },
            "status": {"loadBalancer": {}},
        });
        self.insert_system_object("services", service, now);
        let endpoints = json!({
            "apiVersion": "v1", "kind": "Endpoints",
            "metadata": {
                "name": "kubernetes", "namespace": "default",
                "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"},
            },
            "subsets": [{"addresses": [{"ip": "192.0.2.1"}], "ports": [{"name": "https", "port": 6443, "protocol": "TCP"}]}],
        });
        self.insert_system_object("endpoints", endpoints, now);
    }

    /// Stores an object of the server's own making, with UID and creation time.
    pub(crate) fn insert_system_object(&mut self, storage: &'static str, value: Value, now: Now) {
        if let Ok(mut object) = Object::from_value(value) {
            object.set("/metadata/uid", self.entropy.uid());
            object.set("/metadata/creationTimestamp", rfc3339_seconds(now.wall));
            self.put(storage, object, now);
        }
    }
}
