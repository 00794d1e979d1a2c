//! What the server serves: one [`Resource`] per kind and API group, and how each kind behaves ([`Strategy`]).

mod certificates;
mod config;
mod events;
mod jobs;
mod leases;
mod namespaces;
mod nodes;
mod pods;
mod registry;
mod service_accounts;
mod services;
mod strategy;
mod volumes;

pub(crate) use pods::usable_grace;
pub(crate) use registry::{REGISTRY, find, find_kind};
pub(crate) use strategy::{Strategy, drop_empty, typed};

use crate::table::Printer;

/// One kind of object in one API group.
pub(crate) struct Resource {
    /// API group; empty for the core group.
    pub(crate) group: &'static str,
    /// The one version that is served, for example `v1`.
    pub(crate) version: &'static str,
    /// The name in URLs, for example `pods`.
    pub(crate) plural: &'static str,
    /// The name of one, for example `pod`.
    pub(crate) singular: &'static str,
    /// Names that kubectl accepts as well.
    pub(crate) short_names: &'static [&'static str],
    /// Names for several kinds at once: `kubectl get all`.
    pub(crate) categories: &'static [&'static str],
    /// The kind, for example `Pod`.
    pub(crate) kind: &'static str,
    /// Whether objects live in namespaces.
    pub(crate) namespaced: bool,
    /// Subresources served below an object.
    pub(crate) subresources: &'static [&'static str],
    /// Field selectors: label, JSON pointer, value when the field is absent.
    pub(crate) fields: &'static [(&'static str, &'static str, &'static str)],
    /// The name under which objects are stored. Events are one storage served by two groups.
    pub(crate) storage: &'static str,
    pub(crate) strategy: &'static dyn Strategy,
    /// How objects are shown to people.
    pub(crate) printer: &'static Printer,
}

impl Resource {
    /// `v1` or `group/version`.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `plural` or `plural.group`, as errors name it.
    pub(crate) fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// Whether this kind has the subresource.
    pub(crate) fn has_subresource(&self, name: &str) -> bool {
        self.subresources.contains(&name)
    }
}

impl std::fmt::Debug for Resource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.qualified())
    }
}

impl PartialEq for Resource {
    fn eq(&self, other: &Self) -> bool {
        self.group == other.group && self.plural == other.plural
    }
}
