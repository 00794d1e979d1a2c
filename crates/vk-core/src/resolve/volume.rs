//! [`resolve_volume`]: what a volume of a pod is, or holds.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bytes::Bytes;
use k8s_openapi::api::core::v1::{
    DownwardAPIVolumeFile, EmptyDirVolumeSource, KeyToPath, PersistentVolumeClaim, Pod, Volume, VolumeProjection,
};

use super::data::NodeFacts;
use super::error::ResolveError;
use super::files::FileTreeBuilder;
use super::reference::{Data, Reference, ReferenceData};
use super::references::{claim_name, token_request};
use super::{field, resource};
use crate::quantity::Quantity;
use crate::resolved::{FileTree, ResolvedVolume, VolumeSource};

/// The pod's volume of this name: its files, or its kind.
///
/// Tokens are files like others; ask again when one has been refreshed.
///
/// # Errors
/// What is missing or wrong, by the first such reference.
pub fn resolve_volume(
    pod: &Pod,
    name: &str,
    data: &ReferenceData,
    node: &NodeFacts,
) -> Result<ResolvedVolume, ResolveError> {
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
    let found = volumes.iter().enumerate().find(|(_, volume)| volume.name == name);
    let missing = || ResolveError::invalid("spec.volumes", format!("there is no volume {name:?}"));
    let (index, volume) = found.ok_or_else(missing)?;
    let resolver = Resolver { pod, data, node };
    Ok(ResolvedVolume::new(name, resolver.source(volume, &format!("spec.volumes[{index}]"))?))
}

struct Resolver<'a> {
    pod: &'a Pod,
    data: &'a ReferenceData,
    node: &'a NodeFacts,
}

impl Resolver<'_> {
    fn source(&self, volume: &Volume, path: &str) -> Result<VolumeSource, ResolveError> {
        if let Some(files) = self.files(volume, path)? {
            return Ok(VolumeSource::Files(files));
        }
        if let Some(source) = &volume.host_path {
            let kind = source.type_.clone().unwrap_or_default();
            return Ok(VolumeSource::HostPath { path: source.path.clone(), kind });
        }
        if let Some(claim) = claim_name(self.pod, volume) {
            return self.claim(volume, claim, path);
        }
        match &volume.empty_dir {
            Some(source) if matches!(source.medium.as_deref(), None | Some("" | "Memory")) => empty_dir(source, path),
            _ => other(volume, path),
        }
    }

    fn files(&self, volume: &Volume, path: &str) -> Result<Option<FileTree>, ResolveError> {
        if let Some(source) = &volume.config_map {
            let path = format!("{path}.configMap");
            let mut tree = FileTreeBuilder::new(self.pod, source.default_mode, &path)?;
            self.add_config_map(&mut tree, &source.name, source.items.as_deref(), source.optional, &path)?;
            return tree.finish(&path).map(Some);
        }
        if let Some(source) = &volume.secret {
            let path = format!("{path}.secret");
            let mut tree = FileTreeBuilder::new(self.pod, source.default_mode, &path)?;
            let name = source.secret_name.as_deref().unwrap_or_default();
            self.add_secret(&mut tree, name, source.items.as_deref(), source.optional, &path)?;
            return tree.finish(&path).map(Some);
        }
        if let Some(source) = &volume.downward_api {
            let path = format!("{path}.downwardAPI");
            let mut tree = FileTreeBuilder::new(self.pod, source.default_mode, &path)?;
            self.add_downward_api(&mut tree, source.items.as_deref(), &path)?;
            return tree.finish(&path).map(Some);
        }
        if let Some(projected) = &volume.projected {
            let path = format!("{path}.projected");
            let mut tree = FileTreeBuilder::new(self.pod, projected.default_mode, &path)?;
            for (index, source) in projected.sources.iter().flatten().enumerate() {
                self.add_projection(&mut tree, source, &format!("{path}.sources[{index}]"))?;
            }
            return tree.finish(&path).map(Some);
        }
        Ok(None)
    }

    fn add_projection(
        &self,
        tree: &mut FileTreeBuilder,
        source: &VolumeProjection,
        path: &str,
    ) -> Result<(), ResolveError> {
        if let Some(from) = &source.config_map {
            let path = format!("{path}.configMap");
            self.add_config_map(tree, &from.name, from.items.as_deref(), from.optional, &path)
        } else if let Some(from) = &source.secret {
            self.add_secret(tree, &from.name, from.items.as_deref(), from.optional, &format!("{path}.secret"))
        } else if let Some(from) = &source.downward_api {
            self.add_downward_api(tree, from.items.as_deref(), &format!("{path}.downwardAPI"))
        } else if let (Some(request), Some(from)) = (token_request(source), &source.service_account_token) {
            let reference = Reference::Token(request);
            let Data::Token { token, .. } = self.data.require(&reference)? else {
                return Err(ResolveError::NotRead { reference });
            };
            let token = Bytes::copy_from_slice(token.reveal().as_bytes());
            tree.add_token(&from.path, token, &format!("{path}.serviceAccountToken.path"))
        } else {
            let kind = if source.cluster_trust_bundle.is_some() { ".clusterTrustBundle" } else { "" };
            let known = "only configMap, secret, downwardAPI and serviceAccountToken can be projected";
            Err(ResolveError::unsupported(format!("{path}{kind}"), known))
        }
    }

    fn add_config_map(
        &self,
        tree: &mut FileTreeBuilder,
        name: &str,
        items: Option<&[KeyToPath]>,
        optional: Option<bool>,
        path: &str,
    ) -> Result<(), ResolveError> {
        let reference = Reference::ConfigMap(name.to_owned());
        let Some(object) = self.data.config_map(&reference, optional)? else { return Ok(()) };
        let text = |key: &str| object.text.get(key).map(|text| Bytes::copy_from_slice(text.as_bytes()));
        let content = |key: &str| text(key).or_else(|| object.binary.get(key).cloned());
        let names = object.text.keys().chain(object.binary.keys());
        let missing = tree.add_keys(content, names, items.unwrap_or_default(), path)?;
        require_keys(&missing, optional, reference)
    }

    fn add_secret(
        &self,
        tree: &mut FileTreeBuilder,
        name: &str,
        items: Option<&[KeyToPath]>,
        optional: Option<bool>,
        path: &str,
    ) -> Result<(), ResolveError> {
        let reference = Reference::Secret(name.to_owned());
        let Some(object) = self.data.secret(&reference, optional)? else { return Ok(()) };
        let content = |key: &str| object.values.get(key).cloned();
        let missing = tree.add_keys(content, object.values.keys(), items.unwrap_or_default(), path)?;
        require_keys(&missing, optional, reference)
    }

    fn add_downward_api(
        &self,
        tree: &mut FileTreeBuilder,
        items: Option<&[DownwardAPIVolumeFile]>,
        path: &str,
    ) -> Result<(), ResolveError> {
        for (index, item) in items.unwrap_or_default().iter().enumerate() {
            let path = format!("{path}.items[{index}]");
            let text = if let Some(selector) = &item.field_ref {
                field::file(selector, &format!("{path}.fieldRef"), self.pod)?
            } else if let Some(selector) = &item.resource_field_ref {
                resource::file(selector, &format!("{path}.resourceFieldRef"), self.pod, self.node)?
            } else {
                return Err(ResolveError::unsupported(path, "neither fieldRef nor resourceFieldRef"));
            };
            tree.add(&item.path, text.into(), item.mode, &path)?;
        }
        Ok(())
    }

    fn claim(&self, volume: &Volume, name: String, path: &str) -> Result<VolumeSource, ResolveError> {
        let reference = Reference::Claim(name);
        let Data::Claim { claim, volume: bound } = self.data.require(&reference)? else {
            return Err(ResolveError::NotRead { reference });
        };
        if volume.ephemeral.is_some() && !is_owned_by(claim, self.pod) {
            let message = format!("{reference} exists but was not made for this pod; delete it or rename the pod");
            return Err(ResolveError::unfit(format!("{path}.ephemeral"), message));
        }
        Ok(VolumeSource::Claim { claim: Box::new((**claim).clone()), volume: Box::new((**bound).clone()) })
    }
}

