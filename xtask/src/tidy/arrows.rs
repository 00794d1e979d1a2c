//! Which crate may depend on which: the arrows of ARCHITECTURE.md run one way only.

use std::collections::BTreeSet;

use super::Finding;
use crate::workspace::{Dependency, Metadata, Package};

/// A folder, or all folders below one (`providers/*`), and what it may use.
struct Room {
    folder: &'static str,
    /// The rooms it may use; with them it may use what those may use.
    uses: &'static [&'static str],
    /// Rooms that it may use behind a feature only.
    uses_optionally: &'static [&'static str],
    /// Which of the world's crates it may not name.
    never: &'static [&'static str],
}

/// A provider never sees its own cluster's client, and what the client sees it must not need.
const NO_CLIENT: &[&str] = &["kube", "kube-*"];
/// The protocol crates never see a pod, and what builds or runs the tests needs none.
const NO_KUBERNETES: &[&str] = &["kube", "kube-*", "k8s-openapi"];

const ROOMS: &[Room] = &[
    Room { folder: "crates/vk-core", uses: &[], uses_optionally: &[], never: NO_CLIENT },
    Room { folder: "crates/vk-provider", uses: &["crates/vk-core"], uses_optionally: &[], never: NO_CLIENT },
    Room { folder: "crates/vk-pod-engine", uses: &["crates/vk-provider"], uses_optionally: &[], never: NO_CLIENT },
    Room { folder: "crates/vk-controller", uses: &["crates/vk-provider"], uses_optionally: &[], never: &[] },
    Room { folder: "crates/vk-certificates", uses: &["crates/vk-controller"], uses_optionally: &[], never: &[] },
    Room { folder: "crates/spdy", uses: &[], uses_optionally: &[], never: NO_KUBERNETES },
    Room { folder: "crates/vk-streaming", uses: &["crates/spdy"], uses_optionally: &[], never: NO_KUBERNETES },
    Room {
        folder: "crates/vk-kubelet-api",
        uses: &["crates/vk-provider", "crates/vk-streaming"],
        uses_optionally: &[],
        never: &[],
    },
    Room { folder: "crates/vk-apiserver", uses: &[], uses_optionally: &["crates/vk-streaming"], never: NO_CLIENT },
    Room {
        folder: "crates/virtual-kubelet",
        uses: &["crates/vk-certificates", "crates/vk-controller", "crates/vk-kubelet-api", "crates/vk-pod-engine"],
        uses_optionally: &[],
        never: &[],
    },
    Room {
        folder: "crates/vk-testkit",
        uses: &["crates/virtual-kubelet", "crates/vk-apiserver"],
        uses_optionally: &[],
        never: &[],
    },
    Room {
        folder: "crates/vk-cli",
        uses: &["crates/virtual-kubelet", "providers/*"],
        uses_optionally: &["crates/vk-apiserver"],
        never: &[],
    },
    Room {
        folder: "providers/*",
        uses: &["crates/vk-provider", "crates/vk-pod-engine", "crates/vk-streaming"],
        uses_optionally: &[],
        never: NO_CLIENT,
    },
    Room { folder: "examples/*", uses: &["crates/vk-cli"], uses_optionally: &[], never: &[] },
    Room { folder: "test/cluster", uses: &[], uses_optionally: &[], never: NO_KUBERNETES },
    Room { folder: "test/exchanges", uses: &[], uses_optionally: &[], never: NO_KUBERNETES },
    Room { folder: "test/world", uses: &["crates/vk-testkit"], uses_optionally: &[], never: &[] },
    Room { folder: "test/e2e", uses: &["crates/vk-testkit", "test/cluster"], uses_optionally: &[], never: &[] },
    Room { folder: "test/bench", uses: &["crates/vk-kubelet-api", "test/cluster"], uses_optionally: &[], never: &[] },
    Room { folder: "xtask", uses: &["test/cluster"], uses_optionally: &[], never: NO_KUBERNETES },
];

/// What any crate's own tests may use besides.
const FOR_TESTS: &[&str] = &["crates/vk-testkit", "crates/vk-apiserver", "test/*"];

pub(super) fn check(metadata: &Metadata) -> Vec<Finding> {
    metadata.packages.iter().flat_map(|package| check_package(metadata, package)).collect()
}

fn check_package(metadata: &Metadata, package: &Package) -> Vec<Finding> {
    let Some(folder) = metadata.folder(package) else { return Vec::new() };
    let manifest = format!("{folder}/Cargo.toml");
    let Some(room) = room_of(folder) else {
        let message =
            "this folder has no room: enter it, with its arrows, in ARCHITECTURE.md and xtask/src/tidy/arrows.rs";
        return vec![Finding::in_file(&manifest, message)];
    };
    let allowed = reachable(room);
    let mut findings = Vec::new();
    for dependency in &package.dependencies {
        let problem = match metadata.dependency_folder(dependency) {
            Some(target) => problem_within(room, &allowed, dependency, target),
            None => problem_outside(room, dependency),
        };
        findings.extend(problem.map(|problem| Finding::in_file(&manifest, problem)));
    }
    findings
}

fn problem_within(room: &Room, allowed: &BTreeSet<&str>, dependency: &Dependency, target: &str) -> Option<String> {
    let any_of = |patterns: &[&str]| patterns.iter().any(|pattern| matches(pattern, target));
    if allowed.iter().any(|pattern| matches(pattern, target)) {
        return None;
    }
    if dependency.kind.as_deref() == Some("dev") && any_of(FOR_TESTS) {
        return None;
    }
    if any_of(room.uses_optionally) {
        return (!dependency.optional).then(|| format!("may use {target} behind a feature only: `optional = true`"));
    }
    Some(format!("may not use {target}: no arrow leads there"))
}

