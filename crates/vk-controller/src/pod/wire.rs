//! A pod as it comes over the wire, made compact at once.

use std::borrow::Cow;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use vk_core::PodUid;
use vk_core::record::{self, PodSnapshot, WireMeta};

/// What a watch of pods decodes: `metadata` in a slim form, `spec` and `status` as raw JSON.
///
/// A pod that cannot be read is kept as the reason why, so that one odd object does not stop the watch.
#[derive(Debug, Clone)]
pub(super) struct WirePod {
    metadata: ObjectMeta,
    pub(super) snapshot: Result<PodSnapshot, String>,
}

impl WirePod {
    /// Which pod it is, whether or not the rest can be read.
    pub(super) fn uid(&self) -> Option<PodUid> {
        self.metadata.uid.as_deref().map(PodUid::from)
    }
}

impl<'de> Deserialize<'de> for WirePod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Parts {
            metadata: WireMeta,
            spec: Option<Box<RawValue>>,
            status: Option<Box<RawValue>>,
        }
        let parts = Parts::deserialize(deserializer)?;
        let metadata = ObjectMeta {
            name: parts.metadata.name.clone(),
            namespace: parts.metadata.namespace.clone(),
            uid: parts.metadata.uid.clone(),
            resource_version: parts.metadata.resource_version.clone(),
            ..ObjectMeta::default()
        };
        let snapshot = match parts.spec {
            Some(spec) => {
                record::decode(parts.metadata, &spec, parts.status.as_deref()).map_err(|error| error.to_string())
            }
            None => Err("the pod has no spec".to_owned()),
        };
        Ok(Self { metadata, snapshot })
    }
}

impl Resource for WirePod {
    type DynamicType = ();
    type Scope = <Pod as Resource>::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        Pod::kind(&())
    }
    fn group((): &()) -> Cow<'_, str> {
        Pod::group(&())
    }
    fn version((): &()) -> Cow<'_, str> {
        Pod::version(&())
    }
    fn plural((): &()) -> Cow<'_, str> {
        Pod::plural(&())
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_event_is_decoded_without_decoding_the_pod() {
        let json = r#"{"type":"ADDED","object":{"metadata":{"name":"a","namespace":"b","uid":"c","resourceVersion":"9",
            "managedFields":[{"manager":"x"}]},"spec":{"containers":[{"name":"app"}]}}}"#;
        let event: kube::api::WatchEvent<WirePod> = serde_json::from_str(json).unwrap();
        let kube::api::WatchEvent::Added(pod) = event else { panic!("it was added") };
        assert_eq!(pod.meta().resource_version.as_deref(), Some("9"));
        assert_eq!(pod.snapshot.unwrap().facts.containers[0].name, "app");
    }

    #[test]
    fn an_odd_pod_does_not_stop_the_watch() {
        let pod: WirePod = serde_json::from_str(r#"{"metadata":{"name":"a"},"spec":{"containers":7}}"#).unwrap();
        assert!(pod.snapshot.is_err());
    }
}
