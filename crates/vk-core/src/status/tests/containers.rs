//! What a container's status says beside its state.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::scenario::Scenario;
use crate::identity::PodUid;
use crate::observation::{
    ContainerKind, ContainerObservation, ContainerState, GivenResources, PodObservation, Stage, Terminated,
};
use crate::status::{EndCause, Phase, Verdict};

fn at(word: &str) -> Option<Timestamp> {
    Some(word.parse().unwrap())
}

fn app(state: ContainerState) -> ContainerObservation {
    ContainerObservation::new("app", ContainerKind::App, state)
}

fn running(started_at: Option<Timestamp>) -> ContainerObservation {
    app(ContainerState::Running { started_at })
}

/// Writes the status of an active pod with this container and returns the container's.
fn observe(scenario: &mut Scenario, container: ContainerObservation) -> Value {
    let observation = PodObservation::new(PodUid::new("u-1"), 1, Stage::Active).with_containers(vec![container]);
    scenario.write(&Verdict::Observed, Some(&observation));
    scenario.pod["status"]["containerStatuses"][0].clone()
}

fn with_probes(probes: &[&str]) -> Scenario {
    let mut scenario = Scenario::new("Always a:app");
    for probe in probes {
        scenario.pod["spec"]["containers"][0][probe] = json!({"tcpSocket": {"port": 80}});
    }
    scenario
}

#[test]
fn without_probes_running_is_started_and_ready() {
    let status = observe(&mut with_probes(&[]), running(at("2026-11-22T10:00:03.9Z")));
    assert_eq!(status["started"], true);
    assert_eq!(status["ready"], true);
    assert_eq!(status["state"], json!({"running": {"startedAt": "2026-11-22T10:00:03Z"}}));
}

#[test]
fn a_container_with_probes_is_neither_until_somebody_says_so() {
    for (probes, started, ready) in [
        (&["readinessProbe"][..], true, false),
        (&["startupProbe"][..], false, false),
        (&["startupProbe", "readinessProbe"][..], false, false),
        (&["livenessProbe"][..], true, true),
    ] {
        let status = observe(&mut with_probes(probes), running(None));
        assert_eq!((&status["started"], &status["ready"]), (&json!(started), &json!(ready)), "{probes:?}");
    }
}

#[test]
fn the_back_ends_own_checks_count() {
    let mut scenario = with_probes(&["startupProbe", "readinessProbe"]);
    let said = |ready, started| ContainerObservation { ready, started, ..running(None) };
    assert_eq!(observe(&mut scenario, said(Some(true), None))["ready"], true, "ready implies started");
    assert_eq!(observe(&mut scenario, said(Some(false), None))["ready"], false);
    assert_eq!(observe(&mut scenario, said(Some(true), Some(false)))["ready"], false, "not started is not ready");
    let mut plain = with_probes(&[]);
    assert_eq!(observe(&mut plain, said(Some(false), None))["ready"], false);
}

#[test]
fn what_was_said_before_holds_for_the_same_run_only() {
    let run = |id: &str| ContainerObservation { container_id: id.to_owned(), ..running(None) };
    for (probes, started) in [(&["startupProbe", "readinessProbe"][..], false), (&["readinessProbe"][..], true)] {
        let mut scenario = with_probes(probes);
        observe(&mut scenario, ContainerObservation { ready: Some(true), ..run("docker://1") });
        let seeded = observe(&mut scenario, run("docker://1"));
        assert_eq!((&seeded["started"], &seeded["ready"]), (&json!(true), &json!(true)));
        let another = observe(&mut scenario, run("docker://2"));
        assert_eq!((&another["started"], &another["ready"]), (&json!(started), &json!(false)), "{probes:?}");
    }
}

#[test]
fn a_back_end_that_does_not_count_restarts_is_counted_for() {
    let mut scenario = with_probes(&[]);
    let run = |id: &str| ContainerObservation { container_id: id.to_owned(), ..running(None) };
    let exit = |id: &str, code| ContainerObservation {
        container_id: id.to_owned(),
        ..app(ContainerState::Terminated(Terminated::with_exit_code(code)))
    };
    assert_eq!(observe(&mut scenario, run("x://1"))["restartCount"], 0);
    assert_eq!(observe(&mut scenario, exit("x://1", 3))["restartCount"], 0);
    let second = observe(&mut scenario, run("x://2"));
    assert_eq!(second["restartCount"], 1);
    assert_eq!(second["lastState"]["terminated"]["exitCode"], 3);
    let unseen_end = observe(&mut scenario, run("x://3"));
    assert_eq!(unseen_end["restartCount"], 2);
    assert_eq!(unseen_end["lastState"]["terminated"]["reason"], "ContainerStatusUnknown");
    assert_eq!(unseen_end["lastState"]["terminated"]["containerID"], "x://2");
    let backing_off =
        ContainerObservation { container_id: "x://3".into(), ..app(ContainerState::waiting("CrashLoopBackOff", "")) };
    assert_eq!(observe(&mut scenario, backing_off)["restartCount"], 2);
    assert_eq!(observe(&mut scenario, run("x://4"))["restartCount"], 3);
    let counting = ContainerObservation { restarts: 9, ..run("x://5") };
    assert_eq!(observe(&mut scenario, counting)["restartCount"], 9);
}

