//! Names of things. A pod is its UID; namespace and name are for people and for API paths (invariant 1).

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Makes a type of its own out of a string that names something: cheap to clone, ordered, and as a plain string in JSON. The
/// crate that uses it depends on serde.
#[macro_export]
macro_rules! string_identity {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(::std::sync::Arc<str>);

        impl $name {
            /// Wraps the string as it is.
            pub fn new(value: impl Into<::std::sync::Arc<str>>) -> Self {
                Self(value.into())
            }

            /// The string as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl From<&str> for $name {
            fn from(value: &str) -> Self {
                Self(value.into())
            }
        }

        impl From<String> for $name {
            fn from(value: String) -> Self {
                Self(value.into())
            }
        }
    };
}

string_identity! {
    /// `metadata.uid` of a pod: the only identity that maps, queues, provider calls and API preconditions use.
    PodUid
}

string_identity! {
    /// The cluster that a back-end object belongs to; part of every owner label. Defaults to the UID of the Service
    /// `default/kubernetes`, which lives as long as the cluster does.
    ClusterId
}

string_identity! {
    /// One incarnation of a back end's memory (an engine id, a database id). Absence proves nothing when it comes from
    /// another incarnation than the one that accepted the pod (invariant 3).
    BackendInstance
}

/// Namespace and name of a pod: enough for an API path or a message, never for identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PodKey {
    /// `metadata.namespace`.
    pub namespace: Arc<str>,
    /// `metadata.name`.
    pub name: Arc<str>,
}

impl PodKey {
    /// Joins the two parts.
    pub fn new(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for PodKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// What a back end wants to be given back with each call about a pod, for example a job id.
///
/// The core keeps it in a pod annotation. People can edit pods, so a handle is a hint: the back-end object itself must
/// carry the UID.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Handle(Arc<[u8]>);

/// A handle longer than [`Handle::MAX_BYTES`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a handle has at most {max} bytes, this one has {0}: keep a reference, not the state itself", max = Handle::MAX_BYTES)]
pub struct HandleTooLong(pub usize);

impl Handle {
    /// Upper bound of a handle's length in bytes; all annotations of an object share 256 KiB.
    pub const MAX_BYTES: usize = 4096;

    /// Wraps the bytes, at most [`Self::MAX_BYTES`] of them.
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Result<Self, HandleTooLong> {
        let bytes = bytes.into();
        if bytes.len() > Self::MAX_BYTES { Err(HandleTooLong(bytes.len())) } else { Ok(Self(bytes)) }
    }

    /// The bytes as the back end gave them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_bounded() {
        assert!(Handle::new(vec![0; Handle::MAX_BYTES]).is_ok());
        assert_eq!(Handle::new(vec![0; Handle::MAX_BYTES + 1]), Err(HandleTooLong(Handle::MAX_BYTES + 1)));
    }

    #[test]
    fn a_key_reads_as_kubectl_prints_it() {
        assert_eq!(PodKey::new("default", "web-0").to_string(), "default/web-0");
    }
}
