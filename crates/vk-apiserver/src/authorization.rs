//! Who may do what: the node authorizer for kubelets, rules for everybody else.

mod attributes;
mod node;
mod node_graph;
mod references;
mod rules;

use std::collections::BTreeMap;

pub(crate) use attributes::Attributes;
pub(crate) use node_graph::NodeGraph;
pub use rules::PolicyRule;

use crate::identity::Identity;

/// What an authorizer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Allow,
    /// Nobody allowed it; the reason for people, empty if there is none.
    Deny(String),
}

/// The authorizers of a server, asked in the order `Node,RBAC`.
#[derive(Debug)]
pub(crate) struct Authorizer {
    pub(crate) graph: NodeGraph,
    /// Rules by user name or group.
    grants: BTreeMap<String, Vec<PolicyRule>>,
}

impl Authorizer {
    pub(crate) fn new(graph: NodeGraph) -> Self {
        let mut grants = BTreeMap::new();
        grants.insert("system:masters".to_owned(), vec![PolicyRule::everything()]);
        grants.insert("system:authenticated".to_owned(), rules::for_everybody());
        grants.insert("system:unauthenticated".to_owned(), rules::for_strangers());
        Self { graph, grants }
    }

    /// Adds rules to a user or a group.
    pub(crate) fn grant(&mut self, subject: String, rules: Vec<PolicyRule>) {
        self.grants.entry(subject).or_default().extend(rules);
    }

    /// Takes all rules from a user or a group.
    pub(crate) fn revoke(&mut self, subject: &str) {
        self.grants.remove(subject);
    }

    /// Every rule that was granted to somebody, alone or as a member of a group. What the node authorizer allows beyond
    /// that is no matter of rules.
    pub(crate) fn rules<'rules>(&'rules self, identity: &'rules Identity) -> impl Iterator<Item = &'rules PolicyRule> {
        let subjects = std::iter::once(&identity.user).chain(&identity.groups);
        subjects.filter_map(|subject| self.grants.get(subject)).flatten()
    }

    /// Decides about one request.
    pub(crate) fn decide(&self, identity: &Identity, attributes: &Attributes) -> Decision {
        let granted = self.rules(identity).any(|rule| rule.allows(attributes));
        match identity.node_name() {
            _ if granted => Decision::Allow,
            Some(node) => node::decide(&self.graph, node, attributes),
            None => Decision::Deny(String::new()),
        }
    }
}
