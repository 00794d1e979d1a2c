//! `docs/defects.md` tells the truth: every test that it names is there, and every test that is named after a defect is in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::repository::repository_root;

/// Where the workspace's crates are.
const FOLDERS: [&str; 5] = ["crates", "providers", "test", "examples", "xtask"];

fn page() -> String {
    fs::read_to_string(repository_root().join("docs/defects.md")).unwrap()
}

/// A section of the page, by its heading.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    page.split("\n## ").find(|section| section.starts_with(heading)).unwrap()
}

/// Every name of a function in the workspace's Rust sources.
fn functions() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for folder in FOLDERS {
        functions_in(&repository_root().join(folder), &mut found);
    }
    found
}

fn functions_in(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                functions_in(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.extend(text.lines().filter_map(function_of).map(ToOwned::to_owned));
        }
    }
}

/// The name of the function that this line begins.
fn function_of(line: &str) -> Option<&str> {
    let mut words = line.trim_start();
    for modifier in ["pub(super) ", "pub(crate) ", "pub ", "async "] {
        words = words.strip_prefix(modifier).unwrap_or(words);
    }
    let name = words.strip_prefix("fn ")?;
    name.split(['(', '<']).next()
}

/// The last cell of each row of the first table, and the tests that it names.
fn rows(tested: &str) -> Vec<(&str, Vec<&str>)> {
    let rows = tested.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Defect"));
    let cells = rows.map(|row| (row, row.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap_or_default()));
    cells.map(|(row, last)| (row, last.split('`').skip(1).step_by(2).collect())).collect()
}

/// Issues of a text: `azure-aci#33, #378` are two of `azure-aci`.
fn issues(text: &str) -> Vec<(String, u32)> {
    let mut project = String::new();
    let mut found = Vec::new();
    for word in text.split([' ', ',', '|', '(', ')', ';', ':']) {
        let Some((name, number)) = word.split_once('#') else { continue };
        if !name.is_empty() {
            name.clone_into(&mut project);
        }
        found.extend(number.parse().ok().map(|number| (project.clone(), number)));
    }
    found
}

/// What the names of a project's tests begin with: `azure_aci_`.
fn prefix(project: &str) -> String {
    // `cncf/toc`
    let repository = project.rsplit('/').next().unwrap_or_default();
    format!("{}_", repository.replace('-', "_").to_ascii_lowercase())
}

/// As `vk_762_…`, `azure_aci_409_…`: a project's name, then a number. Ours name sources and commits of the Go project too.
fn is_of_a_defect(name: &str, prefixes: &BTreeSet<String>) -> bool {
    let has_number = |rest: &str| rest.starts_with(|first: char| first.is_ascii_digit());
    name.starts_with("vk_") || prefixes.iter().any(|prefix| name.strip_prefix(prefix.as_str()).is_some_and(has_number))
}

#[test]
fn every_test_that_the_table_of_defects_names_exists() {
    let (found, page) = (functions(), page());
    let rows = rows(section(&page, "Tested"));
    assert!(rows.len() > 50, "{}", rows.len());
    for (row, tests) in rows {
        assert!(!tests.is_empty(), "names no test: {row}");
        let missing: Vec<_> = tests.into_iter().filter(|test| !found.contains(*test)).collect();
        assert!(missing.is_empty(), "there is no {missing:?}: {row}");
    }
}

#[test]
fn every_test_that_is_named_after_a_defect_is_in_the_table() {
    let page = page();
    let prefixes: BTreeSet<String> = issues(&page).iter().map(|(project, _)| prefix(project)).collect();
    let named: BTreeSet<&str> = rows(section(&page, "Tested")).into_iter().flat_map(|(_, tests)| tests).collect();
    let found = functions();
    let missing: Vec<_> =
        found.iter().filter(|name| is_of_a_defect(name, &prefixes) && !named.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn what_is_said_to_be_untested_has_no_test_of_its_name() {
    let (found, page) = (functions(), page());
    let untested = section(&page, "Not tested");
    let cells = untested.lines().filter_map(|line| line.strip_prefix("| ")?.split('|').next());
    // In parentheses stands where more was asked for than is meant.
    let issues: Vec<_> = cells.filter(|cell| !cell.starts_with('(')).flat_map(issues).collect();
    assert!(!issues.is_empty());
    for (project, number) in issues {
        let name = format!("{}{number}_", prefix(&project));
        let tests: Vec<_> = found.iter().filter(|test| test.starts_with(&name)).collect();
        assert!(tests.is_empty(), "{project}#{number} is tested: {tests:?}");
    }
}

#[test]
fn issues_are_told_from_other_words() {
    let expected = [("azure-aci".to_owned(), 33), ("azure-aci".to_owned(), 378), ("vk".to_owned(), 762)];
    assert_eq!(issues("azure-aci#33, #378, pod.go:89; vk#762 (open)"), expected);
    let prefixes = BTreeSet::from([prefix("azure-aci"), prefix("cncf/toc")]);
    assert!(is_of_a_defect("azure_aci_33_it_waits", &prefixes) && is_of_a_defect("toc_1907_releases", &prefixes));
    assert!(!is_of_a_defect("kep_753_init_containers_count", &prefixes));
}
