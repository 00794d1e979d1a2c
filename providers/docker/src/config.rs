//! [`DockerConfig`]: the provider's configuration file.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use vk_core::quantity::Quantity;
use vk_provider::ConfigDocument;

use crate::capabilities;

/// Where Docker listens unless something else is said.
const DEFAULT_ENDPOINT: &str = "unix:///var/run/docker.sock";

/// The provider's configuration, in TOML, or in JSON if its text begins with `{`. Every field may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct DockerConfig {
    /// `unix:///path` or `http://127.0.0.1:port`. Without it, `DOCKER_HOST` counts, and then `unix:///var/run/docker.sock`.
    pub endpoint: Option<String>,
    /// What the node offers; whatever is missing is asked of Docker.
    pub capacity: Capacity,
    /// Directories below which pods may mount paths of the host. Without any, hostPath volumes are refused.
    pub host_path_prefixes: Vec<PathBuf>,
    /// Image of the sandbox container. Without it, one of a few hundred bytes is made on the spot.
    pub pause_image: Option<String>,
    /// Docker network that pods are connected to; `bridge` if missing.
    pub network: Option<String>,
    /// Where the files of volumes are kept, on Docker's own host; in the agent's state directory if missing.
    pub volume_root: Option<PathBuf>,
    /// Whether pods may use the host's network and IPC namespaces.
    pub allow_host_namespaces: bool,
    /// Whether containers may be privileged.
    pub allow_privileged: bool,
    /// Linux capabilities that containers may add, beyond those that Docker gives every container: names as in Kubernetes,
    /// without `CAP_`, or `ALL`. With `allow_privileged` they may add any.
    pub allowed_capabilities: Vec<String>,
}

/// What the node offers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Capacity {
    /// Processors, as in `4` or `3500m`.
    pub cpu: Option<String>,
    /// Memory, as in `8Gi`.
    pub memory: Option<String>,
    /// Number of pods; 110 if missing.
    pub pods: Option<String>,
}

/// What is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// It cannot be read as what it begins as.
    #[error("{file}: {message}")]
    Syntax {
        /// Where it came from.
        file: String,
        /// Line, column and field.
        message: String,
    },
    /// A field holds something that it cannot.
    #[error("{file}: {field}: {message}")]
    Value {
        /// Where it came from.
        file: String,
        /// The field.
        field: &'static str,
        /// What is wrong, and what to write instead.
        message: String,
    },
}

impl ConfigError {
    /// The field it is about; empty if that is not known.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "",
            Self::Value { field, .. } => field,
        }
    }
}

/// Where Docker listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A socket of this host.
    Unix(PathBuf),
    /// HTTP on loopback, as `host:port`.
    Http(String),
}

impl Endpoint {
    /// The socket, if it is one of this host.
    pub(crate) fn socket(&self) -> Option<PathBuf> {
        match self {
            Self::Unix(path) => Some(path.clone()),
            Self::Http(_) => None,
        }
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Http(address) => write!(f, "http://{address}"),
        }
    }
}

impl DockerConfig {
    /// Reads a configuration.
    ///
    /// # Errors
    /// With file, line and field.
    pub fn parse(document: &ConfigDocument) -> Result<Self, ConfigError> {
        let text = document.text.trim_start();
        let syntax = |message: String| ConfigError::Syntax { file: document.source(), message };
        let config: Self = if text.is_empty() {
            Self::default()
        } else if text.starts_with('{') {
            serde_json::from_str(&document.text).map_err(|error| syntax(error.to_string()))?
        } else {
            toml::from_str(&document.text).map_err(|error| syntax(error.to_string().trim_end().to_owned()))?
        };
        config.check(&document.source())?;
        Ok(config)
    }

    fn check(&self, file: &str) -> Result<(), ConfigError> {
        let wrong = |field, message: String| Err(ConfigError::Value { file: file.to_owned(), field, message });
        let amounts = [
            ("capacity.cpu", &self.capacity.cpu),
            ("capacity.memory", &self.capacity.memory),
            ("capacity.pods", &self.capacity.pods),
        ];
        for (field, amount) in amounts {
            let parsed = amount.as_ref().map(|amount| amount.parse::<Quantity>());
            if let Some(Err(error)) = parsed {
                return wrong(field, error.to_string());
            }
        }
        for prefix in &self.host_path_prefixes {
            if !is_plain(prefix) {
                let message = format!("{} has to be an absolute path without ..", prefix.display());
                return wrong("host_path_prefixes", message);
            }
        }
        if let Some(name) = self.allowed_capabilities.iter().find(|name| !capabilities::is_known(name)) {
            let message = format!("{name:?} is no capability of Linux: write them like NET_ADMIN, or ALL for all");
            return wrong("allowed_capabilities", message);
        }
        if let Some(root) = self.volume_root.as_ref().filter(|root| !is_plain(root)) {
            return wrong("volume_root", format!("{} has to be an absolute path without ..", root.display()));
        }
        if let Some(Err(message)) = self.endpoint.as_deref().map(parse_endpoint) {
            return wrong("endpoint", message);
        }
        Ok(())
    }

