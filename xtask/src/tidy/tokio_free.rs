//! `vk-core` decides and never waits: no async runtime stands in its tree of normal dependencies.

use anyhow::Result;

use super::Finding;
use crate::workspace::{Metadata, cargo, output_of};

const ROOM: &str = "crates/vk-core";

pub(super) fn check(metadata: &Metadata) -> Result<Vec<Finding>> {
    let Some(package) = metadata.package_in(ROOM) else { return Ok(Vec::new()) };
    let mut tree = cargo()?;
    tree.args(["tree", "--package", &package.name, "--edges=normal", "--all-features", "--target=all"]);
    tree.args(["--prefix=none", "--format={p}"]);
    Ok(findings(&output_of(&mut tree)?))
}

/// What in the output of `cargo tree --prefix none` is of tokio.
fn findings(tree: &str) -> Vec<Finding> {
    let mut crates: Vec<&str> = tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    crates.sort_unstable();
    crates.dedup();
    crates
        .into_iter()
        .filter(|name| *name == "tokio" || name.starts_with("tokio-"))
        .map(|name| Finding::in_file(&format!("{ROOM}/Cargo.toml"), format!("{name} is in its dependency tree")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokio_is_found_wherever_it_stands_in_the_tree() {
        let tree =
            "vk-core v0.1.0 (crates/vk-core)\nk8s-openapi v0.29.0\ntokio-util v0.7.1\ntokio v1.2.3\ntokio v1.2.3 (*)\n";
        let messages: Vec<String> = findings(tree).into_iter().map(|finding| finding.message).collect();
        assert_eq!(messages, ["tokio is in its dependency tree", "tokio-util is in its dependency tree"]);
    }

    #[test]
    fn a_tree_without_tokio_is_fine() {
        assert_eq!(findings("vk-core v0.1.0\nserde v1.0.0\nnot-tokio v1.0.0\n"), []);
    }
}
