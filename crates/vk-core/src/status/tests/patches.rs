//! The form of the patch, and how it treats what others have written.

use std::net::IpAddr;

use expect_test::expect;
use serde_json::{Value, json};

use super::scenario::Scenario;
use crate::identity::PodUid;
use crate::observation::{ContainerKind, ContainerObservation, ContainerState, PodObservation, Stage};
use crate::status::{EndCause, Phase, StatusPlan, Verdict};

fn active(ips: &[&str], state: ContainerState) -> PodObservation {
    let mut observation = PodObservation::new(PodUid::new("u-1"), 1, Stage::Active)
        .with_containers(vec![ContainerObservation::new("app", ContainerKind::App, state)]);
    observation.pod_ips = ips.iter().map(|ip| ip.parse().unwrap()).collect();
    observation
}

fn running(ips: &[&str]) -> PodObservation {
    active(ips, ContainerState::Running { started_at: None })
}

fn condition(scenario: &Scenario, kind: &str) -> Value {
    let conditions = scenario.pod["status"]["conditions"].as_array().unwrap();
    conditions.iter().find(|condition| condition["type"] == kind).cloned().unwrap_or_default()
}

#[test]
fn a_first_running_status_in_full() {
    let mut scenario = Scenario::new("Always a:app");
    scenario.start_time = Some("2026-11-22T10:00:01.5Z".parse().unwrap());
    let patch = scenario.write(&Verdict::Observed, Some(&running(&["10.1.0.7"]))).unwrap();
    expect![[r#"
        {
          "metadata": {
            "resourceVersion": "100",
            "uid": "u-1"
          },
          "status": {
            "conditions": [
              {
                "lastTransitionTime": "2026-11-22T10:00:10Z",
                "observedGeneration": 1,
                "status": "True",
                "type": "PodReadyToStartContainers"
              },
              {
                "lastTransitionTime": "2026-11-22T10:00:10Z",
                "observedGeneration": 1,
                "status": "True",
                "type": "Initialized"
              },
              {
                "lastTransitionTime": "2026-11-22T10:00:10Z",
                "observedGeneration": 1,
                "status": "True",
                "type": "ContainersReady"
              },
              {
                "lastTransitionTime": "2026-11-22T10:00:10Z",
                "observedGeneration": 1,
                "status": "True",
                "type": "Ready"
              }
            ],
            "containerStatuses": [
              {
                "image": "app:1",
                "imageID": "",
                "name": "app",
                "ready": true,
                "restartCount": 0,
                "started": true,
                "state": {
                  "running": {
                    "startedAt": "2026-11-22T10:00:10Z"
                  }
                }
              }
            ],
            "hostIP": "192.0.2.10",
            "hostIPs": [
              {
                "$patch": "replace"
              },
              {
                "ip": "192.0.2.10"
              }
            ],
            "observedGeneration": 1,
            "phase": "Running",
            "podIP": "10.1.0.7",
            "podIPs": [
              {
                "$patch": "replace"
              },
              {
                "ip": "10.1.0.7"
              }
            ],
            "startTime": "2026-11-22T10:00:01Z"
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&patch).unwrap());
}

#[test]
fn only_what_differs_is_sent() {
    let mut scenario = Scenario::new("Always a:app");
    scenario.write(&Verdict::Observed, Some(&running(&["10.1.0.7"])));
    let mut unready = running(&["10.1.0.7"]);
    unready.containers[0].ready = Some(false);
    let patch = scenario.write(&Verdict::Observed, Some(&unready)).unwrap();
    let fields: Vec<&String> = patch["status"].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["conditions", "containerStatuses"]);
    let kinds: Vec<&Value> =
        patch["status"]["conditions"].as_array().unwrap().iter().map(|entry| &entry["type"]).collect();
    assert_eq!(kinds, ["ContainersReady", "Ready"]);
    assert_eq!(scenario.write(&Verdict::Observed, Some(&unready)), None);
}

#[test]
fn what_no_longer_holds_is_taken_away() {
    let mut scenario = Scenario::new("Always a:app");
    scenario.steps("waiting:ContainerCreating");
    scenario.pod["status"]["reason"] = json!("Odd");
    assert_eq!(condition(&scenario, "Ready")["reason"], "ContainersNotReady");
    let patch = scenario.write(&Verdict::Observed, Some(&running(&[]))).unwrap();
    assert_eq!(patch["status"]["reason"], Value::Null);
    assert_eq!(condition(&scenario, "Ready").get("reason"), None);
    assert_eq!(scenario.pod["status"].get("reason"), None);
}

#[test]
fn a_foreign_change_is_repaired_and_foreign_conditions_survive() {
    let mut scenario = Scenario::new("Always a:app");
    scenario.write(&Verdict::Observed, Some(&running(&[])));
    let conditions = scenario.pod["status"]["conditions"].as_array_mut().unwrap();
    conditions.push(json!({"type": "example.com/gate", "status": "False", "reason": "Mine"}));
    for condition in conditions.iter_mut().filter(|condition| condition["type"] == "Ready") {
        condition["status"] = json!("False");
    }
    let patch = scenario.write(&Verdict::Observed, Some(&running(&[]))).unwrap();
    assert_eq!(patch["status"].as_object().unwrap().len(), 1, "{patch}");
    assert_eq!(condition(&scenario, "Ready")["status"], "True");
    assert_eq!(condition(&scenario, "example.com/gate")["reason"], "Mine");
    assert_eq!(condition(&scenario, "PodScheduled")["lastTransitionTime"], "2026-11-22T09:59:59Z");
}

#[test]
fn a_transition_time_changes_with_the_status_and_not_with_the_words() {
    let mut scenario = Scenario::new("Always a:app a:bus");
    scenario.steps("active app=wait:A bus=wait:A");
    let before = condition(&scenario, "Ready");
    scenario.steps("active app=run bus=wait:A");
    let after = condition(&scenario, "Ready");
    assert_ne!(before["message"], after["message"]);
    assert_eq!(before["lastTransitionTime"], after["lastTransitionTime"]);
    scenario.steps("active app=run bus=run");
    assert_ne!(condition(&scenario, "Ready")["lastTransitionTime"], after["lastTransitionTime"]);
}

#[test]
fn the_generation_that_was_seen_is_told() {
    let mut scenario = Scenario::new("Always a:app");
    scenario.write(&Verdict::Observed, Some(&running(&[])));
    scenario.pod["metadata"]["generation"] = json!(5);
    scenario.write(&Verdict::Observed, Some(&running(&[])));
    assert_eq!(scenario.pod["status"]["observedGeneration"], 5);
    for kind in ["PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready"] {
        assert_eq!(condition(&scenario, kind)["observedGeneration"], 5, "{kind}");
    }
    assert_eq!(condition(&scenario, "PodScheduled").get("observedGeneration"), None);
}

/// KEP-5067: what the back end has still to decide about has not been observed.
#[test]
fn a_generation_without_an_answer_is_not_told() {
    let mut scenario = Scenario::new("Always a:app");
    scenario.write(&Verdict::Observed, Some(&running(&[])));
    scenario.pod["metadata"]["generation"] = json!(3);
    scenario.answered_generation = Some(1);
    assert_eq!(scenario.write(&Verdict::Observed, Some(&running(&[]))), None, "no write");
    scenario.answered_generation = Some(2);
    scenario.write(&Verdict::Observed, Some(&running(&[])));
    assert_eq!(scenario.pod["status"]["observedGeneration"], 2);
    assert_eq!(condition(&scenario, "Ready")["observedGeneration"], 2);
}

#[test]
fn a_generation_that_was_seen_before_is_not_taken_back() {
    let mut scenario = Scenario::new("Always a:app");
    scenario.pod["status"]["observedGeneration"] = json!(9);
    scenario.write(&Verdict::Observed, Some(&running(&[])));
    assert_eq!(scenario.pod["status"]["observedGeneration"], 9);
}

#[test]
fn the_reason_of_a_phase_stays_as_long_as_the_phase() {
    let mut scenario = Scenario::new("Always a:app");
    scenario.steps("active app=run");
    scenario.pod["status"]["reason"] = json!("NodeLost");
    scenario.pod["status"]["message"] = json!("for people");
    scenario.steps("active app=back:1");
    assert_eq!(
        (&scenario.pod["status"]["reason"], &scenario.pod["status"]["message"]),
        (&json!("NodeLost"), &json!("for people"))
    );
    scenario.steps("killed app=exit:0");
    assert_eq!((scenario.pod["status"].get("reason"), scenario.pod["status"].get("message")), (None, None));
}

#[test]
fn readiness_gates_hold_a_pod_back() {
    let mut scenario = Scenario::new("Always a:app");
    scenario.pod["spec"]["readinessGates"] = json!([{"conditionType": "example.com/lb"}]);
    scenario.write(&Verdict::Observed, Some(&running(&[])));
    let ready = condition(&scenario, "Ready");
    assert_eq!((&ready["status"], &ready["reason"]), (&json!("False"), &json!("ReadinessGatesNotReady")));
    assert_eq!(ready["message"], "corresponding condition of pod readiness gate \"example.com/lb\" does not exist.");
    assert_eq!(condition(&scenario, "ContainersReady")["status"], "True");

    let gate = |status: &str| json!({"type": "example.com/lb", "status": status});
    scenario.pod["status"]["conditions"].as_array_mut().unwrap().push(gate("False"));
    scenario.write(&Verdict::Observed, Some(&running(&[])));
    assert_eq!(
        condition(&scenario, "Ready")["message"],
        "the status of pod readiness gate \"example.com/lb\" is not \"True\", but False"
    );
    *scenario.pod["status"]["conditions"].as_array_mut().unwrap().last_mut().unwrap() = gate("True");
    scenario.write(&Verdict::Observed, Some(&running(&[])));
    assert_eq!(condition(&scenario, "Ready")["status"], "True");
}

#[test]
fn addresses_replace_the_old_ones_and_are_never_taken_away() {
    let mut scenario = Scenario::new("Always a:app");
    let first = scenario.write(&Verdict::Observed, Some(&running(&["10.1.0.7"]))).unwrap();
    assert_eq!(first["status"]["podIPs"], json!([{"$patch": "replace"}, {"ip": "10.1.0.7"}]));
    let second = scenario.write(&Verdict::Observed, Some(&running(&["fd00::7", "10.1.0.8"]))).unwrap();
    assert_eq!(second["status"]["podIP"], "10.1.0.8");
    assert_eq!(second["status"]["podIPs"], json!([{"$patch": "replace"}, {"ip": "10.1.0.8"}, {"ip": "fd00::7"}]));
    assert_eq!(second["status"].get("hostIPs"), None);
    scenario.write(&Verdict::Ended(EndCause::Completed), None);
    assert_eq!(scenario.pod["status"]["podIP"], "10.1.0.8");
    assert_eq!(scenario.pod["status"]["hostIPs"], json!([{"ip": "192.0.2.10"}]));
}

#[test]
fn the_host_is_the_back_ends_or_else_the_node() {
    let host = |scenario: &Scenario| scenario.pod["status"]["hostIP"].clone();
    let mut scenario = Scenario::new("Always a:app");
    scenario.steps("waiting:ContainerCreating");
    assert_eq!(host(&scenario), "192.0.2.10");
    let mut elsewhere = running(&[]);
    elsewhere.host_ips = vec!["198.51.100.4".parse::<IpAddr>().unwrap()];
    scenario.write(&Verdict::Observed, Some(&elsewhere));
    assert_eq!(host(&scenario), "198.51.100.4");
    scenario.write(&Verdict::Ended(EndCause::Stopped), None);
    assert_eq!(host(&scenario), "198.51.100.4", "without an observation the host stays what it was");
}

#[test]
fn a_pod_on_the_hosts_network_has_its_hosts_address() {
    let mut scenario = Scenario::new("Always a:app");
    scenario.pod["spec"]["hostNetwork"] = json!(true);
    scenario.write(&Verdict::Observed, Some(&running(&[])));
    assert_eq!(scenario.pod["status"]["podIP"], "192.0.2.10");
    scenario.node_ips = vec!["192.0.2.99".parse().unwrap()];
    scenario.write(&Verdict::Observed, Some(&running(&[])));
    assert_eq!(scenario.pod["status"]["podIP"], "192.0.2.10", "it stays once it is set");
    assert_eq!(scenario.pod["status"]["hostIP"], "192.0.2.99");
}

#[test]
fn annotations_are_sent_where_they_differ() {
    let mut scenario = Scenario::new("Always a:app");
    scenario.pod["metadata"]["annotations"] = json!({"same": "1", "other": "2", "foreign": "3"});
    scenario.annotations = [("same", "1"), ("other", "9")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let patch = scenario.write(&Verdict::Observed, Some(&running(&[]))).unwrap();
    assert_eq!(patch["metadata"]["annotations"], json!({"other": "9"}));
    assert_eq!(scenario.pod["metadata"]["annotations"], json!({"same": "1", "other": "9", "foreign": "3"}));

    scenario.annotations.insert("new".into(), "1".into());
    let patch = scenario.write(&Verdict::Observed, Some(&running(&[]))).unwrap();
    assert_eq!(patch.get("status"), None, "{patch}");
}

#[test]
fn the_start_time_is_set_once() {
    let mut scenario = Scenario::new("Always a:app");
    let waiting = Verdict::Waiting { reason: "ContainerCreating".into(), message: String::new() };
    scenario.write(&waiting, None);
    assert_eq!(scenario.pod["status"].get("startTime"), None);
    scenario.start_time = Some("2026-11-22T10:00:01.5Z".parse().unwrap());
    scenario.write(&waiting, None);
    assert_eq!(scenario.pod["status"]["startTime"], "2026-11-22T10:00:01Z");
    scenario.start_time = Some("2026-11-22T11:00:00Z".parse().unwrap());
    assert_eq!(scenario.write(&waiting, None), None);
}

#[test]
fn a_change_of_words_alone_is_cosmetic() {
    let is_cosmetic = |scenario: &Scenario, state: ContainerState| match scenario
        .plan(&Verdict::Observed, Some(&active(&[], state)))
    {
        StatusPlan::Patch { cosmetic, .. } => cosmetic,
        StatusPlan::Unchanged { .. } => panic!("unchanged"),
    };
    let waiting = |message: &str| ContainerState::waiting("ImagePullBackOff", message);
    let mut scenario = Scenario::new("Always a:app");
    assert!(!is_cosmetic(&scenario, waiting("back-off 10s")));
    scenario.write(&Verdict::Observed, Some(&active(&[], waiting("back-off 10s"))));
    assert!(is_cosmetic(&scenario, waiting("back-off 20s")));
    assert!(!is_cosmetic(&scenario, ContainerState::waiting("ErrImagePull", "back-off 10s")));
    scenario.annotations.insert("new".into(), "1".into());
    assert!(!is_cosmetic(&scenario, waiting("back-off 20s")));
}

#[test]
fn somebody_elses_disruption_target_stays_theirs() {
    let mut scenario = Scenario::new("Never a:app");
    scenario.steps("active app=run");
    let theirs = json!({
        "type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI",
        "lastTransitionTime": "2026-11-22T10:00:05Z",
    });
    scenario.pod["status"]["conditions"].as_array_mut().unwrap().push(theirs.clone());
    scenario.steps("lost");
    assert_eq!(condition(&scenario, "DisruptionTarget"), theirs);
}

#[test]
fn a_disruption_comes_with_the_terminal_phase() {
    let mut scenario = Scenario::new("Never a:app");
    scenario.steps("active app=run");
    let disrupted =
        Verdict::Ended(EndCause::Disrupted { reason: "SpotInterruption".into(), message: "reclaimed".into() });
    let patch = scenario.write(&disrupted, None).unwrap();
    assert_eq!(patch["status"]["phase"], "Failed");
    let target = condition(&scenario, "DisruptionTarget");
    assert_eq!((&target["status"], &target["reason"]), (&json!("True"), &json!("TerminationByKubelet")));
    assert_eq!(target["message"], "SpotInterruption: reclaimed");
    assert_eq!(scenario.pod["status"]["message"], "reclaimed");
}

#[test]
fn a_rejected_pod_has_neither_containers_nor_addresses() {
    let mut scenario = Scenario::new("Always a:app");
    let rejected =
        Verdict::Ended(EndCause::Rejected { reason: "OutOfcpu".into(), message: "Node has too little".into() });
    let patch = scenario.write(&rejected, None).unwrap();
    let fields: Vec<&String> = patch["status"].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["conditions", "message", "observedGeneration", "phase", "reason"]);
    assert_eq!(patch["status"]["message"], "Pod was rejected: Node has too little");
}

#[test]
fn a_pod_without_status_or_generation_is_written_all_the_same() {
    let mut scenario = Scenario::new("Always a:app");
    scenario.pod.as_object_mut().unwrap().remove("status");
    scenario.pod["metadata"].as_object_mut().unwrap().remove("generation");
    scenario.write(&Verdict::Observed, Some(&running(&["10.1.0.7"])));
    assert_eq!(scenario.summary(), "Running | S+ I+ C+ R+ | app=ready");
    assert_eq!(scenario.pod["status"].get("observedGeneration"), None);
    assert_eq!(condition(&scenario, "Ready").get("observedGeneration"), None);
}

/// Back ends learn late how a container ended; the phase stays what it was.
#[test]
fn what_becomes_known_of_an_end_refines_it() {
    let mut scenario = Scenario::new("Never a:app");
    let app = |scenario: &Scenario| scenario.summary().split(" | ").last().unwrap().to_owned();
    scenario.steps("active app=run > killed app=unknown");
    assert_eq!((scenario.phase(), app(&scenario)), (Phase::Failed, "app=ContainerStatusUnknown:137".to_owned()));
    scenario.steps("killed app=exit:42");
    assert_eq!((scenario.phase(), app(&scenario)), (Phase::Failed, "app=Error:42".to_owned()));
    scenario.steps("killed app=exit:0");
    assert_eq!((scenario.phase(), app(&scenario)), (Phase::Failed, "app=Completed:0".to_owned()));
    scenario.steps("killed app=run > killed app=wait:Gone > lost");
    assert_eq!((scenario.phase(), app(&scenario)), (Phase::Failed, "app=Completed:0".to_owned()));
}
