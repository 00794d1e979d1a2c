//! Who sends a request.

/// A user as an authenticator established it: the name, the groups, and for a ServiceAccount the UID.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// The user name, for example `system:node:virtual-1`.
    pub user: String,
    /// The groups, `system:authenticated` among them.
    pub groups: Vec<String>,
    /// The UID, empty where the authenticator knows none.
    pub uid: String,
}

impl Identity {
    /// A member of `system:masters`: every request is allowed.
    #[must_use]
    pub fn admin() -> Self {
        Self::user("kubernetes-admin").with_group("system:masters")
    }

    /// A user without any group but `system:authenticated`.
    #[must_use]
    pub fn user(name: impl Into<String>) -> Self {
        Self { user: name.into(), groups: vec!["system:authenticated".into()], uid: String::new() }
    }

    /// A client that showed no credentials.
    #[must_use]
    pub fn anonymous() -> Self {
        Self { user: "system:anonymous".into(), groups: vec!["system:unauthenticated".into()], uid: String::new() }
    }

    /// The kubelet of a node, as the node authorizer and NodeRestriction know it.
    #[must_use]
    pub fn node(name: &str) -> Self {
        Self::user(format!("system:node:{name}")).with_group("system:nodes")
    }

    /// A ServiceAccount. What it may do is granted with [`crate::ApiServer::grant`].
    #[must_use]
    pub fn service_account(namespace: &str, name: &str) -> Self {
        Self::user(format!("system:serviceaccount:{namespace}:{name}"))
            .with_group("system:serviceaccounts")
            .with_group(format!("system:serviceaccounts:{namespace}"))
    }

    /// The same user with one more group.
    #[must_use]
    pub fn with_group(mut self, group: impl Into<String>) -> Self {
        self.groups.push(group.into());
        self
    }

    /// Whether the user is a member of `group`.
    #[must_use]
    pub fn is_member_of(&self, group: &str) -> bool {
        self.groups.iter().any(|own| own == group)
    }

    /// The node's name if this is a kubelet: user `system:node:NAME` in group `system:nodes`.
    #[must_use]
    pub fn node_name(&self) -> Option<&str> {
        self.user.strip_prefix("system:node:").filter(|name| !name.is_empty() && self.is_member_of("system:nodes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_needs_both_the_user_name_and_the_group() {
        assert_eq!(Identity::node("n1").node_name(), Some("n1"));
        assert_eq!(Identity::user("system:node:n1").node_name(), None);
        assert_eq!(Identity::user("n1").with_group("system:nodes").node_name(), None);
    }
}
