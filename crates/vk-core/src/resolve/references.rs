//! [`references`]: what has to be gathered before a pod can be resolved.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, Volume, VolumeProjection};

use super::container::{ContainerSpec, containers};
use super::reference::{Reference, TokenRequest};

/// Lifetime of a token whose volume names none: the API server's default.
const DEFAULT_TOKEN_SECONDS: i64 = 3600;

/// Everything that a pod refers to, and what for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodReferences {
    uses: Vec<ReferenceUse>,
}

/// One place in a pod that refers to something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReferenceUse {
    /// The place.
    pub user: ReferenceUser,
    /// What it refers to.
    pub reference: Reference,
    /// Whether the place can do without.
    pub necessity: Necessity,
}

/// A part of a pod that refers to something.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReferenceUser {
    /// A container of any kind, by name: its environment.
    Container(String),
    /// A volume, by name. No container of the pod starts before all volumes are there.
    Volume(String),
    /// The images of all containers: `imagePullSecrets`.
    ImagePull,
}

/// Whether a pod can do without what it refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Necessity {
    /// It can: `optional: true`, or an image pull secret.
    Optional,
    /// It waits until it is there.
    Required,
}

impl PodReferences {
    /// All uses, in the order of the spec: containers, volumes, image pull secrets.
    pub fn uses(&self) -> &[ReferenceUse] {
        &self.uses
    }

    /// Each reference once; required if one of its uses requires it.
    pub fn all(&self) -> BTreeMap<&Reference, Necessity> {
        let mut all = BTreeMap::new();
        for used in &self.uses {
            let necessity = all.entry(&used.reference).or_insert(used.necessity);
            *necessity = used.necessity.max(*necessity);
        }
        all
    }

    /// What one part of the pod refers to.
    pub fn of<'a>(&'a self, user: &'a ReferenceUser) -> impl Iterator<Item = &'a ReferenceUse> {
        self.uses.iter().filter(move |used| used.user == *user)
    }

    fn add(&mut self, user: &ReferenceUser, reference: Reference, necessity: Necessity) {
        let used = ReferenceUse { user: user.clone(), reference, necessity };
        if !self.uses.contains(&used) {
            self.uses.push(used);
        }
    }
}

impl Necessity {
    fn of_optional(optional: Option<bool>) -> Self {
        if optional == Some(true) { Self::Optional } else { Self::Required }
    }
}

/// Everything that the pod refers to for environment, file volumes, claims and image pulls.
///
/// Secrets that only a volume's driver reads (`azureFile.secretName` and the like) are left to the back end.
pub fn references(pod: &Pod) -> PodReferences {
    let mut references = PodReferences::default();
    for container in containers(pod) {
        of_container(&container, &mut references);
    }
    let Some(spec) = &pod.spec else { return references };
    for volume in spec.volumes.iter().flatten() {
        of_volume(pod, volume, &mut references);
    }
    for secret in spec.image_pull_secrets.iter().flatten().filter(|secret| !secret.name.is_empty()) {
        references.add(&ReferenceUser::ImagePull, Reference::Secret(secret.name.clone()), Necessity::Optional);
    }
    references
}

fn of_container(container: &ContainerSpec<'_>, references: &mut PodReferences) {
    let user = ReferenceUser::Container(container.name.to_owned());
    // `default/kubernetes` is wanted even where `enableServiceLinks` is false.
    references.add(&user, Reference::Services, Necessity::Required);
    for source in container.env_from {
        if let Some(from) = &source.config_map_ref {
            references.add(&user, Reference::ConfigMap(from.name.clone()), Necessity::of_optional(from.optional));
        } else if let Some(from) = &source.secret_ref {
            references.add(&user, Reference::Secret(from.name.clone()), Necessity::of_optional(from.optional));
        }
    }
    for variable in container.env.iter().filter(|variable| variable.value.as_deref().unwrap_or_default().is_empty()) {
        let Some(source) = &variable.value_from else { continue };
        if let Some(from) = &source.config_map_key_ref {
            references.add(&user, Reference::ConfigMap(from.name.clone()), Necessity::of_optional(from.optional));
        } else if let Some(from) = &source.secret_key_ref {
            references.add(&user, Reference::Secret(from.name.clone()), Necessity::of_optional(from.optional));
        }
    }
}

fn of_volume(pod: &Pod, volume: &Volume, references: &mut PodReferences) {
    let user = ReferenceUser::Volume(volume.name.clone());
    if let Some(source) = &volume.config_map {
        references.add(&user, Reference::ConfigMap(source.name.clone()), Necessity::of_optional(source.optional));
    } else if let Some(source) = &volume.secret {
        let name = source.secret_name.clone().unwrap_or_default();
        references.add(&user, Reference::Secret(name), Necessity::of_optional(source.optional));
    } else if let Some(projected) = &volume.projected {
        for source in projected.sources.iter().flatten() {
            of_projection(source, &user, references);
        }
    } else if let Some(claim) = claim_name(pod, volume) {
        references.add(&user, Reference::Claim(claim), Necessity::Required);
    }
}

fn of_projection(source: &VolumeProjection, user: &ReferenceUser, references: &mut PodReferences) {
    if let Some(from) = &source.config_map {
        references.add(user, Reference::ConfigMap(from.name.clone()), Necessity::of_optional(from.optional));
    } else if let Some(from) = &source.secret {
        references.add(user, Reference::Secret(from.name.clone()), Necessity::of_optional(from.optional));
    } else if let Some(request) = token_request(source) {
        references.add(user, Reference::Token(request), Necessity::Required);
    }
}

/// The token that a projected source asks for.
pub(super) fn token_request(source: &VolumeProjection) -> Option<TokenRequest> {
    let token = source.service_account_token.as_ref()?;
    Some(TokenRequest {
        audience: token.audience.clone().unwrap_or_default(),
        expiration_seconds: token.expiration_seconds.unwrap_or(DEFAULT_TOKEN_SECONDS),
    })
}

/// The claim behind a volume; that of an `ephemeral` volume is named after pod and volume.
pub(super) fn claim_name(pod: &Pod, volume: &Volume) -> Option<String> {
    if volume.ephemeral.is_some() {
        let pod_name = pod.metadata.name.as_deref().unwrap_or_default();
        return Some(format!("{pod_name}-{}", volume.name));
    }
    volume.persistent_volume_claim.as_ref().map(|source| source.claim_name.clone())
}