    /// Where Docker listens, `docker_host` being the environment variable.
    pub(crate) fn resolved_endpoint(&self, file: &str, docker_host: Option<String>) -> Result<Endpoint, ConfigError> {
        let (field, text) = match (&self.endpoint, docker_host.filter(|host| !host.is_empty())) {
            (Some(endpoint), _) => ("endpoint", endpoint.clone()),
            (None, Some(host)) => ("DOCKER_HOST", host),
            (None, None) => ("endpoint", DEFAULT_ENDPOINT.to_owned()),
        };
        parse_endpoint(&text).map_err(|message| ConfigError::Value { file: file.to_owned(), field, message })
    }
}

fn is_plain(path: &Path) -> bool {
    path.is_absolute() && !path.components().any(|part| part == std::path::Component::ParentDir)
}

fn parse_endpoint(text: &str) -> Result<Endpoint, String> {
    if let Some(path) = text.strip_prefix("unix://").filter(|path| path.starts_with('/')) {
        return Ok(Endpoint::Unix(PathBuf::from(path)));
    }
    let address = text.strip_prefix("http://").or_else(|| text.strip_prefix("tcp://"));
    match address.map(|address| address.trim_end_matches('/')) {
        Some(address) if is_loopback(address) => Ok(Endpoint::Http(address.to_owned())),
        Some(_) => Err(format!(
            "{text:?} would give anyone on the network root on Docker's host; plain HTTP is taken on loopback only, as in http://127.0.0.1:2375"
        )),
        None => Err(format!("{text:?} is neither unix:///path nor http://127.0.0.1:port")),
    }
}

fn is_loopback(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<DockerConfig, String> {
        let document = ConfigDocument::new(Some("docker.toml".into()), text);
        DockerConfig::parse(&document).map_err(|error| error.to_string())
    }

    #[test]
    fn toml_and_json_say_the_same() {
        let toml = parse("host_path_prefixes = [\"/srv\"]\n[capacity]\ncpu = \"4\"\n").unwrap();
        let json = parse(r#"{"host_path_prefixes": ["/srv"], "capacity": {"cpu": "4"}}"#).unwrap();
        assert_eq!(toml, json);
        assert_eq!(parse("").unwrap(), DockerConfig::default());
    }

    #[test]
    fn a_mistake_is_shown_with_file_line_and_field() {
        let error = parse("network = \"bridge\"\nnetwrok = \"x\"\n").unwrap_err();
        assert!(error.contains("docker.toml") && error.contains("line 2") && error.contains("netwrok"), "{error}");
        let error = parse("{\"network\": \"bridge\",\n \"netwrok\": 1}").unwrap_err();
        assert!(error.contains("docker.toml") && error.contains("line 2") && error.contains("netwrok"), "{error}");
        let error = parse("[capacity]\nmemory = \"8Gb\"").unwrap_err();
        assert!(error.contains("capacity.memory") && error.contains("8Gb"), "{error}");
        assert!(parse("host_path_prefixes = [\"/srv/../etc\"]").unwrap_err().contains("host_path_prefixes"));
        for name in ["NET_ADMNI", "CAP_NET_ADMIN", "net_admin", ""] {
            let error = parse(&format!("allowed_capabilities = [\"CHOWN\", \"{name}\"]")).unwrap_err();
            assert!(error.contains("allowed_capabilities") && error.contains("NET_ADMIN"), "{error}");
        }
        assert!(parse("allowed_capabilities = [\"NET_ADMIN\", \"ALL\"]").is_ok());
    }

    #[test]
    fn plain_http_is_taken_on_loopback_only() {
        let endpoint = |text: &str| parse_endpoint(text).map(|endpoint| endpoint.to_string());
        assert_eq!(endpoint("unix:///run/docker.sock").unwrap(), "unix:///run/docker.sock");
        assert_eq!(endpoint("tcp://127.0.0.1:2375").unwrap(), "http://127.0.0.1:2375");
        assert_eq!(endpoint("http://[::1]:2375/").unwrap(), "http://[::1]:2375");
        assert!(endpoint("tcp://10.0.0.1:2375").unwrap_err().contains("loopback"));
        assert!(endpoint("ssh://host").unwrap_err().contains("neither"));
        assert!(endpoint("unix://relative").is_err());
    }

    #[test]
    fn the_file_wins_over_the_environment() {
        let mut config = DockerConfig::default();
        let host = || Some("unix:///from/env".to_owned());
        assert_eq!(config.resolved_endpoint("f", host()).unwrap().to_string(), "unix:///from/env");
        assert_eq!(config.resolved_endpoint("f", None).unwrap().to_string(), DEFAULT_ENDPOINT);
        config.endpoint = Some("unix:///from/file".to_owned());
        assert_eq!(config.resolved_endpoint("f", host()).unwrap().to_string(), "unix:///from/file");
    }
}
