use std::collections::BTreeMap;
use std::time::Duration;

use vk_core::{ContainerKind, ErrorKind};

use super::parse::KNOWN;
use super::*;

fn containers() -> Vec<(String, ContainerKind)> {
    vec![
        ("setup".to_owned(), ContainerKind::Init),
        ("main".to_owned(), ContainerKind::App),
        ("side".to_owned(), ContainerKind::App),
    ]
}

fn script(entries: &[(&str, &str)]) -> vk_provider::Result<Script> {
    let annotations: BTreeMap<_, _> =
        entries.iter().map(|(key, value)| (format!("{ANNOTATION_PREFIX}{key}"), (*value).to_owned())).collect();
    parse(&annotations, &containers())
}

#[test]
fn foreign_annotations_script_nothing() {
    let annotations = BTreeMap::from([("example.com/run-for".to_owned(), "x".to_owned())]);
    assert_eq!(parse(&annotations, &containers()).unwrap(), Script::default());
}

#[test]
fn a_plain_value_concerns_the_app_containers() {
    let script = script(&[("run-for", "1m30s")]).unwrap();
    let named: Vec<_> = script.containers.keys().map(String::as_str).collect();
    assert_eq!(named, ["main", "side"]);
    assert_eq!(script.containers["main"].run_for, Some(Duration::from_secs(90)));
}

#[test]
fn containers_can_be_named_as_a_list_or_as_json() {
    for text in ["main=3,setup=0", r#"{"main": 3, "setup": "0"}"#] {
        let script = script(&[("exit-code", text)]).unwrap();
        assert_eq!(script.containers["main"].exit_code, Some(3), "{text}");
        assert_eq!(script.containers["setup"].exit_code, Some(0), "{text}");
        assert!(script.container("side").is_none(), "{text}");
    }
}

#[test]
fn a_log_may_hold_equals_signs() {
    let script = script(&[("log", "key=value")]).unwrap();
    assert_eq!(script.containers["main"].log.as_deref(), Some("key=value"));
}

#[test]
fn faults_are_numbered() {
    let script = script(&[("create-error", "unavailable@1-2,conflict@4"), ("create-hang", "forever@3")]).unwrap();
    let fault = |count| script.fault(Call::Create, count);
    assert_eq!(fault(2), Some(Fault::Error(FaultKind::Unavailable)));
    assert_eq!(fault(3), Some(Fault::Hang(Duration::MAX)));
    assert_eq!(fault(4), Some(Fault::Error(FaultKind::Conflict)));
    assert_eq!(fault(5), None);
    assert_eq!(script.fault(Call::Lookup, 1), None);
}

#[test]
fn runs_crash_as_often_as_scripted_and_then_go_well() {
    let end = |entries: &[(&str, &str)], restarts| {
        let script = script(entries).unwrap();
        let end = script.containers["main"].planned_end(restarts)?;
        Some((end.after.as_secs(), end.exit_code, end.reason.unwrap_or_default()))
    };
    let usual = |after, exit_code| Some((after, exit_code, String::new()));
    // A service that lasts in the end.
    assert_eq!(end(&[("crash-loop", "2")], 1), usual(1, 1));
    assert_eq!(end(&[("crash-loop", "2")], 2), None);
    assert_eq!(end(&[("crash-loop", "2"), ("crash-after", "5s")], 0), usual(5, 1));
    assert_eq!(end(&[("crash-loop", "forever")], 1000), usual(1, 1));
    // A job that succeeds in the end.
    let job = [("crash-loop", "2"), ("run-for", "9s"), ("exit-code", "137"), ("exit-reason", "OOMKilled")];
    assert_eq!(end(&job, 1), Some((1, 137, "OOMKilled".to_owned())));
    assert_eq!(end(&job, 2), usual(9, 0));
    // Without crashes, each run ends alike.
    assert_eq!(end(&[("run-for", "2s")], 7), usual(2, 0));
    assert_eq!(end(&[("run-for", "2s"), ("exit-code", "3")], 7), usual(2, 3));
    assert_eq!(end(&[("crash-loop", "0"), ("run-for", "2s"), ("exit-code", "3")], 0), usual(2, 3));
}

#[test]
fn each_mistake_names_its_annotation_and_the_remedy() {
    let cases = [
        ("run-for", "soon", "1m30s"),
        ("run-for", "-5s", "1m30s"),
        ("run-for", "99999999h", "ten years"),
        ("run-for", "main=5s,other=1s", "no container \"other\""),
        ("run-for", "main=5s,side", "CONTAINER=VALUE"),
        ("exit-code", "256", "0 to 255"),
        ("exit-code", "{main: 1}", "JSON"),
        ("exit-reason", "oom killed", "CamelCase"),
        ("crash-loop", "often", "forever"),
        ("log-interval", "0", "1ms"),
        ("cpu", "-1", "250m"),
        ("cpu", "much", "250m"),
        ("memory", "main=64MB", "64Mi"),
        ("create-error", "gone", "unavailable"),
        ("create-error", "conflict@0", "counted from 1"),
        ("create-error", "conflict@5-2", "counted from 1"),
        ("provision-error", "x", "known are"),
        ("run-fro", "1s", "run-for"),
    ];
    for (key, value, remedy) in cases {
        let error = script(&[(key, value)]).unwrap_err();
        let field = format!("metadata.annotations[{ANNOTATION_PREFIX}{key}]");
        assert_eq!(error.kind, ErrorKind::Invalid { field }, "{key}: {value}");
        assert!(error.message.contains(remedy), "{:?} lacks {remedy:?}", error.message);
    }
}

#[test]
fn every_annotation_is_documented() {
    let names: Vec<&str> = KNOWN.into_iter().chain(["CALL-error", "CALL-hang"]).collect();
    for document in [include_str!("../lib.rs"), include_str!("../../../../docs/providers/mock.md")] {
        for name in &names {
            let is_documented = |line: &str| line.contains("| `") && line.contains(&format!("`{name}`"));
            assert!(document.lines().any(is_documented), "{name}");
        }
    }
}
