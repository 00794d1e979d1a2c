//! Clippy reads the nearest `clippy.toml` and does not merge it with the root's: each deterministic crate has one that
//! holds all bans, the root's and those that keep clocks, threads, sockets and random order out.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::Finding;
use super::sources::Sources;

const ROOT: &str = "clippy.toml";

/// The crates that a simulation runs.
const DETERMINISTIC: [&str; 4] =
    ["crates/vk-apiserver", "crates/vk-controller", "crates/vk-core", "crates/vk-pod-engine"];

/// What a deterministic crate bans besides, by the list of `clippy.toml` that it stands in.
const BANS: [(&str, &[&str]); 2] = [
    (
        "disallowed-methods",
        &[
            "fastrand::Rng::new",
            "jiff::Timestamp::now",
            "jiff::Zoned::now",
            "rand::random",
            "rand::rng",
            "std::thread::sleep",
            "std::thread::spawn",
            "tokio::fs::read",
            "tokio::fs::write",
            "tokio::spawn",
            "tokio::task::spawn",
            "tokio::task::spawn_blocking",
            "tokio::task::spawn_local",
            "uuid::Uuid::new_v4",
        ],
    ),
    (
        "disallowed-types",
        &[
            "std::collections::HashMap",
            "std::collections::HashSet",
            "std::thread::Builder",
            "tokio::fs::File",
            "tokio::fs::OpenOptions",
            "tokio::net::TcpListener",
            "tokio::net::TcpStream",
            "tokio::net::UdpSocket",
            "tokio::net::UnixListener",
            "tokio::net::UnixStream",
        ],
    ),
];

pub(super) fn check(sources: &Sources) -> Vec<Finding> {
    let root = match sources.get(ROOT).map(Settings::parse) {
        Some(Ok(root)) => root,
        Some(Err(error)) => return vec![Finding::in_file(ROOT, error)],
        None => return vec![Finding::in_file(ROOT, "is missing")],
    };
    let required = root.with_deterministic_bans();
    let crates = DETERMINISTIC.into_iter().filter(|folder| sources.has_folder(folder));
    crates.flat_map(|folder| check_crate(sources, &format!("{folder}/{ROOT}"), &required)).collect()
}

fn check_crate(sources: &Sources, path: &str, required: &Settings) -> Vec<Finding> {
    let Some(text) = sources.get(path) else {
        return vec![Finding::in_file(
            path,
            "is missing: a deterministic crate has bans of its own and repeats the root's",
        )];
    };
    let own = match Settings::parse(text) {
        Ok(own) => own,
        Err(error) => return vec![Finding::in_file(path, error)],
    };
    let mut findings = Vec::new();
    for (list, bans) in &required.bans {
        let held = own.bans.get(list);
        for ban in bans.iter().filter(|ban| !held.is_some_and(|held| held.contains(*ban))) {
            findings.push(Finding::in_file(path, format!("`{list}` lacks {ban}")));
        }
    }
    for (name, value) in &required.others {
        if own.others.get(name) != Some(value) {
            findings.push(Finding::in_file(path, format!("`{name}` is not the root's")));
        }
    }
    findings
}

/// A `clippy.toml`.
#[derive(Debug, Clone, Default)]
struct Settings {
    /// The paths in each list `disallowed-…`.
    bans: BTreeMap<String, BTreeSet<String>>,
    others: BTreeMap<String, Value>,
}

impl Settings {
    fn parse(text: &str) -> Result<Self, String> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
        let mut settings = Self::default();
        for (name, value) in table {
            match value {
                Value::Array(entries) if name.starts_with("disallowed-") => {
                    settings.bans.insert(name, entries.iter().filter_map(path_of).map(str::to_owned).collect());
                }
                other => {
                    settings.others.insert(name, other);
                }
            }
        }
        Ok(settings)
    }

    fn with_deterministic_bans(mut self) -> Self {
        for (list, bans) in BANS {
            self.bans.entry(list.to_owned()).or_default().extend(bans.iter().map(|ban| (*ban).to_owned()));
        }
        self
    }
}

/// An entry is a path, or a table with a path and a reason.
fn path_of(entry: &Value) -> Option<&str> {
    entry.as_str().or_else(|| entry.get("path")?.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT_TEXT: &str =
        "allow-unwrap-in-tests = true\ndisallowed-methods = [{ path = \"a::b\", reason = \"c\" }]\n";
    const MEMBER: &str = "crates/vk-core/src/lib.rs";
    const PATH: &str = "crates/vk-core/clippy.toml";

    fn complete() -> String {
        let list = |name: &str, more: &str| {
            let bans = BANS.iter().find(|(list, _)| *list == name).unwrap().1;
            let entries: String = bans.iter().map(|ban| format!("{{ path = \"{ban}\", reason = \"r\" }},\n")).collect();
            format!("{name} = [{more}\n{entries}]\n")
        };
        let methods = list("disallowed-methods", "\"a::b\",");
        format!("allow-unwrap-in-tests = true\n{methods}{}", list("disallowed-types", ""))
    }

    fn messages(own: Option<&str>) -> Vec<String> {
        let mut files = vec![(ROOT, ROOT_TEXT), (MEMBER, "")];
        files.extend(own.map(|own| (PATH, own)));
        check(&Sources::of(&files)).into_iter().map(|finding| finding.to_string()).collect()
    }

    #[test]
    fn a_complete_list_is_fine_and_a_crate_that_is_not_there_needs_none() {
        assert_eq!(messages(Some(&complete())), Vec::<String>::new());
        assert_eq!(check(&Sources::of(&[(ROOT, ROOT_TEXT)])), []);
    }

    #[test]
    fn a_missing_file_or_ban_or_setting_is_found() {
        assert!(messages(None).concat().contains("is missing"));
        for (without, message) in [
            ("\"a::b\",", "`disallowed-methods` lacks a::b"),
            ("{ path = \"tokio::spawn\", reason = \"r\" },", "`disallowed-methods` lacks tokio::spawn"),
            (
                "{ path = \"std::collections::HashMap\", reason = \"r\" },",
                "`disallowed-types` lacks std::collections::HashMap",
            ),
            ("allow-unwrap-in-tests = true\n", "`allow-unwrap-in-tests` is not the root's"),
        ] {
            let text = complete().replace(without, "");
            assert_eq!(messages(Some(&text)), [format!("{PATH}: {message}")]);
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_found() {
        assert_eq!(messages(Some("not toml")).len(), 1);
        assert_eq!(check(&Sources::of(&[(ROOT, "=")])).len(), 1);
        assert_eq!(check(&Sources::of(&[])).len(), 1);
    }
}
