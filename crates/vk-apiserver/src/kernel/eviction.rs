//! `pods/NAME/eviction`, for a cluster without PodDisruptionBudgets.

use http::StatusCode;
use serde_json::json;

use super::{Call, Kernel, Reply};
use crate::admission;
use crate::api_error::ApiError;
use crate::clock::{Now, rfc3339_seconds};
use crate::object::Object;
use crate::request::DeleteOptions;

impl Kernel {
    pub(super) fn evict(&mut self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let eviction = call.json_body("Eviction", "policy/v1")?;
        if eviction.name() != call.path.name {
            return Err(ApiError::bad_request("name in URL does not match name in Eviction object"));
        }
        admission::admit_create_below(self, call, &eviction)?;
        let options = match eviction.at("/deleteOptions") {
            Some(options) => serde_json::from_value(options.clone())
                .map_err(|error| ApiError::bad_request(format!("deleteOptions: {error}")))?,
            None => DeleteOptions::default(),
        };
        if self.storage.get("pods", &call.key()).is_none() {
            return Err(ApiError::not_found(call.resource, &call.path.name));
        }
        if !call.request.query.is_dry_run() && !options.is_dry_run() {
            self.mark_disrupted(call, &options);
        }
        let pod = self
            .storage
            .get("pods", &call.key())
            .cloned()
            .ok_or_else(|| ApiError::not_found(call.resource, &call.path.name))?;
        self.delete_object(call.resource, &pod, &options, call.now)?;
        let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
        Ok(Reply::json(StatusCode::CREATED, &status))
    }

    /// The pod gets the condition that tells why it ends.
    fn mark_disrupted(&mut self, call: &Call<'_>, options: &DeleteOptions) {
        let Some(pod) = self.storage.get("pods", &call.key()) else { return };
        let wanted = options.preconditions.as_ref().and_then(|wanted| wanted.uid.as_deref());
        if wanted.is_none_or(|uid| uid == pod.uid()) {
            let mut pod = Object::clone(pod);
            disrupt(&mut pod, "EvictionByEvictionAPI", "Eviction API: evicting", call.now);
            self.put("pods", pod, call.now);
        }
    }
}

/// Adds the condition `DisruptionTarget`.
pub(crate) fn disrupt(pod: &mut Object, reason: &str, message: &str, now: Now) {
    let mut conditions = pod.items("/status/conditions").to_vec();
    conditions.retain(|own| own.get("type").and_then(serde_json::Value::as_str) != Some("DisruptionTarget"));
    conditions.push(json!({
        "type": "DisruptionTarget", "status": "True", "reason": reason, "message": message,
        "lastProbeTime": null, "lastTransitionTime": rfc3339_seconds(now.wall),
    }));
    pod.set("/status/conditions", conditions);
}