fn require_keys(missing: &[&str], optional: Option<bool>, reference: Reference) -> Result<(), ResolveError> {
    match missing.first() {
        Some(key) if optional != Some(true) => Err(ResolveError::KeyNotFound { reference, key: (*key).to_owned() }),
        _ => Ok(()),
    }
}

fn is_owned_by(claim: &PersistentVolumeClaim, pod: &Pod) -> bool {
    let mut owners = claim.metadata.owner_references.iter().flatten();
    owners.any(|owner| owner.controller == Some(true) && Some(&owner.uid) == pod.metadata.uid.as_ref())
}

fn empty_dir(source: &EmptyDirVolumeSource, path: &str) -> Result<VolumeSource, ResolveError> {
    let limit = source.size_limit.as_ref().map(Quantity::try_from).transpose();
    let limit =
        limit.map_err(|error| ResolveError::invalid(format!("{path}.emptyDir.sizeLimit"), error.to_string()))?;
    Ok(VolumeSource::EmptyDir {
        memory: source.medium.as_deref() == Some("Memory"),
        // Zero means no limit, as for the kubelet.
        size_limit: limit.and_then(|limit| u64::try_from(limit.value()).ok()).filter(|limit| *limit > 0),
    })
}

/// A volume that names no kind is an `emptyDir`, as the API server would have filled in.
fn other(volume: &Volume, path: &str) -> Result<VolumeSource, ResolveError> {
    let json = serde_json::to_value(volume).map_err(|error| ResolveError::invalid(path, error.to_string()))?;
    let mut kinds: BTreeMap<String, serde_json::Value> = match json {
        serde_json::Value::Object(fields) => fields.into_iter().collect(),
        _ => BTreeMap::new(),
    };
    kinds.remove("name");
    if kinds.is_empty() {
        return Ok(VolumeSource::EmptyDir { memory: false, size_limit: None });
    }
    Ok(VolumeSource::Other(kinds.into_iter().collect()))
}
