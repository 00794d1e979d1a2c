//! The Lease object: what we read of it and what we write into it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::coordination::v1::Lease;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::node::name::NodeName;

/// Where node leases live.
pub const NAMESPACE: &str = "kube-node-lease";

/// The annotation that names the instance which renews the lease. Empty: the last one has ended and left the lease free.
pub const INSTANCE_ANNOTATION: &str = "virtual-kubelet.io/instance";

/// The annotation that says on which host that instance runs.
pub const HOST_ANNOTATION: &str = "virtual-kubelet.io/host";

/// Who we are, as far as the lease is concerned.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LeaseHolder {
    /// The node: the lease's name, and its `holderIdentity` as kubelets write it.
    pub node: NodeName,
    /// Names this agent across restarts, and no other. Not empty.
    pub instance: String,
    /// Where it runs; for messages.
    pub host: String,
}

/// A Lease as the API server shows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct ObservedLease {
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// The value of [`INSTANCE_ANNOTATION`].
    pub instance: Option<String>,
    /// The value of [`HOST_ANNOTATION`].
    pub host: Option<String>,
    /// `spec.holderIdentity`; empty if there is none.
    pub holder: String,
    /// `spec.renewTime`.
    pub renew_time: Option<Timestamp>,
    /// `spec.leaseDurationSeconds`.
    pub duration_seconds: Option<i32>,
    /// UIDs in `metadata.ownerReferences`.
    pub owners: Vec<String>,
}

impl From<Lease> for ObservedLease {
    fn from(lease: Lease) -> Self {
        let mut annotations = lease.metadata.annotations.unwrap_or_default();
        let spec = lease.spec.unwrap_or_default();
        Self {
            resource_version: lease.metadata.resource_version.unwrap_or_default(),
            instance: annotations.remove(INSTANCE_ANNOTATION),
            host: annotations.remove(HOST_ANNOTATION),
            holder: spec.holder_identity.unwrap_or_default(),
            renew_time: spec.renew_time.map(|time| time.0),
            duration_seconds: spec.lease_duration_seconds,
            owners: lease.metadata.owner_references.unwrap_or_default().into_iter().map(|owner| owner.uid).collect(),
        }
    }
}

/// What a lease of ours says.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeaseContent<'a> {
    pub holder: &'a LeaseHolder,
    pub duration: Duration,
    pub node_uid: Option<&'a str>,
    pub renew_time: Timestamp,
}

impl LeaseContent<'_> {
    /// The whole Lease, for its create.
    pub(super) fn to_create(self) -> Value {
        let mut metadata = json!({
            "name": self.holder.node,
            "namespace": NAMESPACE,
            "annotations": { INSTANCE_ANNOTATION: self.holder.instance, HOST_ANNOTATION: self.holder.host },
        });
        if let Some(uid) = self.node_uid {
            metadata["ownerReferences"] = self.owner(uid);
        }
        json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": {
                "holderIdentity": self.holder.node,
                "leaseDurationSeconds": self.duration.as_secs(),
                "renewTime": micro_time(self.renew_time),
            },
        })
    }

    /// The JSON merge patch (RFC 7386) that renews the lease as found, and puts right what differs. Its resource version
    /// makes it fail if anyone else has written in between.
    pub(super) fn to_patch(self, found: &ObservedLease) -> Value {
        let mut metadata = Map::new();
        metadata.insert("resourceVersion".to_owned(), json!(found.resource_version));
        let named = (Some(&self.holder.instance), Some(&self.holder.host));
        if named != (found.instance.as_ref(), found.host.as_ref()) {
            let annotations = json!({ INSTANCE_ANNOTATION: self.holder.instance, HOST_ANNOTATION: self.holder.host });
            metadata.insert("annotations".to_owned(), annotations);
        }
        if let Some(uid) = self.node_uid.filter(|uid| found.owners != [*uid]) {
            metadata.insert("ownerReferences".to_owned(), self.owner(uid));
        }
        let mut spec = json!({ "renewTime": micro_time(self.renew_time) });
        if found.holder != self.holder.node.as_str() {
            spec["holderIdentity"] = json!(self.holder.node);
        }
        let seconds = self.duration.as_secs();
        if found.duration_seconds.map(i64::from) != i64::try_from(seconds).ok() {
            spec["leaseDurationSeconds"] = json!(seconds);
        }
        json!({ "metadata": metadata, "spec": spec })
    }

    /// With the Node goes the lease; with another Node of the same name comes another owner.
    fn owner(self, uid: &str) -> Value {
        json!([{ "apiVersion": "v1", "kind": "Node", "name": self.holder.node, "uid": uid }])
    }
}

