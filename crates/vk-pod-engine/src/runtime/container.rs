//! [`ContainerSpec`]: one run of a container, with everything resolved.

use std::fmt;
use std::path::PathBuf;

use super::identity::ContainerIdentity;

/// A run of a container to be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContainerSpec {
    /// Whose.
    pub identity: ContainerIdentity,
    /// [`super::Image::id`].
    pub image_id: String,
    /// The image as the pod names it, for people.
    pub image: String,
    /// Replaces the image's entry point; empty means the image's own.
    pub command: Vec<String>,
    /// Replaces the image's command; with `command` set, empty means no arguments.
    pub args: Vec<String>,
    /// In order; a later one of the same name wins.
    pub env: Vec<EnvironmentVariable>,
    /// `None` means the image's own.
    pub working_dir: Option<String>,
    /// In order of the spec.
    pub mounts: Vec<Mount>,
    /// Limits and shares.
    pub resources: Resources,
    /// What it may do.
    pub security: Security,
    /// Terminal and input.
    pub streams: Streams,
    /// `lifecycle.stopSignal`; `None` means the image's own.
    pub stop_signal: Option<String>,
    /// `terminationMessagePolicy: FallbackToLogsOnError`; to be given back by `list`.
    pub message_from_log: bool,
}

impl ContainerSpec {
    /// The image's own command, with nothing mounted and nothing limited.
    pub fn new(identity: ContainerIdentity, image: impl Into<String>, image_id: impl Into<String>) -> Self {
        Self {
            identity,
            image_id: image_id.into(),
            image: image.into(),
            command: Vec::new(),
            args: Vec::new(),
            env: Vec::new(),
            working_dir: None,
            mounts: Vec::new(),
            resources: Resources::default(),
            security: Security::default(),
            streams: Streams::default(),
            stop_signal: None,
            message_from_log: false,
        }
    }
}

/// A variable whose value does not show in logs: it may come from a Secret.
#[derive(Clone, PartialEq, Eq)]
pub struct EnvironmentVariable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl fmt::Debug for EnvironmentVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=…", self.name)
    }
}

/// A file or directory of the host, made visible in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Absolute path on the runtime's host.
    pub source: PathBuf,
    /// Absolute path in the container.
    pub target: String,
    /// Whether writes are refused.
    pub read_only: bool,
}

/// What a container may use. `None` means no bound.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resources {
    /// Processor time: billionths of one processor.
    pub cpu_limit_nanos: Option<u64>,
    /// Weight against other containers; 1024 for each whole processor requested.
    pub cpu_shares: Option<u64>,
    /// Bytes of memory, without any swap on top.
    pub memory_limit: Option<u64>,
}

/// `securityContext` of pod and container, merged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Security {
    /// Who runs it; `None` means the image's own user.
    pub run_as: Option<RunAs>,
    /// Further groups, `fsGroup` among them.
    pub supplemental_groups: Vec<i64>,
    /// Linux capabilities to add, without `CAP_`.
    pub add_capabilities: Vec<String>,
    /// Linux capabilities to drop, without `CAP_`; may be `ALL`.
    pub drop_capabilities: Vec<String>,
    /// Refuse writes to the image's own files.
    pub read_only_root: bool,
    /// Refuse to gain privileges through set-user-id programs.
    pub no_new_privileges: bool,
    /// All capabilities and devices.
    pub privileged: bool,
}

/// A user, and perhaps a group, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunAs {
    /// User id; `None` keeps the image's.
    pub user: Option<i64>,
    /// Group id; `None` means the user's own.
    pub group: Option<i64>,
}

/// Terminal and input of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Streams {
    /// Allocate a terminal.
    pub tty: bool,
    /// Keep the standard input open.
    pub stdin: bool,
    /// Close it after the first client.
    pub stdin_once: bool,
}
