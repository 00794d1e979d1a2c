//! [`NodeName`]: a name that the API server will accept, for the Node and for its `kubernetes.io/hostname` label.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Name of a Node: a DNS-1123 subdomain of at most [`NodeName::MAX_BYTES`] bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeName(Arc<str>);

/// Why a string is no [`NodeName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid node name {name:?}: {problem}; use lower-case letters, digits, '-' and '.', beginning and ending with a \
     letter or digit"
)]
pub struct InvalidNodeName {
    /// The string.
    pub name: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl NodeName {
    /// The API allows a Node 253 bytes, but its name is also the value of a label, which has at most 63.
    pub const MAX_BYTES: usize = 63;

    /// Checks the name.
    ///
    /// # Errors
    /// If the API server would refuse it.
    pub fn parse(name: &str) -> Result<Self, InvalidNodeName> {
        match problem(name) {
            None => Ok(Self(name.into())),
            Some(problem) => Err(InvalidNodeName { name: name.to_owned(), problem }),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn problem(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("it is empty");
    }
    if name.len() > NodeName::MAX_BYTES {
        return Some("it is longer than 63 bytes");
    }
    if name.split('.').any(|label| label.is_empty() || label.starts_with('-') || label.ends_with('-')) {
        return Some("a part of it is empty, or begins or ends with '-'");
    }
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    (!name.bytes().all(allowed)).then_some("it contains another character than the allowed ones")
}

impl TryFrom<String> for NodeName {
    type Error = InvalidNodeName;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::parse(&name)
    }
}

impl From<NodeName> for String {
    fn from(name: NodeName) -> Self {
        name.as_str().to_owned()
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_api_server_accepts_is_accepted() {
        for name in ["a", "virtual-kubelet", "ip-10-0-0-1.eu-west-1.compute.internal", "0"] {
            assert_eq!(NodeName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn what_it_refuses_is_refused_with_the_reason() {
        let too_long = "a".repeat(64);
        for name in ["", "Node", "a_b", "-a", "a-", "a..b", "a.-b", ".a", "a b", "ä", too_long.as_str()] {
            let error = NodeName::parse(name).unwrap_err();
            assert!(error.to_string().contains(&format!("{name:?}")), "{error}");
        }
    }
}