/// The merge patch by which an agent that ends leaves the lease to whoever comes next, without making the node look dead.
pub(super) fn release_patch(found: &ObservedLease) -> Value {
    json!({
        "metadata": { "resourceVersion": found.resource_version, "annotations": { INSTANCE_ANNOTATION: "" } },
    })
}

/// The time to write: now, but always later than what was written before, whatever the wall clock does. The control plane
/// takes a lease for renewed only if its time has grown.
pub(super) fn next_renew_time(wall: Timestamp, before: Option<Timestamp>) -> Timestamp {
    let wall = Timestamp::from_microsecond(wall.as_microsecond()).unwrap_or(wall);
    let floor = before.and_then(|before| before.checked_add(SignedDuration::from_micros(1)).ok());
    floor.map_or(wall, |floor| wall.max(floor))
}

/// `metav1.MicroTime`: RFC 3339 in UTC with exactly six digits of fraction.
fn micro_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn holder() -> LeaseHolder {
        LeaseHolder { node: NodeName::parse("vk").unwrap(), instance: "3f1c".to_owned(), host: "host-1".to_owned() }
    }

    fn content(holder: &LeaseHolder) -> LeaseContent<'_> {
        LeaseContent {
            holder,
            duration: Duration::from_secs(40),
            node_uid: Some("uid-1"),
            renew_time: "2026-11-22T14:00:00.5Z".parse().unwrap(),
        }
    }

    fn found() -> ObservedLease {
        ObservedLease {
            resource_version: "7".to_owned(),
            instance: Some("3f1c".to_owned()),
            host: Some("host-1".to_owned()),
            holder: "vk".to_owned(),
            renew_time: None,
            duration_seconds: Some(40),
            owners: vec!["uid-1".to_owned()],
        }
    }

    #[test]
    fn a_renewal_writes_the_time_and_nothing_else() {
        let patch = content(&holder()).to_patch(&found());
        expect![[r#"{"metadata":{"resourceVersion":"7"},"spec":{"renewTime":"2026-11-22T14:00:00.500000Z"}}"#]]
            .assert_eq(&patch.to_string());
    }

    #[test]
    fn what_differs_is_put_right() {
        let stranger = ObservedLease { resource_version: "9".to_owned(), ..ObservedLease::default() };
        let patch = content(&holder()).to_patch(&stranger);
        assert_eq!(patch["metadata"]["annotations"][INSTANCE_ANNOTATION], "3f1c");
        assert_eq!(patch["metadata"]["ownerReferences"][0]["uid"], "uid-1");
        assert_eq!(patch["spec"]["holderIdentity"], "vk");
        assert_eq!(patch["spec"]["leaseDurationSeconds"], 40);
    }

    #[test]
    fn a_created_lease_is_read_back_as_written() {
        let created: Lease = serde_json::from_value(content(&holder()).to_create()).unwrap();
        let observed = ObservedLease::from(created);
        let expected = ObservedLease {
            resource_version: String::new(),
            renew_time: Some("2026-11-22T14:00:00.5Z".parse().unwrap()),
            ..found()
        };
        assert_eq!(observed, expected);
    }

    #[test]
    fn the_renew_time_grows_even_when_the_clock_is_set_back() {
        let before: Timestamp = "2026-11-22T15:00:00Z".parse().unwrap();
        let wall: Timestamp = "2026-11-22T14:00:00Z".parse().unwrap();
        assert!(next_renew_time(wall, Some(before)) > before);
        assert_eq!(next_renew_time(before, Some(wall)), before);
        assert_eq!(next_renew_time(wall, None), wall);
    }
}
