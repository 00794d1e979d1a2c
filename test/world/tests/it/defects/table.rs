//! `docs/defects.md` tells the truth: every test that it names is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every name of a function in the Rust sources of these folders.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                functions(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.extend(text.lines().filter_map(function_in).map(ToOwned::to_owned));
        }
    }
}

/// The name of the function that this line begins.
fn function_in(line: &str) -> Option<&str> {
    let mut words = line.trim_start();
    for modifier in ["pub(super) ", "pub(crate) ", "pub ", "async "] {
        words = words.strip_prefix(modifier).unwrap_or(words);
    }
    let name = words.strip_prefix("fn ")?;
    name.split(['(', '<']).next()
}

/// The last cell of each row of the first table, and the tests that it names.
fn rows(text: &str) -> Vec<(&str, Vec<&str>)> {
    let tested = text.split("\n## ").find(|section| section.starts_with("Tested")).unwrap();
    let rows = tested.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Defect"));
    let cells = rows.map(|row| (row, row.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap_or_default()));
    cells.map(|(row, last)| (row, last.split('`').skip(1).step_by(2).collect())).collect()
}

#[test]
fn every_test_that_the_table_of_defects_names_exists() {
    let mut found = BTreeSet::new();
    for folder in ["crates", "providers", "test", "examples", "xtask"] {
        functions(&root().join(folder), &mut found);
    }
    let text = fs::read_to_string(root().join("docs/defects.md")).unwrap();
    let rows = rows(&text);
    assert!(rows.len() > 50, "{}", rows.len());
    for (row, tests) in rows {
        assert!(!tests.is_empty(), "names no test: {row}");
        let missing: Vec<_> = tests.into_iter().filter(|test| !found.contains(*test)).collect();
        assert!(missing.is_empty(), "there is no {missing:?}: {row}");
    }
}

/// The other way round: a test that is named after a defect is in the table.
#[test]
fn every_test_that_is_named_after_a_defect_is_in_the_table() {
    let mut found = BTreeSet::new();
    functions(&root().join("test/world/tests/it/defects"), &mut found);
    functions(&root().join("crates"), &mut found);
    let text = fs::read_to_string(root().join("docs/defects.md")).unwrap();
    let missing: Vec<_> = found.iter().filter(|name| is_of_a_defect(name) && !text.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// As `vk_762_…`, `azure_aci_409_…`: a project's name, then a number.
fn is_of_a_defect(name: &str) -> bool {
    let projects =
        ["vk", "azure_aci", "kip", "k3k", "liqo", "interlink", "admiralty", "aks", "aws_fargate", "tensile_kube"];
    let number = projects.iter().find_map(|project| name.strip_prefix(project)?.strip_prefix('_'));
    number.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}
