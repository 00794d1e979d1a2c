//! Which of a pod's image pull secrets apply to an image.

use base64::Engine as _;
use serde::Deserialize;
use std::collections::BTreeMap;
use vk_core::resolve::SecretData;
use vk_core::resolved::SecretString;

use crate::runtime::Credentials;

/// Docker's own registry, under the name that its credentials are kept by.
const DEFAULT_REGISTRY: &str = "index.docker.io";

#[derive(Deserialize)]
struct DockerConfig {
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    username: String,
    password: String,
    auth: String,
    identitytoken: Option<String>,
}

/// The credentials for an image: those of the longest matching registry path first. A secret that cannot be read is left
/// out, as under a kubelet.
pub(crate) fn credentials_for(image: &str, secrets: &[SecretData]) -> Vec<Credentials> {
    let target = target(image);
    let mut found: Vec<(usize, Credentials)> = Vec::new();
    for (registry, entry) in secrets.iter().filter_map(entries).flatten() {
        let key = normalized(&registry);
        if !applies(&key, &target) {
            continue;
        }
        if let Some(credentials) = entry.into_credentials(&registry) {
            found.push((key.len(), credentials));
        }
    }
    found.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
    found.into_iter().map(|(_, credentials)| credentials).collect()
}

fn entries(secret: &SecretData) -> Option<BTreeMap<String, Entry>> {
    match secret.kind.as_str() {
        "kubernetes.io/dockerconfigjson" => {
            let text = secret.values.get(".dockerconfigjson")?;
            serde_json::from_slice::<DockerConfig>(text).ok().map(|config| config.auths)
        }
        "kubernetes.io/dockercfg" => serde_json::from_slice(secret.values.get(".dockercfg")?).ok(),
        _ => None,
    }
}

impl Entry {
    fn into_credentials(self, registry: &str) -> Option<Credentials> {
        let (mut username, mut password) = (self.username, self.password);
        if username.is_empty() && !self.auth.is_empty() {
            let decoded = base64::engine::general_purpose::STANDARD.decode(self.auth.trim()).ok()?;
            let text = String::from_utf8(decoded).ok()?;
            let (user, pass) = text.split_once(':')?;
            (username, password) = (user.to_owned(), pass.trim_end_matches('\0').to_owned());
        }
        Some(Credentials {
            registry: registry.to_owned(),
            username,
            password: SecretString::new(password),
            identity_token: self.identitytoken.map(SecretString::new),
        })
    }
}

/// Registry and repository of an image, without tag and digest.
fn target(image: &str) -> String {
    let image = image.split('@').next().unwrap_or(image);
    let (head, rest) = image.split_once('/').unwrap_or(("", image));
    let is_registry = head.contains('.') || head.contains(':') || head == "localhost";
    let (registry, path) = if is_registry { (head, rest) } else { (DEFAULT_REGISTRY, image) };
    let path = match path.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => path,
        _ => path,
    };
    let registry = if registry == "docker.io" { DEFAULT_REGISTRY } else { registry };
    let library = if registry == DEFAULT_REGISTRY && !path.contains('/') { "library/" } else { "" };
    format!("{registry}/{library}{path}")
}

/// A key of a docker configuration without scheme and API version.
fn normalized(key: &str) -> String {
    let key = key.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
    let key = key.trim_end_matches("/v1").trim_end_matches("/v2");
    match key.strip_prefix("docker.io") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("{DEFAULT_REGISTRY}{rest}"),
        _ => key.to_owned(),
    }
}

/// Whether a key (`*.example.com/team`) covers an image.
fn applies(key: &str, target: &str) -> bool {
    let (key_host, key_path) = key.split_once('/').unwrap_or((key, ""));
    let (host, path) = target.split_once('/').unwrap_or((target, ""));
    let below =
        path.strip_prefix(key_path).is_some_and(|rest| key_path.is_empty() || rest.is_empty() || rest.starts_with('/'));
    below && host_matches(key_host, host)
}

/// Label by label; `*` stands for any part of one label.
fn host_matches(pattern: &str, host: &str) -> bool {
    let (pattern, pattern_port) = pattern.split_once(':').unwrap_or((pattern, ""));
    let (host, port) = host.split_once(':').unwrap_or((host, ""));
    let (pattern, host): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), host.split('.').collect());
    pattern_port == port
        && pattern.len() == host.len()
        && pattern.iter().zip(&host).all(|(pattern, label)| label_matches(pattern, label))
}

fn label_matches(pattern: &str, label: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == label,
        Some((before, after)) => {
            let rest = label.strip_prefix(before);
            rest.is_some_and(|rest| {
                (0..=rest.len()).any(|cut| rest.get(cut..).is_some_and(|end| label_matches(after, end)))
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secret(auths: serde_json::Value) -> SecretData {
        let text = json!({ "auths": auths }).to_string();
        SecretData {
            kind: "kubernetes.io/dockerconfigjson".to_owned(),
            values: [(".dockerconfigjson".to_owned(), text.into())].into(),
        }
    }

    fn users(image: &str, auths: serde_json::Value) -> Vec<String> {
        credentials_for(image, &[secret(auths)]).into_iter().map(|found| found.username).collect()
    }

    #[test]
    fn the_longest_match_comes_first_and_others_are_left_out() {
        let auths = json!({
            "registry.example.com": {"username": "all", "password": "p"},
            "https://registry.example.com/team/v1/": {"username": "team", "password": "p"},
            "other.example.com": {"username": "other", "password": "p"},
        });
        assert_eq!(users("registry.example.com/team/app:1", auths.clone()), ["team", "all"]);
        assert_eq!(users("registry.example.com/teams/app:1", auths.clone()), ["all"]);
        assert_eq!(users("busybox", auths), Vec::<String>::new());
    }

    #[test]
    fn images_without_a_registry_are_dockers_own() {
        let auths = json!({"https://index.docker.io/v1/": {"auth": "dTpwOnE="}});
        let found = credentials_for("busybox:1", &[secret(auths.clone())]);
        assert_eq!((found[0].username.as_str(), found[0].password.reveal()), ("u", "p:q"));
        assert_eq!(users("docker.io/library/busybox", auths.clone()), ["u"]);
        assert_eq!(users("localhost:5000/busybox", auths), Vec::<String>::new());
    }

    #[test]
    fn a_star_stands_for_a_part_of_one_label() {
        let auths = json!({"*.dkr.example.com:443": {"username": "u", "password": "p"}});
        assert_eq!(users("123.dkr.example.com:443/app", auths.clone()), ["u"]);
        assert_eq!(users("a.123.dkr.example.com:443/app", auths.clone()), Vec::<String>::new());
        assert_eq!(users("123.dkr.example.com/app", auths), Vec::<String>::new());
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let broken = SecretData { kind: "kubernetes.io/dockerconfigjson".to_owned(), values: BTreeMap::new() };
        assert!(credentials_for("busybox", &[broken, secret(json!({"index.docker.io": {"auth": "%"}}))]).is_empty());
    }
}
