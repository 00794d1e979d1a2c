//! Linux capabilities (capabilities(7)) that containers may add. Some of them amount to root on the host.

use crate::config::DockerConfig;

/// What Docker gives every container: whoever adds one of these has it already.
const GIVEN: [&str; 14] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// The others that Linux has.
const FURTHER: [&str; 27] = [
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "DAC_READ_SEARCH",
    "IPC_LOCK",
    "IPC_OWNER",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "NET_ADMIN",
    "NET_BROADCAST",
    "PERFMON",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
];

/// All of them at once.
const ALL: &str = "ALL";

/// Whether this is the name of a capability, or `ALL`.
pub(crate) fn is_known(name: &str) -> bool {
    name == ALL || GIVEN.contains(&name) || FURTHER.contains(&name)
}

/// What the configuration lets containers add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AllowedCapabilities {
    /// Whatever there is.
    Any,
    /// These, without `CAP_`, in order.
    Only(Vec<String>),
}

impl AllowedCapabilities {
    /// A privileged container has all capabilities anyway.
    pub(crate) fn of(config: &DockerConfig) -> Self {
        if config.allow_privileged || config.allowed_capabilities.iter().any(|name| name == ALL) {
            return Self::Any;
        }
        let given = GIVEN.iter().map(|name| (*name).to_owned());
        let mut names: Vec<String> = given.chain(config.allowed_capabilities.iter().cloned()).collect();
        names.sort();
        names.dedup();
        Self::Only(names)
    }

    /// Whether a container may add this one, as Docker reads its name: in any case, with `CAP_` or without.
    pub(crate) fn permit(&self, name: &str) -> bool {
        let name = name.to_ascii_uppercase();
        let plain = name.strip_prefix("CAP_").unwrap_or(&name);
        match self {
            Self::Any => true,
            Self::Only(names) => names.iter().any(|allowed| allowed == plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowing(names: &[&str]) -> AllowedCapabilities {
        let allowed_capabilities = names.iter().map(|name| (*name).to_owned()).collect();
        AllowedCapabilities::of(&DockerConfig { allowed_capabilities, ..DockerConfig::default() })
    }

    #[test]
    fn what_docker_gives_anyway_may_be_added_and_nothing_else_that_is_not_configured() {
        for name in ["NET_BIND_SERVICE", "chown", "CAP_KILL", "cap_net_raw"] {
            assert!(allowing(&[]).permit(name), "{name}");
        }
        for name in FURTHER.into_iter().chain([ALL, "CAP_SYS_ADMIN", "sys_admin", "cap_sys_module", "all", "", "CAP_"])
        {
            assert!(!allowing(&[]).permit(name), "{name}");
        }
        assert!(allowing(&["NET_ADMIN"]).permit("cap_net_admin") && !allowing(&["NET_ADMIN"]).permit("SYS_ADMIN"));
    }

    #[test]
    fn who_allows_everything_allows_what_is_not_known_yet() {
        let privileged = DockerConfig { allow_privileged: true, ..DockerConfig::default() };
        for allowed in [allowing(&["ALL"]), AllowedCapabilities::of(&privileged)] {
            assert!(allowed.permit("ALL") && allowed.permit("SYS_TOMORROW"));
        }
    }
}