fn problem_outside(room: &Room, dependency: &Dependency) -> Option<String> {
    let banned = room.never.iter().any(|pattern| matches(pattern, &dependency.name));
    (banned && dependency.kind.as_deref() != Some("dev")).then(|| format!("may not use {}", dependency.name))
}

fn room_of(folder: &str) -> Option<&'static Room> {
    ROOMS.iter().find(|room| matches(room.folder, folder))
}

/// The rooms that `room` may use, directly or by way of others.
fn reachable(room: &Room) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = room.uses.to_vec();
    while let Some(next) = open.pop() {
        if found.insert(next) {
            open.extend(ROOMS.iter().filter(|room| room.folder == next).flat_map(|room| room.uses));
        }
    }
    found
}

/// Whether a name is the pattern's, where a `*` at its end stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is wrong with a crate in `folder` that has one dependency.
    fn problem(folder: &str, dependency: serde_json::Value) -> Vec<String> {
        let metadata = json!({
            "workspace_root": "/w",
            "target_directory": "/w/target",
            "packages": [{
                "name": "any",
                "manifest_path": format!("/w/{folder}/Cargo.toml"),
                "dependencies": [dependency],
            }],
        });
        let metadata = Metadata::parse(&metadata.to_string()).unwrap();
        check(&metadata).into_iter().map(|finding| finding.to_string()).collect()
    }

    fn ours(target: &str, kind: Option<&str>, optional: bool) -> serde_json::Value {
        json!({ "name": "any", "kind": kind, "optional": optional, "path": format!("/w/{target}") })
    }

    fn others(name: &str, kind: Option<&str>) -> serde_json::Value {
        json!({ "name": name, "kind": kind, "optional": false })
    }

    #[test]
    fn arrows_of_the_table_and_along_several_of_them_are_allowed() {
        for (from, to) in [
            ("crates/vk-provider", "crates/vk-core"),
            ("crates/vk-pod-engine", "crates/vk-core"),
            ("providers/docker", "crates/vk-pod-engine"),
            ("providers/docker", "crates/spdy"),
            ("crates/vk-cli", "providers/docker"),
            ("crates/vk-testkit", "crates/vk-controller"),
            ("examples/hello", "crates/virtual-kubelet"),
            ("test/e2e", "test/cluster"),
            ("xtask", "test/cluster"),
        ] {
            assert_eq!(problem(from, ours(to, None, false)), Vec::<String>::new(), "{from} to {to}");
        }
    }

    #[test]
    fn every_other_arrow_is_found() {
        for (from, to) in [
            ("crates/vk-core", "crates/vk-provider"),
            ("crates/vk-controller", "crates/vk-pod-engine"),
            ("crates/spdy", "crates/vk-streaming"),
            ("crates/virtual-kubelet", "crates/vk-apiserver"),
            ("crates/virtual-kubelet", "crates/vk-testkit"),
            ("providers/docker", "crates/vk-controller"),
            ("providers/docker", "providers/mock"),
            ("test/cluster", "crates/vk-core"),
            ("xtask", "crates/vk-core"),
        ] {
            let expected = format!("{from}/Cargo.toml: may not use {to}: no arrow leads there");
            assert_eq!(problem(from, ours(to, None, false)), [expected]);
            assert_eq!(problem(from, ours(to, Some("build"), false)).len(), 1);
        }
    }

    #[test]
    fn tests_may_use_what_is_made_for_them_and_no_more() {
        assert_eq!(
            problem("crates/vk-controller", ours("crates/vk-testkit", Some("dev"), false)),
            Vec::<String>::new()
        );
        assert_eq!(problem("providers/docker", ours("test/cluster", Some("dev"), false)), Vec::<String>::new());
        assert_eq!(problem("providers/docker", ours("crates/vk-controller", Some("dev"), false)).len(), 1);
    }

    #[test]
    fn some_arrows_need_a_feature() {
        assert_eq!(problem("crates/vk-cli", ours("crates/vk-apiserver", None, true)), Vec::<String>::new());
        let always = problem("crates/vk-cli", ours("crates/vk-apiserver", None, false));
        assert!(always.concat().contains("behind a feature only"), "{always:?}");
    }

    #[test]
    fn the_client_and_kubernetes_stay_out_of_where_they_do_not_belong() {
        for (from, name) in [
            ("providers/docker", "kube"),
            ("crates/vk-core", "kube-runtime"),
            ("crates/vk-streaming", "k8s-openapi"),
            ("xtask", "kube"),
        ] {
            assert_eq!(problem(from, others(name, None)), [format!("{from}/Cargo.toml: may not use {name}")]);
        }
        assert_eq!(problem("crates/vk-controller", others("kube", None)), Vec::<String>::new());
        assert_eq!(problem("crates/vk-core", others("k8s-openapi", None)), Vec::<String>::new());
        assert_eq!(problem("crates/vk-apiserver", others("kube", Some("dev"))), Vec::<String>::new());
    }

    #[test]
    fn a_folder_without_a_room_is_found() {
        assert!(problem("crates/new", others("serde", None)).concat().contains("has no room"));
    }

    #[test]
    fn the_table_itself_runs_one_way() {
        for room in ROOMS {
            assert!(!reachable(room).contains(room.folder), "{} reaches itself", room.folder);
            for used in room.uses.iter().chain(room.uses_optionally) {
                assert!(ROOMS.iter().any(|room| room.folder == *used), "{used} is no room");
            }
        }
    }
}
