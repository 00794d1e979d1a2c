//! Whether an admitted pod may be created: the support table, its references, the provider's own admission.

use std::sync::Arc;

use vk_core::admission;
use vk_core::record::PodSnapshot;
use vk_core::resolve::{LateFields, ReferenceData, references, resolve_pod};
use vk_core::resolved::{Resolution, ResolvedPod};
use vk_core::support::{TokenVolume, UnsupportedField, omit_token_volume};
use vk_core::{BackendEvent, Error, EventType, Result};
use vk_provider::{BoxProvider, PodContext, Provider};

/// What becomes of a pod that asks for what the provider does not honour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnsupportedFields {
    /// It stays Pending, and an Event names the field.
    #[default]
    Strict,
    /// It runs without, and an Event names the field.
    Warn,
}

/// Checks the support table, resolves, and asks the provider. `resolved` is the pod with nothing resolved.
pub(super) async fn prepare(
    provider: &BoxProvider,
    unsupported: UnsupportedFields,
    pod: &PodSnapshot,
    mut resolved: ResolvedPod,
    context: &PodContext,
) -> Result<Arc<ResolvedPod>> {
    check_support(provider, unsupported, pod, context)?;
    if provider.describe().support.token_volume() == TokenVolume::Omit {
        resolved.pod = Arc::new(omit_token_volume(Arc::unwrap_or_clone(resolved.pod)));
    }
    if provider.describe().resolution == Resolution::Inline {
        let data = gather(&resolved, context).await?;
        resolved = resolve_pod(resolved, &data, &context.node, &LateFields::default())?;
    }
    provider.admit(&resolved).await.map_err(admission::worded)?;
    Ok(Arc::new(resolved))
}

/// The pod with nothing resolved.
pub(super) fn decode(pod: &PodSnapshot) -> Result<ResolvedPod> {
    let decoded = Arc::new(pod.raw.decode()?);
    Ok(ResolvedPod::unresolved(pod.uid.clone(), pod.key.clone(), decoded, pod.raw.clone()))
}

fn check_support(
    provider: &BoxProvider,
    unsupported: UnsupportedFields,
    pod: &PodSnapshot,
    context: &PodContext,
) -> Result<()> {
    let json = serde_json::from_slice(pod.raw.as_bytes()).map_err(|error| Error::invalid("pod", error.to_string()))?;
    let fields = provider.describe().support.check(&json);
    let Some(first) = fields.first() else { return Ok(()) };
    if unsupported == UnsupportedFields::Strict {
        return Err(Error::unsupported(first.path.clone(), sentence(provider, &fields)));
    }
    context.events.record(BackendEvent {
        kind: EventType::Warning,
        reason: "UnsupportedField".to_owned(),
        message: sentence(provider, &fields),
        container: None,
    });
    Ok(())
}

fn sentence(provider: &BoxProvider, fields: &[UnsupportedField]) -> String {
    let list: Vec<String> = fields.iter().map(|field| format!("{} ({})", field.path, field.message)).collect();
    format!("provider {} does not honour {}", provider.describe().name, list.join("; "))
}

async fn gather(resolved: &ResolvedPod, context: &PodContext) -> Result<ReferenceData> {
    let mut data = ReferenceData::default();
    for reference in references(&resolved.pod).all().into_keys() {
        let answer = context.cluster.get(reference.clone()).await?;
        data.insert(reference.clone(), answer);
    }
    Ok(data)
}
