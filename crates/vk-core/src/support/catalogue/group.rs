//! [`FieldGroup`]: fields that a back end usually honours together.

macro_rules! field_groups {
    ($($(#[doc = $doc:literal])+ $name:ident = $title:literal,)+) => {
        /// Fields that a back end usually honours together.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum FieldGroup {
            $($(#[doc = $doc])+ $name,)+
        }

        impl FieldGroup {
            /// Every group, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its heading in the documentation.
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)+
                }
            }
        }
    };
}

field_groups! {
    /// Names, images, `command`, `args`, literal `env`, and ports (which only inform, as in Kubernetes).
    Basics = "Containers",
    /// `envFrom` and `valueFrom`: ConfigMaps, Secrets, the downward API.
    Environment = "Environment",
    /// `valueFrom.fileKeyRef`: variables from a file that an init container writes (KEP-3721).
    EnvironmentFiles = "Environment from files",
    /// When images are pulled, and with which credentials.
    Images = "Images",
    /// Working directory and termination message.
    Process = "Process",
    /// `stdin` and `tty`.
    Terminal = "Terminal",
    /// `spec.restartPolicy`. The default, `Always`, is no request.
    RestartPolicy = "Restart policy of the pod",
    /// Restart policies of single containers (KEP-5307).
    ContainerRestartPolicy = "Restart policies of containers",
    /// Limits of containers. Requests concern the scheduler.
    Resources = "Resource limits",
    /// Limits of the pod as a whole (KEP-2837).
    PodResources = "Resource limits of the pod",
    /// Devices by dynamic resource allocation (KEP-4381).
    ResourceClaims = "Resource claims",
    /// Liveness, readiness and startup probes.
    Probes = "Probes",
    /// Probes and hooks over other protocols than HTTP/1.1 and plain-text gRPC.
    ProbeProtocols = "Protocols of probes and hooks",
    /// `postStart` and `preStop`.
    LifecycleHooks = "Lifecycle hooks",
    /// `lifecycle.stopSignal` (KEP-4960).
    StopSignal = "Stop signal",
    /// Mounts of volumes and of paths in them.
    VolumeMounts = "Volume mounts",
    /// Mount propagation, recursive read-only mounts, and options such as `noexec`.
    MountOptions = "Mount options",
    /// Raw block volumes.
    BlockDevices = "Block devices",
    /// Owners of the files in volumes, and modes of `emptyDir` volumes.
    VolumeOwnership = "Owners and modes of volumes",
    /// Volumes that last as long as the pod.
    EmptyDir = "emptyDir volumes",
    /// Volumes that are directories of the host.
    HostPath = "hostPath volumes",
    /// ConfigMaps, Secrets, the downward API and tokens as files.
    FileVolumes = "configMap, secret, downwardAPI and projected volumes",
    /// Trust bundles and pod certificates as files (KEP-3257, KEP-4317).
    CertificateVolumes = "Projected certificates",
    /// PersistentVolumeClaims.
    Claims = "persistentVolumeClaim volumes",
    /// Claims that live as long as the pod.
    EphemeralClaims = "ephemeral volumes",
    /// Inline CSI volumes.
    Csi = "csi volumes",
    /// Images as volumes (KEP-4639).
    ImageVolumes = "image volumes",
    /// NFS.
    Nfs = "nfs volumes",
    /// Kinds of volume that belong to one vendor or are no longer maintained.
    VendorVolumes = "Other kinds of volume",
    /// Ports of the host.
    HostPorts = "Host ports",
    /// The host's network, process and IPC namespaces.
    HostNamespaces = "Host namespaces",
    /// Process namespaces shared by containers.
    ProcessNamespace = "Shared process namespace",
    /// User namespaces (KEP-127).
    UserNamespace = "User namespace",
    /// DNS policy and configuration. The default, `ClusterFirst`, is no request.
    Dns = "DNS",
    /// The pod's host name, and names of other hosts.
    HostNames = "Host names",
    /// The users and groups that containers run as.
    Users = "Users and groups",
    /// Capabilities, privileged containers, read-only root file systems.
    Privileges = "Privileges",
    /// SELinux, seccomp and AppArmor.
    SecurityProfiles = "Security profiles",
    /// Kernel parameters.
    Sysctls = "Sysctls",
    /// Windows.
    Windows = "Windows",
    /// RuntimeClasses.
    RuntimeClass = "Runtime class",
    /// What the agent's core and the control plane take care of for every provider.
    ControlPlane = "Taken care of for every provider",
}
