//! [`Reference`]: something outside of a pod that the pod needs, and the answer to it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};

use super::data::{ConfigMapData, SecretData, ServiceFacts};
use super::error::ResolveError;
use crate::resolved::SecretString;

/// Something that a pod refers to, in its own namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reference {
    /// A ConfigMap by name.
    ConfigMap(String),
    /// A Secret by name.
    Secret(String),
    /// Every Service of the pod's namespace and `default/kubernetes`: what service variables need.
    Services,
    /// A PersistentVolumeClaim by name, with the volume bound to it.
    Claim(String),
    /// A token of the pod's service account.
    Token(TokenRequest),
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConfigMap(name) => write!(f, "configmap {name:?}"),
            Self::Secret(name) => write!(f, "secret {name:?}"),
            Self::Services => f.write_str("services"),
            Self::Claim(name) => write!(f, "persistentvolumeclaim {name:?}"),
            Self::Token(request) if request.audience.is_empty() => f.write_str("service account token"),
            Self::Token(request) => write!(f, "service account token for audience {:?}", request.audience),
        }
    }
}

/// A bound token that a pod's volume asks for (KEP-1205).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenRequest {
    /// Audience; empty means the API server's own.
    pub audience: String,
    /// Wanted lifetime in seconds, passed on verbatim: the server gives 3607 a special meaning.
    pub expiration_seconds: i64,
}

/// Answer to a [`Reference`] that exists.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Data {
    /// A ConfigMap.
    ConfigMap(Arc<ConfigMapData>),
    /// A Secret.
    Secret(Arc<SecretData>),
    /// Services, in order of name.
    Services(Arc<Vec<ServiceFacts>>),
    /// A claim and its volume.
    Claim {
        /// The claim.
        claim: Arc<PersistentVolumeClaim>,
        /// The volume.
        volume: Arc<PersistentVolume>,
    },
    /// A token.
    Token {
        /// The token itself.
        token: SecretString,
        /// When it ends.
        expires_at: Timestamp,
    },
}

/// The answers to a pod's references, as far as they have been gathered.
///
/// A reference that was never asked about is neither found nor absent (invariant 2): resolving it is an error that says
/// so.
#[derive(Debug, Clone, Default)]
pub struct ReferenceData {
    answers: BTreeMap<Reference, Option<Data>>,
}

impl ReferenceData {
    /// Records an answer: `None` claims that the object does not exist.
    pub fn insert(&mut self, reference: Reference, answer: Option<Data>) {
        self.answers.insert(reference, answer);
    }

    /// The answer, or `None` if it has not been gathered.
    pub fn get(&self, reference: &Reference) -> Option<Option<&Data>> {
        self.answers.get(reference).map(Option::as_ref)
    }

    /// The object, which has to exist.
    pub(super) fn require(&self, reference: &Reference) -> Result<&Data, ResolveError> {
        self.find(reference)?.ok_or_else(|| ResolveError::NotFound { reference: reference.clone() })
    }

    /// The ConfigMap; `None` if it does not exist and need not.
    pub(super) fn config_map(
        &self,
        reference: &Reference,
        optional: Option<bool>,
    ) -> Result<Option<&ConfigMapData>, ResolveError> {
        match self.find_unless(optional, reference)? {
            None => Ok(None),
            Some(Data::ConfigMap(object)) => Ok(Some(object)),
            Some(_) => Err(ResolveError::NotRead { reference: reference.clone() }),
        }
    }

    /// The Secret; `None` if it does not exist and need not.
    pub(super) fn secret(
        &self,
        reference: &Reference,
        optional: Option<bool>,
    ) -> Result<Option<&SecretData>, ResolveError> {
        match self.find_unless(optional, reference)? {
            None => Ok(None),
            Some(Data::Secret(object)) => Ok(Some(object)),
            Some(_) => Err(ResolveError::NotRead { reference: reference.clone() }),
        }
    }

    fn find_unless(&self, optional: Option<bool>, reference: &Reference) -> Result<Option<&Data>, ResolveError> {
        if optional == Some(true) { self.find(reference) } else { self.require(reference).map(Some) }
    }

    fn find(&self, reference: &Reference) -> Result<Option<&Data>, ResolveError> {
        self.get(reference).ok_or_else(|| ResolveError::NotRead { reference: reference.clone() })
    }
}

impl FromIterator<(Reference, Option<Data>)> for ReferenceData {
    fn from_iter<I: IntoIterator<Item = (Reference, Option<Data>)>>(answers: I) -> Self {
        Self { answers: answers.into_iter().collect() }
    }
}

impl Extend<(Reference, Option<Data>)> for ReferenceData {
    fn extend<I: IntoIterator<Item = (Reference, Option<Data>)>>(&mut self, answers: I) {
        self.answers.extend(answers);
    }
}
