//! The table of everything that is served.

use super::{
    Resource, certificates, config, events, jobs, leases, namespaces, nodes, pods, service_accounts, services, volumes,
};
use crate::table;

const NAME: (&str, &str, &str) = ("metadata.name", "/metadata/name", "");
const NAMESPACE: (&str, &str, &str) = ("metadata.namespace", "/metadata/namespace", "");

/// Every kind, in the order of discovery.
pub(crate) static REGISTRY: [Resource; 16] = [
    Resource {
        group: "",
        version: "v1",
        plural: "configmaps",
        singular: "configmap",
        short_names: &["cm"],
        kind: "ConfigMap",
        namespaced: true,
        subresources: &[],
        fields: &[NAME, NAMESPACE],
        storage: "configmaps",
        strategy: &config::ConfigMaps,
        printer: &table::CONFIG_MAPS,
    },
    Resource {
        group: "",
        version: "v1",
        plural: "endpoints",
        singular: "endpoints",
        short_names: &["ep"],
        kind: "Endpoints",
        namespaced: true,
        subresources: &[],
        fields: &[NAME, NAMESPACE],
        storage: "endpoints",
        strategy: &config::EndpointsStrategy,
        printer: &table::ENDPOINTS,
    },
    Resource {
        group: "",
        version: "v1",
        plural: "events",
        singular: "event",
        short_names: &["ev"],
        kind: "Event",
        namespaced: true,
        subresources: &[],
        fields: &[
            NAME,
            NAMESPACE,
            ("involvedObject.kind", "/involvedObject/kind", ""),
            ("involvedObject.namespace", "/involvedObject/namespace", ""),
            ("involvedObject.name", "/involvedObject/name", ""),
            ("involvedObject.uid", "/involvedObject/uid", ""),
            ("involvedObject.apiVersion", "/involvedObject/apiVersion", ""),
            ("involvedObject.resourceVersion", "/involvedObject/resourceVersion", ""),
            ("involvedObject.fieldPath", "/involvedObject/fieldPath", ""),
            ("reason", "/reason", ""),
            ("reportingComponent", "/reportingComponent", ""),
            ("source", "/source/component", ""),
            ("type", "/type", ""),
        ],
        storage: "events",
        strategy: &events::CoreEvents,
        printer: &table::EVENTS,
    },
    Resource {
        group: "",
        version: "v1",
        plural: "namespaces",
        singular: "namespace",
        short_names: &["ns"],
        kind: "Namespace",
        namespaced: false,
        subresources: &["status", "finalize"],
        fields: &[NAME, ("status.phase", "/status/phase", "")],
        storage: "namespaces",
        strategy: &namespaces::Namespaces,
        printer: &table::NAMESPACES,
    },
    Resource {
        group: "",
        version: "v1",
        plural: "nodes",
        singular: "node",
        short_names: &["no"],
        kind: "Node",
        namespaced: false,
        subresources: &["status"],
        fields: &[NAME, ("spec.unschedulable", "/spec/unschedulable", "false")],
        storage: "nodes",
        strategy: &nodes::Nodes,
        printer: &table::NODES,
    },
    Resource {
        group: "",
        version: "v1",
        plural: "persistentvolumeclaims",
        singular: "persistentvolumeclaim",
        short_names: &["pvc"],
        kind: "PersistentVolumeClaim",
        namespaced: true,
        subresources: &["status"],
        fields: &[NAME, NAMESPACE],
        storage: "persistentvolumeclaims",
        strategy: &volumes::Claims,
        printer: &table::CLAIMS,
    },
    Resource {
        group: "",
        version: "v1",
        plural: "persistentvolumes",
        singular: "persistentvolume",
        short_names: &["pv"],
        kind: "PersistentVolume",
        namespaced: false,
        subresources: &["status"],
        fields: &[NAME],
        storage: "persistentvolumes",
        strategy: &volumes::Volumes,
        printer: &table::VOLUMES,
    },
    Resource {
        group: "",
        version: "v1",
        plural: "pods",
        singular: "pod",
        short_names: &["po"],
        kind: "Pod",
        namespaced: true,
        subresources: &["status", "binding", "eviction", "ephemeralcontainers", "resize"],
        fields: &[
            NAME,
            NAMESPACE,
            ("spec.nodeName", "/spec/nodeName", ""),
            ("spec.restartPolicy", "/spec/restartPolicy", ""),
            ("spec.schedulerName", "/spec/schedulerName", ""),
            ("spec.serviceAccountName", "/spec/serviceAccountName", ""),
            ("spec.hostNetwork", "/spec/hostNetwork", "false"),
            ("status.phase", "/status/phase", ""),
            ("status.podIP", "/status/podIP", ""),
            ("status.nominatedNodeName", "/status/nominatedNodeName", ""),
        ],
        storage: "pods",
        strategy: &pods::Pods,
        printer: &table::PODS,
    },
    Resource {
        group: "",
        version: "v1",
        plural: "secrets",
        singular: "secret",
        short_names: &[],
        kind: "Secret",
        namespaced: true,
        subresources: &[],
        fields: &[NAME, NAMESPACE, ("type", "/type", "")],
        storage: "secrets",
        strategy: &config::Secrets,
        printer: &table::SECRETS,
    },
    Resource {
        group: "",
        version: "v1",
        plural: "serviceaccounts",
        singular: "serviceaccount",
        short_names: &["sa"],
        kind: "ServiceAccount",
        namespaced: true,
        subresources: &["token"],
        fields: &[NAME, NAMESPACE],
        storage: "serviceaccounts",
        strategy: &service_accounts::ServiceAccounts,
        printer: &table::SERVICE_ACCOUNTS,
    },
    Resource {
        group: "",
        version: "v1",
        plural: "services",
        singular: "service",
        short_names: &["svc"],
        kind: "Service",
        namespaced: true,
        subresources: &["status"],
        fields: &[NAME, NAMESPACE, ("spec.clusterIP", "/spec/clusterIP", ""), ("spec.type", "/spec/type", "")],
        storage: "services",
        strategy: &services::Services,
        printer: &table::SERVICES,
    },
    Resource {
        group: "batch",
        version: "v1",
        plural: "jobs",
        singular: "job",
        short_names: &[],
        kind: "Job",
        namespaced: true,
        subresources: &["status"],
        fields: &[NAME, NAMESPACE, ("status.successful", "/status/succeeded", "0")],
        storage: "jobs",
        strategy: &jobs::Jobs,
        printer: &table::JOBS,
    },
    Resource {
        group: "certificates.k8s.io",
        version: "v1",
        plural: "certificatesigningrequests",
        singular: "certificatesigningrequest",
        short_names: &["csr"],
        kind: "CertificateSigningRequest",
        namespaced: false,
        subresources: &["status", "approval"],
        fields: &[NAME, ("spec.signerName", "/spec/signerName", "")],
        storage: "certificatesigningrequests",
        strategy: &certificates::SigningRequests,
        printer: &table::SIGNING_REQUESTS,
    },
    Resource {
        group: "coordination.k8s.io",
        version: "v1",
        plural: "leases",
        singular: "lease",
        short_names: &[],
        kind: "Lease",
        namespaced: true,
        subresources: &[],
        fields: &[NAME, NAMESPACE],
        storage: "leases",
        strategy: &leases::Leases,
        printer: &table::LEASES,
    },
    Resource {
        group: "events.k8s.io",
        version: "v1",
        plural: "events",
        singular: "event",
        short_names: &["ev"],
        kind: "Event",
        namespaced: true,
        subresources: &[],
        fields: &[
            NAME,
            NAMESPACE,
            ("regarding.kind", "/involvedObject/kind", ""),
            ("regarding.namespace", "/involvedObject/namespace", ""),
            ("regarding.name", "/involvedObject/name", ""),
            ("regarding.uid", "/involvedObject/uid", ""),
            ("regarding.apiVersion", "/involvedObject/apiVersion", ""),
            ("regarding.resourceVersion", "/involvedObject/resourceVersion", ""),
            ("regarding.fieldPath", "/involvedObject/fieldPath", ""),
            ("reason", "/reason", ""),
            ("reportingController", "/reportingComponent", ""),
            ("type", "/type", ""),
        ],
        storage: "events",
        strategy: &events::GroupEvents,
        printer: &table::EVENTS,
    },
    Resource {
        group: "node.k8s.io",
        version: "v1",
        plural: "runtimeclasses",
        singular: "runtimeclass",
        short_names: &[],
        kind: "RuntimeClass",
        namespaced: false,
        subresources: &[],
        fields: &[NAME],
        storage: "runtimeclasses",
        strategy: &config::RuntimeClasses,
        printer: &table::RUNTIME_CLASSES,
    },
];

/// The resource with this plural in this group.
pub(crate) fn find(group: &str, plural: &str) -> Option<&'static Resource> {
    REGISTRY.iter().find(|resource| resource.group == group && resource.plural == plural)
}

/// The resource of this kind in this `apiVersion`.
pub(crate) fn find_kind(api_version: &str, kind: &str) -> Option<&'static Resource> {
    REGISTRY.iter().find(|resource| resource.kind == kind && resource.api_version() == api_version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_and_plural_stands_once() {
        let mut names: Vec<String> = REGISTRY.iter().map(Resource::qualified).collect();
        names.sort();
        let before = names.len();
        names.dedup();
        assert_eq!(names.len(), before);
    }

    #[test]
    fn events_of_both_groups_share_one_storage() {
        let storages: Vec<_> =
            ["", "events.k8s.io"].iter().map(|group| find(group, "events").unwrap().storage).collect();
        assert_eq!(storages, ["events", "events"]);
    }
}
