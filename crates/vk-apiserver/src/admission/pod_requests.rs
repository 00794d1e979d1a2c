//! Fields of a new pod that other objects decide: Priority and RuntimeClass.

use crate::api_error::ApiError;
use crate::kernel::{Call, Kernel};
use crate::object::Object;

/// Classes that every cluster has, and what they stand for.
const SYSTEM_CLASSES: [(&str, i64); 2] =
    [("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)];

pub(super) fn admit(kernel: &Kernel, call: &Call<'_>, pod: &mut Object) -> Result<(), ApiError> {
    let refuse = |why: String| Err(ApiError::forbidden(call.resource, pod.name(), &why));
    let class = pod.text("/spec/priorityClassName");
    let computed = match SYSTEM_CLASSES.iter().find(|(name, _)| *name == class) {
        Some((_, priority)) => *priority,
        None if class.is_empty() => 0,
        None => return refuse(format!("no PriorityClass with name {class} was found")),
    };
    if let Some(given) = pod.integer("/spec/priority").filter(|given| *given != computed) {
        return refuse(format!(
            "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller computed {computed} from the given PriorityClass name"
        ));
    }
    let preemption = pod.text("/spec/preemptionPolicy");
    if !matches!(preemption, "" | "PreemptLowerPriority") {
        return refuse(format!(
            "the string value of PreemptionPolicy ({preemption}) must not be provided in pod spec; priority admission controller computed PreemptLowerPriority from the given PriorityClass name"
        ));
    }
    let runtime = pod.text("/spec/runtimeClassName");
    if !runtime.is_empty() && kernel.storage.find("runtimeclasses", "", runtime).is_none() {
        return refuse(format!("pod rejected: RuntimeClass {runtime:?} not found"));
    }
    if runtime.is_empty() && pod.at("/spec/overhead").is_some() {
        return refuse("pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead".into());
    }
    pod.set("/spec/priority", computed);
    Ok(())
}
