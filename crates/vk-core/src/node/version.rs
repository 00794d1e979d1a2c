//! `status.nodeInfo.kubeletVersion`: the Kubernetes version whose kubelet we behave like, and our own.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The Kubernetes release whose kubelet this agent behaves like.
pub const KUBERNETES_VERSION: &str = "1.36.0";

/// A version as in `v1.36.0-vk-0.1.0`: what `kubectl get nodes` prints, and what schedulers and upgrade tools parse as a
/// semantic version (semver.org 2.0.0). The form is that of the Go project.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KubeletVersion {
    text: String,
    product: String,
}

/// A version that Kubernetes tools could not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid version {part:?}: {expected}")]
pub struct InvalidVersion {
    /// The offending part.
    pub part: String,
    /// What it should look like.
    pub expected: &'static str,
}

impl KubeletVersion {
    /// This build: the Kubernetes release that it behaves like, and its own version.
    pub fn of_this_build() -> Self {
        let product = env!("CARGO_PKG_VERSION");
        Self { text: format!("v{KUBERNETES_VERSION}-vk-{product}"), product: product.to_owned() }
    }

    /// Joins the Kubernetes version (`1.37.0`) and the version of this product (`0.1.0`).
    ///
    /// # Errors
    /// If the result would not parse as a semantic version.
    pub fn new(kubernetes: &str, product: &str) -> Result<Self, InvalidVersion> {
        let numbers: Vec<&str> = kubernetes.split('.').collect();
        if numbers.len() != 3 || !numbers.iter().all(|number| is_number(number)) {
            return Err(InvalidVersion {
                part: kubernetes.to_owned(),
                expected: "three numbers joined by dots, as in 1.37.0",
            });
        }
        if product.is_empty() || !format!("vk-{product}").split('.').all(is_prerelease_identifier) {
            return Err(InvalidVersion {
                part: product.to_owned(),
                expected: "letters, digits and '-' joined by dots, without leading zeros, as in 0.1.0",
            });
        }
        Ok(Self { text: format!("v{kubernetes}-vk-{product}"), product: product.to_owned() })
    }

    /// The whole version.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The version of this product alone.
    pub fn product(&self) -> &str {
        &self.product
    }
}

impl fmt::Display for KubeletVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'))
}

fn is_prerelease_identifier(text: &str) -> bool {
    let numeric = text.bytes().all(|byte| byte.is_ascii_digit());
    let allowed = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    !text.is_empty() && allowed && (!numeric || is_number(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_builds_version_is_a_valid_one() {
        let checked = KubeletVersion::new(KUBERNETES_VERSION, env!("CARGO_PKG_VERSION"));
        assert_eq!(checked, Ok(KubeletVersion::of_this_build()));
    }

    #[test]
    fn the_version_has_the_form_of_the_go_project() {
        let version = KubeletVersion::new(KUBERNETES_VERSION, "0.1.0-rc.1").unwrap();
        assert_eq!(version.as_str(), "v1.36.0-vk-0.1.0-rc.1");
        assert_eq!(version.product(), "0.1.0-rc.1");
    }

    #[test]
    fn what_is_no_semantic_version_is_refused() {
        for kubernetes in ["1.37", "v1.37.0", "1.37.00", "1.37.x", ""] {
            assert!(KubeletVersion::new(kubernetes, "0.1.0").is_err(), "{kubernetes}");
        }
        for product in ["0.01.0", "0.1+x", "0..1", ""] {
            assert!(KubeletVersion::new("1.37.0", product).is_err(), "{product}");
        }
    }
}