#[test]
fn a_back_end_that_counts_is_believed() {
    let mut scenario = with_probes(&[]);
    let first = ContainerObservation { container_id: "x://1".into(), ..running(None) };
    assert_eq!(observe(&mut scenario, first)["restartCount"], 0);
    let ended = Some(Terminated::with_exit_code(3));
    let second =
        |state| ContainerObservation { container_id: "x://2".into(), restarts: 1, last: ended.clone(), ..app(state) };
    // It exists already, and that it runs is not certain yet.
    assert_eq!(observe(&mut scenario, second(ContainerState::waiting("ContainerCreating", "")))["restartCount"], 1);
    assert_eq!(observe(&mut scenario, second(ContainerState::Running { started_at: None }))["restartCount"], 1);
}

#[test]
fn the_last_run_stays_while_the_back_end_forgets_it() {
    let mut scenario = with_probes(&[]);
    let last = Terminated { container_id: "x://1".into(), ..Terminated::with_exit_code(5) };
    let run = |last| ContainerObservation { container_id: "x://2".into(), restarts: 1, last, ..running(None) };
    observe(&mut scenario, run(Some(last)));
    let status = observe(&mut scenario, run(None));
    assert_eq!(status["lastState"]["terminated"]["exitCode"], 5);
    assert_eq!(status["lastState"]["terminated"]["reason"], "Error");
}

#[test]
fn times_that_the_back_end_does_not_know_are_those_first_seen() {
    let mut scenario = with_probes(&[]);
    let started = observe(&mut scenario, running(None))["state"]["running"]["startedAt"].clone();
    assert_eq!(started, "2026-11-22T10:00:10Z");
    assert_eq!(observe(&mut scenario, running(None))["state"]["running"]["startedAt"], started);
    let exit = app(ContainerState::Terminated(Terminated::with_exit_code(1)));
    let run = observe(&mut scenario, exit)["state"]["terminated"].clone();
    assert_eq!(run["startedAt"], started);
    assert_eq!(run["finishedAt"], "2026-11-22T10:00:50Z");
}

#[test]
fn an_end_is_told_with_all_that_is_known_of_it() {
    let run = Terminated {
        signal: Some(9),
        reason: "OOMKilled".into(),
        message: "out of memory".into(),
        started_at: at("2026-11-22T09:00:00.5Z"),
        finished_at: at("2026-11-22T09:00:07.5Z"),
        container_id: "docker://4f".into(),
        ..Terminated::with_exit_code(137)
    };
    let container = ContainerObservation {
        image: "docker.io/library/app:1".into(),
        image_id: "sha256:ab".into(),
        ..app(ContainerState::Terminated(run))
    };
    let status = observe(&mut with_probes(&[]), container);
    assert_eq!(
        status["state"]["terminated"],
        json!({
            "exitCode": 137, "signal": 9, "reason": "OOMKilled", "message": "out of memory",
            "startedAt": "2026-11-22T09:00:00Z", "finishedAt": "2026-11-22T09:00:07Z", "containerID": "docker://4f",
        })
    );
    assert_eq!(status["containerID"], "docker://4f");
    assert_eq!((&status["image"], &status["imageID"]), (&json!("docker.io/library/app:1"), &json!("sha256:ab")));
    assert_eq!((&status["ready"], &status["started"]), (&json!(false), &json!(false)));
}

