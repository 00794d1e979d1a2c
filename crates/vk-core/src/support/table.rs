//! [`SupportTable`]: a provider's declaration.

use std::collections::BTreeMap;

use serde_json::Value;

use super::catalogue::{self, FieldGroup};

/// The fields of a pod that a provider honours.
///
/// A rule is a path as Kubernetes writes it, from `spec` on, with `[]` for every entry of a list, `.*` for every key of a
/// map, `['key']` for one of them, and a closing `.**` for all that lies below:
///
/// ```
/// use vk_core::support::{FieldGroup, SupportTable, TokenVolume};
///
/// let table = SupportTable::minimal()
///     .with_group(FieldGroup::Environment)
///     .honour("spec.containers[].workingDir")
///     .honour_values("spec.restartPolicy", ["Never"])
///     .honour_below("spec.volumes[].hostPath.path", ["/srv"])
///     .with_init_containers()
///     .with_token_volume(TokenVolume::Omit);
/// assert_eq!(table.problems(), Vec::<String>::new());
/// ```
///
/// Without `.**`, a rule covers the fields that this build knows, so that one which a later Kubernetes adds is not honoured
/// by accident. Rules for `spec.containers[]` hold for init and ephemeral containers too, once these are honoured at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SupportTable {
    pub(super) rules: BTreeMap<String, Values>,
    /// By pattern: what can be done about a field that is not honoured.
    pub(super) advice: BTreeMap<String, String>,
    pub(super) init_containers: bool,
    pub(super) sidecars: bool,
    pub(super) ephemeral_containers: bool,
    pub(super) token_volume: TokenVolume,
}

/// Which values of a field are honoured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Values {
    /// All of them.
    Any,
    /// Only these.
    OneOf(Vec<Value>),
    /// Only absolute paths that are one of these directories or lie in one; `..` never does.
    Below(Vec<String>),
}

/// What becomes of the `kube-api-access-*` volume that admission adds to nearly every pod, and of its mounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum TokenVolume {
    /// The provider gives containers its files.
    Honour,
    /// Containers run without it, and nobody is told.
    Omit,
    /// A pod that has it is unsupported; its author sets `automountServiceAccountToken: false`.
    #[default]
    Refuse,
}

impl SupportTable {
    /// Nothing but what the core and the control plane take care of.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Names, images, commands, literal environment and declared ports: what every back end can do.
    pub fn minimal() -> Self {
        Self::empty().with_group(FieldGroup::Basics)
    }

    /// Every field, those of later Kubernetes versions too: for back ends that are Kubernetes themselves.
    pub fn everything() -> Self {
        Self::empty()
            .honour("spec.**")
            .with_init_containers()
            .with_sidecars()
            .with_ephemeral_containers()
            .with_token_volume(TokenVolume::Honour)
    }

    /// The same, honouring every field of the group.
    #[must_use]
    pub fn with_group(mut self, group: FieldGroup) -> Self {
        for field in catalogue::fields().filter(|field| field.group == group && field.is_request()) {
            self.rules.insert(field.path.clone(), Values::Any);
        }
        self
    }

    /// The same, honouring every field of these groups.
    #[must_use]
    pub fn with_groups(self, groups: impl IntoIterator<Item = FieldGroup>) -> Self {
        groups.into_iter().fold(self, Self::with_group)
    }

    /// The same, honouring a field whatever its value; if it has fields of its own, all those that this build knows.
    #[must_use]
    pub fn honour(mut self, pattern: &str) -> Self {
        for field in catalogue::fields().filter(|field| field.is_request()) {
            if catalogue::is_below(&field.path, pattern) {
                self.rules.insert(field.path.clone(), Values::Any);
            }
        }
        if catalogue::is_part(pattern) { self } else { self.rule(pattern, Values::Any) }
    }

    /// The same, honouring one field with these values only; the API's default is always honoured.
    #[must_use]
    pub fn honour_values<V: Into<Value>>(self, pattern: &str, values: impl IntoIterator<Item = V>) -> Self {
        self.rule(pattern, Values::OneOf(values.into_iter().map(Into::into).collect()))
    }

    /// The same, honouring a field that holds a path, if it lies in one of these directories.
    #[must_use]
    pub fn honour_below<S: Into<String>>(self, pattern: &str, directories: impl IntoIterator<Item = S>) -> Self {
        self.rule(pattern, Values::Below(directories.into_iter().map(Into::into).collect()))
    }

    /// The same, without the rules for this field and for all that lies below it.
    #[must_use]
    pub fn without(mut self, pattern: &str) -> Self {
        self.rules.retain(|rule, _| rule != pattern && !catalogue::is_below(rule, pattern));
        self
    }

    /// The same, with advice that ends the message about this field when it is not honoured, such as the provider's setting
    /// that would change that.
    #[must_use]
    pub fn advise(mut self, pattern: &str, advice: impl Into<String>) -> Self {
        self.advice.insert(pattern.to_owned(), advice.into());
        self
    }

    /// The same, with init containers that run one after the other, to their end.
    #[must_use]
    pub fn with_init_containers(mut self) -> Self {
        self.init_containers = true;
        self
    }

    /// The same, with init containers that have `restartPolicy: Always` (KEP-753).
    #[must_use]
    pub fn with_sidecars(mut self) -> Self {
        self.sidecars = true;
        self
    }

    /// The same, with ephemeral containers.
    #[must_use]
    pub fn with_ephemeral_containers(mut self) -> Self {
        self.ephemeral_containers = true;
        self
    }

    /// Whether ephemeral containers are honoured.
    pub fn has_ephemeral_containers(&self) -> bool {
        self.ephemeral_containers
    }

    /// The same, with this policy for the injected token volume.
    #[must_use]
    pub fn with_token_volume(mut self, policy: TokenVolume) -> Self {
        self.token_volume = policy;
        self
    }

    /// What becomes of the injected token volume.
    pub fn token_volume(&self) -> TokenVolume {
        self.token_volume
    }

    /// What is wrong with the table itself: patterns that name no field of a pod. For a test of the provider.
    pub fn problems(&self) -> Vec<String> {
        let misnamed = |pattern: &&String| !catalogue::names_a_field(pattern);
        self.rules
            .keys()
            .chain(self.advice.keys())
            .filter(misnamed)
            .map(|pattern| format!("{pattern} is not a field of a pod"))
            .collect()
    }

    fn rule(mut self, pattern: &str, values: Values) -> Self {
        self.rules.insert(pattern.to_owned(), values);
        self
    }
}

#[cfg(test)]
mod tests;
