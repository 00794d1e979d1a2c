//! A pod as a provider receives it: exactly as the API server served it, plus everything it refers to, resolved.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::identity::{Handle, PodKey, PodUid};
use crate::observation::ContainerKind;
use crate::resolve::LateValue;

/// A pod's JSON as it was served, without `managedFields`.
///
/// Typed round trips drop fields that this build does not know, so what must survive is taken from here.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RawPod(Bytes);

impl RawPod {
    /// Wraps the JSON text of a pod.
    pub fn new(json: impl Into<Bytes>) -> Self {
        Self(json.into())
    }

    /// The JSON text.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// Decodes the whole pod: tens of microseconds and up to 100 KB of heap, so only where the whole is needed.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Invalid`] if this build cannot read it.
    pub fn decode(&self) -> Result<Pod> {
        serde_json::from_slice(&self.0).map_err(|error| Error::invalid("pod", error.to_string()))
    }
}

impl fmt::Debug for RawPod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawPod({} bytes)", self.0.len())
    }
}

/// A pod with its references resolved as far as the provider's [`Resolution`] asks for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ResolvedPod {
    /// The pod's identity.
    pub uid: PodUid,
    /// Its name for people.
    pub key: PodKey,
    /// The decoded pod.
    pub pod: Arc<Pod>,
    /// The pod as served.
    pub raw: RawPod,
    /// Environment of each container, in the order of the spec; empty unless resolved inline.
    pub containers: Vec<ResolvedContainer>,
    /// Content of each volume, in the order of the spec; empty unless resolved inline.
    pub volumes: Vec<ResolvedVolume>,
}

impl ResolvedPod {
    /// A pod of which nothing has been resolved.
    pub fn unresolved(uid: PodUid, key: PodKey, pod: Arc<Pod>, raw: RawPod) -> Self {
        Self { uid, key, pod, raw, containers: Vec::new(), volumes: Vec::new() }
    }
}

/// How a provider wants `env`, `envFrom` and file volumes resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Resolution {
    /// The core resolves everything before `create`, which waits for what is missing.
    Inline,
    /// The back end understands references itself.
    References,
    /// The provider asks for each container's references when it starts that container.
    AtStart,
}

/// A container's environment, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResolvedContainer {
    /// Name in the spec.
    pub name: String,
    /// The part it plays.
    pub kind: ContainerKind,
    /// Variables in the order in which the kubelet defines them.
    pub env: Vec<EnvVar>,
    /// `command` with `$(VAR)` expanded, which may have brought a Secret into it; empty means the image's own.
    pub command: Vec<EnvValue>,
    /// `args` with `$(VAR)` expanded, likewise.
    pub args: Vec<EnvValue>,
    /// Keys of `envFrom` (prefix included) that cannot name a variable and were left out, for an Event
    /// (`InvalidEnvironmentVariableNames`).
    pub skipped: Vec<String>,
}

impl ResolvedContainer {
    /// A container without environment or command.
    pub fn new(name: impl Into<String>, kind: ContainerKind) -> Self {
        Self { name: name.into(), kind, env: Vec::new(), command: Vec::new(), args: Vec::new(), skipped: Vec::new() }
    }
}

/// One environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvVar {
    /// Its name.
    pub name: String,
    /// Its value and where that came from.
    pub value: EnvValue,
}

/// The value of an environment variable, or of a word of the command line, with its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnvValue {
    /// Written in the pod, or derived from the pod, the node or Services.
    Literal(String),
    /// From a ConfigMap.
    ConfigMap(String),
    /// From a Secret, or expanded from one: never logged.
    Secret(SecretString),
    /// Known only once the pod has an address, with whatever else it is made of.
    Late(LateValue),
}

impl EnvValue {
    /// The value, or `None` while it is not known yet.
    pub fn reveal(&self) -> Option<&str> {
        match self {
            Self::Literal(value) | Self::ConfigMap(value) => Some(value),
            Self::Secret(secret) => Some(secret.reveal()),
            Self::Late(_) => None,
        }
    }
}

/// A string that does not show in logs.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SecretString(Arc<str>);

impl SecretString {
    /// Hides the string.
    pub fn new(value: impl Into<Arc<str>>) -> Self {
        Self(value.into())
    }

    /// The string itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A volume with what it holds.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ResolvedVolume {
    /// Name in the spec.
    pub name: String,
    /// Its content or kind.
    pub source: VolumeSource,
}

impl ResolvedVolume {
    /// A volume of this name.
    pub fn new(name: impl Into<String>, source: VolumeSource) -> Self {
        Self { name: name.into(), source }
    }
}

/// What a volume is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum VolumeSource {
    /// Files from ConfigMaps, Secrets, the downward API or tokens.
    Files(FileTree),
    /// An empty directory that lives as long as the pod.
    EmptyDir {
        /// Kept in memory (`medium: Memory`).
        memory: bool,
        /// Upper bound in bytes.
        size_limit: Option<u64>,
    },
    /// A path of the host.
    HostPath {
        /// Absolute path.
        path: String,
        /// `spec.volumes[].hostPath.type`; empty means no check.
        kind: String,
    },
    /// A claim with the volume it is bound to.
    Claim {
        /// The claim.
        claim: Box<PersistentVolumeClaim>,
        /// The volume.
        volume: Box<PersistentVolume>,
    },
    /// Any other kind, as it stands in the spec.
    Other(serde_json::Value),
}

/// Files of one volume, by path relative to the volume's root.
///
/// The kubelet makes them visible all at once and swaps the whole tree when content changes; so should whoever writes
/// them.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct FileTree {
    /// Path (validated: relative, no `..`, none of them below another) to file.
    pub files: BTreeMap<String, File>,
    /// `spec.securityContext.fsGroup`: the group that owns every file and directory, which it may read. The files' modes
    /// say so already.
    pub group: Option<u32>,
}

/// One file of a [`FileTree`].
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// Its bytes.
    pub content: Bytes,
    /// Permission bits.
    pub mode: u32,
    /// The user that owns it; `None` means root. A token belongs to the one user that the pod's containers run as.
    pub user: Option<u32>,
}

impl fmt::Debug for FileTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes = self.files.iter().map(|(path, file)| (path, file.content.len()));
        f.debug_map().entries(sizes).finish()
    }
}

/// Which pod a call is about.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Target {
    /// The pod's identity.
    pub uid: PodUid,
    /// Its name for people.
    pub key: PodKey,
    /// What the back end asked to be given back.
    pub handle: Option<Handle>,
    /// The newest version seen in the API; `None` for a pod that this agent has never seen there.
    pub last_known: Option<RawPod>,
}

impl Target {
    /// A pod of which nothing but its names is known.
    pub fn new(uid: PodUid, key: PodKey) -> Self {
        Self { uid, key, handle: None, last_known: None }
    }

    /// The same, with a handle.
    #[must_use]
    pub fn with_handle(mut self, handle: Option<Handle>) -> Self {
        self.handle = handle;
        self
    }

    /// The same, with the newest version seen.
    #[must_use]
    pub fn with_last_known(mut self, pod: Option<RawPod>) -> Self {
        self.last_known = pod;
        self
    }
}
