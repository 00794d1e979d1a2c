//! Compares the catalogue with the types of the newest Kubernetes version that `k8s-openapi` has.

mod trace;

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::PodSpec;

use super::*;

/// Known here, though not in the types: of versions before or after them.
const NOT_IN_TYPES: &[&str] = &["spec.workloadRef.**"];

fn covered(path: &str) -> bool {
    let covers = |field: &Field| {
        let subtree = field.path.strip_suffix(".**");
        field.path == path || subtree.is_some_and(|subtree| is_below(path, subtree))
    };
    fields().any(covers)
}

/// The types have three lists of containers, the catalogue one.
fn as_one_list_of_containers(path: &str) -> String {
    path.replace("spec.initContainers[]", "spec.containers[]")
        .replace("spec.ephemeralContainers[]", "spec.containers[]")
}

#[test]
fn every_field_of_the_types_is_in_the_catalogue() {
    let paths: BTreeSet<String> =
        trace::leaves::<PodSpec>("spec").iter().map(|p| as_one_list_of_containers(p)).collect();
    assert!(paths.len() > 300, "the trace has found {} fields only", paths.len());
    let missing: Vec<&String> = paths.iter().filter(|path| !covered(path)).collect();
    assert_eq!(missing, Vec::<&String>::new(), "decide what these fields are: consumed, or a request?");
}

#[test]
fn every_field_of_the_catalogue_is_in_the_types() {
    let paths: BTreeSet<String> =
        trace::leaves::<PodSpec>("spec").iter().map(|p| as_one_list_of_containers(p)).collect();
    let exists = |field: &&Field| {
        let path = field.path.trim_end_matches(".**");
        paths.iter().any(|leaf| leaf == path || is_below(leaf, path)) || NOT_IN_TYPES.contains(&field.path.as_str())
    };
    let surplus: Vec<&str> = fields().filter(|field| !exists(field)).map(|field| field.path.as_str()).collect();
    assert_eq!(surplus, Vec::<&str>::new());
}

#[test]
fn no_field_is_described_twice() {
    let mut section = Section::default();
    pod::describe(&mut section);
    container::describe(&mut section);
    volume::describe(&mut section);
    let paths: BTreeSet<&str> = section.fields.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(paths.len(), section.fields.len());
}