#[test]
fn a_run_whose_end_nobody_saw_keeps_its_beginning() {
    let mut scenario = with_probes(&[]);
    observe(
        &mut scenario,
        ContainerObservation { container_id: "x://1".into(), ..running(at("2026-11-22T09:00:00Z")) },
    );
    scenario.write(&Verdict::Ended(EndCause::Lost { message: "host gone".into() }), None);
    let run = &scenario.pod["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!((&run["exitCode"], &run["reason"]), (&json!(137), &json!("ContainerStatusUnknown")));
    assert_eq!((&run["startedAt"], &run["containerID"]), (&json!("2026-11-22T09:00:00Z"), &json!("x://1")));
    assert_eq!(run.get("finishedAt"), None);
}

#[test]
fn a_loss_that_the_back_end_reports_has_no_time_of_its_end() {
    let lost = Terminated { reason: "ContainerStatusUnknown".into(), ..Terminated::with_exit_code(137) };
    let status = observe(&mut with_probes(&[]), app(ContainerState::Terminated(lost)));
    assert_eq!(status["state"], json!({"terminated": {"exitCode": 137, "reason": "ContainerStatusUnknown"}}));
}

#[test]
fn messages_share_twelve_kibibytes() {
    let mut scenario = Scenario::new("Never i:setup a:app a:bus e:debug");
    let long = || ContainerState::Terminated(Terminated { message: "m".repeat(9000), ..Terminated::with_exit_code(1) });
    let observation = PodObservation::new(PodUid::new("u-1"), 1, Stage::Active).with_containers(vec![
        ContainerObservation {
            last: Some(Terminated { message: "l".repeat(9000), ..Terminated::with_exit_code(1) }),
            ..app(long())
        },
        ContainerObservation::new("bus", ContainerKind::App, long()),
    ]);
    scenario.write(&Verdict::Observed, Some(&observation));
    let status = &scenario.pod["status"]["containerStatuses"][0];
    for state in ["state", "lastState"] {
        assert_eq!(status[state]["terminated"]["message"].as_str().unwrap().len(), 12 * 1024 / 4, "{state}");
    }
}

#[test]
fn lists_are_complete_and_in_the_kubelets_order() {
    let mut scenario = Scenario::new("Always i:zeta s:alpha a:web a:api e:two e:one");
    scenario.steps("waiting:ContainerCreating");
    let names = |list: &str| -> Vec<String> {
        let statuses = scenario.pod["status"][list].as_array().unwrap();
        statuses.iter().map(|status| status["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("initContainerStatuses"), ["zeta", "alpha"]);
    assert_eq!(names("containerStatuses"), ["api", "web"]);
    assert_eq!(names("ephemeralContainerStatuses"), ["one", "two"]);
    assert_eq!(scenario.pod["status"]["containerStatuses"][0]["image"], "api:1");
}

#[test]
fn resources_are_told_where_something_was_asked_for() {
    let mut scenario = with_probes(&[]);
    let without = observe(&mut scenario, running(None));
    assert_eq!((without.get("resources"), without.get("allocatedResources")), (None, None));

    for empty in [json!({}), json!({"limits": {}, "requests": {}})] {
        let mut scenario = with_probes(&[]);
        scenario.pod["spec"]["containers"][0]["resources"] = empty;
        let status = observe(&mut scenario, running(None));
        assert_eq!((status.get("resources"), status.get("allocatedResources")), (None, None));
    }

    let mut scenario = with_probes(&[]);
    scenario.pod["spec"]["containers"][0]["resources"] =
        json!({"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}});
    let status = observe(&mut scenario, running(None));
    assert_eq!(status["allocatedResources"], json!({"cpu": "100m", "memory": "64Mi"}));
    assert_eq!(status["resources"]["limits"], json!({"memory": "128Mi"}));
}

/// Two agents of one identity, of which one has polled later than the other, told their runs in turn, and counted a restart
/// with every write. Found by the simulation: seed 883.
#[test]
fn who_is_contradicted_counts_a_run_once() {
    for counted in [0, 1] {
        let run = |id: &str, restarts| ContainerObservation { container_id: id.into(), restarts, ..running(None) };
        let (mut one, mut other) = (with_probes(&[]), with_probes(&[]));
        observe(&mut one, run("x://1", 0));
        for _ in 0..20 {
            other.pod = one.pod.clone();
            let second = observe(&mut other, run("x://2", counted));
            assert_eq!(second["restartCount"], 1);
            one.pod = other.pod.clone();
            let first = observe(&mut one, run("x://1", 0));
            assert_eq!(first["restartCount"], 1);
            assert_eq!(first["lastState"], second["lastState"], "no end is invented");
        }
        assert_eq!(observe(&mut one, run("x://2", counted))["restartCount"], 1 + i32::from(counted == 0));
    }
}

/// An agent that came back was told of an older state first. Found by the simulation: seed 1146.
#[test]
fn a_run_that_was_taken_for_lost_and_is_there_again_is_no_restart() {
    let mut scenario = with_probes(&[]);
    let run = || ContainerObservation { container_id: "x://1".into(), ..running(None) };
    observe(&mut scenario, run());
    let older = observe(&mut scenario, app(ContainerState::waiting("ContainerCreating", "")));
    assert_eq!(older["restartCount"], 0);
    assert_eq!(observe(&mut scenario, run())["restartCount"], 0);
}

#[test]
fn a_resize_that_is_put_off_is_told_as_such() {
    let mut scenario = with_probes(&[]);
    scenario.pod["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "100m"}});
    observe(&mut scenario, running(None));
    scenario.pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] = json!("200m");
    let reason = |scenario: &mut Scenario, deferred| {
        scenario.resize_deferred = deferred;
        observe(scenario, running(None));
        let conditions = scenario.pod["status"]["conditions"].as_array().unwrap().clone();
        let pending = conditions.into_iter().find(|condition| condition["type"] == "PodResizePending");
        pending.map(|condition| condition["reason"].as_str().unwrap().to_owned()).unwrap()
    };
    assert_eq!(reason(&mut scenario, Some(true)), "Deferred");
    assert_eq!(reason(&mut scenario, None), "Deferred", "an agent that restarts has not been told");
    assert_eq!(reason(&mut scenario, Some(false)), "Infeasible");
}

#[test]
fn a_resize_is_refused_in_the_open() {
    let mut scenario = with_probes(&[]);
    scenario.pod["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "100m"}});
    observe(&mut scenario, running(None));
    let pending = |scenario: &Scenario| {
        let conditions = scenario.pod["status"]["conditions"].as_array().unwrap().clone();
        conditions.into_iter().find(|condition| condition["type"] == "PodResizePending")
    };
    assert_eq!(pending(&scenario), None);

    scenario.pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] = json!("200m");
    scenario.pod["metadata"]["generation"] = json!(2);
    scenario.answered_generation = Some(1);
    observe(&mut scenario, running(None));
    assert_eq!(pending(&scenario), None, "the back end has not said anything yet");
    scenario.answered_generation = None;
    let status = observe(&mut scenario, running(None));
    assert_eq!(status["allocatedResources"], json!({"cpu": "100m"}), "the container still has what it had");
    let condition = pending(&scenario).unwrap();
    assert_eq!((&condition["status"], &condition["reason"]), (&json!("True"), &json!("Infeasible")));
    assert_eq!(condition["observedGeneration"], 2);

    let mut ended = Scenario { pod: scenario.pod.clone(), ..Scenario::new("Always a:app") };
    ended.steps("killed");
    assert_eq!(pending(&ended), None, "nothing is pending after the end");

    scenario.pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] = json!("100m");
    observe(&mut scenario, running(None));
    assert_eq!(pending(&scenario), None);
}

/// KEP-1287: back ends that resize running containers say so by what they report.
#[test]
fn a_resize_that_the_back_end_made_is_told() {
    let mut scenario = with_probes(&[]);
    scenario.pod["spec"]["containers"][0]["resources"] =
        json!({"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi"}});
    observe(&mut scenario, running(None));
    scenario.pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] = json!("200m");
    let figures = |name: &str, figure: &str| [(name.to_owned(), figure.to_owned())].into();
    let resized = |cpu: &str| GivenResources { requests: figures("cpu", cpu), limits: figures("memory", "1024Mi") };
    let pending = |scenario: &Scenario| scenario.pod["status"]["conditions"].to_string().contains("PodResizePending");

    let half = ContainerObservation { resources: Some(resized("0.15")), ..running(None) };
    let status = observe(&mut scenario, half);
    assert_eq!(status["allocatedResources"], json!({"cpu": "150m"}));
    assert!(pending(&scenario), "not all the way yet");

    let whole = ContainerObservation { resources: Some(resized("0.2")), ..running(None) };
    let status = observe(&mut scenario, whole);
    assert_eq!(status["resources"], json!({"requests": {"cpu": "200m"}, "limits": {"memory": "1Gi"}}));
    assert!(!pending(&scenario));

    let odd = ContainerObservation { resources: Some(resized("plenty")), ..running(None) };
    assert_eq!(observe(&mut scenario, odd)["resources"], json!({"limits": {"memory": "1Gi"}}));
}

#[test]
fn read_only_mounts_are_told() {
    let mut scenario = with_probes(&[]);
    scenario.pod["spec"]["containers"][0]["volumeMounts"] = json!([
        {"name": "data", "mountPath": "/data"},
        {"name": "token", "mountPath": "/token", "readOnly": true},
    ]);
    let status = observe(&mut scenario, running(None));
    assert_eq!(
        status["volumeMounts"],
        json!([
            {"name": "data", "mountPath": "/data"},
            {"name": "token", "mountPath": "/token", "readOnly": true, "recursiveReadOnly": "Disabled"},
        ])
    );
}

/// Or `kubectl debug` would wait without a word.
#[test]
fn an_ephemeral_container_that_will_not_run_says_why() {
    for runs in [true, false] {
        let mut scenario = Scenario::new("Always a:app e:debug");
        scenario.runs_ephemeral_containers = runs;
        scenario.steps("active app=run");
        let waiting = &scenario.pod["status"]["ephemeralContainerStatuses"][0]["state"]["waiting"];
        let (reason, message) = (waiting["reason"].as_str().unwrap(), waiting["message"].as_str().unwrap_or_default());
        assert_eq!(reason, if runs { "ContainerCreating" } else { "UnsupportedField" });
        assert_eq!(message.contains("spec.ephemeralContainers"), !runs);
        assert_eq!(scenario.phase(), Phase::Running, "the pod goes on");
    }
}
