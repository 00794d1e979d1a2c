use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::resolve::tests::pod_with;

fn builder(spec: &Value) -> FileTreeBuilder {
    FileTreeBuilder::new(&pod_with(spec), Some(0o644), "volume").unwrap()
}

#[test]
fn paths_are_cleaned_or_refused() {
    for (path, expected) in [
        ("a", "a"),
        ("a/b.txt", "a/b.txt"),
        ("a//b/./c", "a/b/c"),
        ("./a/", "a"),
        (".hidden", ".hidden"),
        ("a..b", "a..b"),
        ("a/..b", "a/..b"),
        ("a/...", "a/..."),
    ] {
        assert_eq!(clean_path(path).as_deref(), Ok(expected), "{path}");
    }
    let long_name = "a".repeat(256);
    let long_path = "a/".repeat(2049);
    for path in [
        "",
        ".",
        "/",
        "//a",
        "/etc/passwd",
        "..",
        "../a",
        "a/../b",
        "a/..",
        "..a",
        "./..data",
        "a\0",
        &long_name,
        &long_path,
    ] {
        assert!(clean_path(path).is_err(), "{path:?}");
    }
}

#[test]
fn a_file_cannot_also_be_a_directory() {
    for (paths, fine) in
        [(&["a", "a/b"][..], false), (&["a/b/c", "a"], false), (&["a", "ab", "a.b/c"], true), (&["a/b", "a/c"], true)]
    {
        let mut tree = builder(&json!({ "containers": [] }));
        for path in paths {
            tree.add(path, Bytes::new(), None, "item").unwrap();
        }
        assert_eq!(tree.finish("volume").is_ok(), fine, "{paths:?}");
    }
}

#[test]
fn modes_are_permission_bits() {
    assert_eq!(mode(0o644, "f"), Ok(0o644));
    assert_eq!(mode(0, "f"), Ok(0));
    assert_eq!(mode(0o777, "f"), Ok(0o777));
    assert!(mode(-1, "f").is_err() && mode(0o1000, "f").is_err());
    assert!(FileTreeBuilder::new(&Pod::default(), Some(0o1000), "volume").is_err());
    let tree = FileTreeBuilder::new(&Pod::default(), None, "volume").unwrap();
    assert_eq!(tree.default_mode, 0o644);
}

/// Whom tokens belong to, by the users and the group of a pod.
#[test]
fn a_token_is_private_once_somebody_can_own_it() {
    let container = |user: Value| json!({"name": "c", "securityContext": {"runAsUser": user}});
    for (spec, mode, user, group) in [
        (json!({"containers": [container(json!(null))]}), 0o644, None, None),
        (json!({"containers": [container(json!(1000))]}), 0o600, Some(1000), None),
        (json!({"containers": [container(json!(1000)), container(json!(1000))]}), 0o600, Some(1000), None),
        (json!({"containers": [container(json!(1000)), container(json!(1001))]}), 0o644, None, None),
        (json!({"containers": [container(json!(1000)), container(json!(null))]}), 0o644, None, None),
        (json!({"containers": [container(json!(1000))], "initContainers": [container(json!(0))]}), 0o644, None, None),
        (json!({"containers": [container(json!(null))], "securityContext": {"runAsUser": 7}}), 0o600, Some(7), None),
        (json!({"containers": [container(json!(1000))], "securityContext": {"runAsUser": 7}}), 0o600, Some(1000), None),
        (json!({"containers": [container(json!(null))], "securityContext": {"fsGroup": 50}}), 0o640, None, Some(50)),
        (
            json!({"containers": [container(json!(1000))], "securityContext": {"fsGroup": 50}}),
            0o640,
            Some(1000),
            Some(50),
        ),
    ] {
        let mut tree = builder(&spec);
        tree.add_token("token", Bytes::from_static(b"t"), "item").unwrap();
        tree.add("file", Bytes::new(), Some(0o400), "item").unwrap();
        let tree = tree.finish("volume").unwrap();
        let token = &tree.files["token"];
        assert_eq!((token.mode, token.user, tree.group), (mode, user, group), "{spec}");
        let of_others = &tree.files["file"];
        let expected = if group.is_some() { 0o440 } else { 0o400 };
        assert_eq!((of_others.mode, of_others.user), (expected, None), "{spec}");
    }
}

#[test]
fn ids_that_are_none_are_refused() {
    let pod = pod_with(&json!({"containers": [], "securityContext": {"fsGroup": -1}}));
    let error = FileTreeBuilder::new(&pod, None, "volume").err().unwrap();
    assert_eq!(error.to_string(), "spec.securityContext.fsGroup: not a user or group id");
}

proptest! {
    #[test]
    fn no_path_leads_out_of_the_volume(path in "[a./]{0,12}") {
        if let Ok(clean) = clean_path(&path) {
            prop_assert!(!clean.is_empty() && !clean.starts_with('/') && !clean.starts_with(".."));
            prop_assert!(clean.split('/').all(|name| !matches!(name, "" | "." | "..")));
            prop_assert_eq!(clean_path(&clean), Ok(clean.clone()));
        }
    }
}

/// A key that a ConfigMap has by accident is mended there: the pod that was refused for good never started.
#[test]
fn a_file_where_a_directory_is_needed_may_be_mended_elsewhere() {
    let mut tree = builder(&json!({"containers": []}));
    tree.add("settings", Bytes::new(), None, "item").unwrap();
    tree.add("settings/app.yaml", Bytes::new(), None, "item").unwrap();
    let error = crate::Error::from(tree.finish("spec.volumes[0].projected").err().unwrap());
    assert_eq!(error.retry, crate::Retry::Backoff, "{error}");
    assert!(error.to_string().contains("spec.volumes[0].projected"));
}
