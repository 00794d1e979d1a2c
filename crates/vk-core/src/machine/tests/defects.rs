//! Defects of the Go project and its providers that one machine shows (`docs/defects.md`).

use super::*;

/// podcontroller.go:737: only regular containers counted as running, so that a pod in its init container was deleted from
/// the API at once.
#[test]
fn vk_podcontroller_737_an_init_container_or_a_sidecar_that_runs_counts() {
    for kind in [ContainerKind::Init, ContainerKind::Sidecar] {
        let helper = ContainerFacts { name: "helper".into(), kind, ..facts().containers.remove(0) };
        let app = facts().containers;
        let facts =
            PodFacts { started: true, phase: Phase::Pending, containers: [vec![helper], app].concat(), ..facts() };
        let state = |running| if running { ContainerState::Running { started_at: None } } else { exited(143) };
        // A sidecar outlives the others, an init container keeps them waiting.
        let app = match kind {
            ContainerKind::Sidecar => exited(0),
            _ => ContainerState::waiting("PodInitializing", ""),
        };
        let observed = |revision, stage, running| {
            let helper = ContainerObservation::new("helper", kind, state(running));
            let app = ContainerObservation::new("app", ContainerKind::App, app.clone());
            PodObservation::new(uid(), revision, stage).with_containers(vec![helper, app])
        };
        let mut harness = Harness::with(facts, REMEMBERS);
        harness.listed(observed(1, Stage::Active, true)).finish(CallOutcome::Adopted(Ok(())));
        harness.deleted(30);
        assert!(matches!(harness.under_way(), Some(Call::Terminate { .. })), "{kind:?}");
        harness.finish(CallOutcome::Terminated(Ok(None)));
        harness.event(Event::Observed(observed(2, Stage::Active, true)));
        assert_eq!(harness.end(), None, "{kind:?} runs");
        harness.event(Event::Observed(observed(3, Stage::Stopped, false)));
        assert_eq!(harness.end(), Some(EndCause::Stopped));
    }
}

fn exited(code: i32) -> ContainerState {
    ContainerState::Terminated(Terminated::with_exit_code(code))
}

/// vk#223, vk#78, interLink#134: pods that had ended, or that the provider had removed, were asked about for ever.
#[test]
fn vk_223_nobody_asks_about_a_pod_that_has_ended() {
    let mut completed = Harness::running();
    completed.event(Event::Observed(stopped(2, 0))).wrote(Phase::Succeeded);
    let mut lost = Harness::running();
    lost.listed_absent().absent();
    lost.wrote(Phase::Failed);
    for mut harness in [completed, lost] {
        assert!(!harness.machine.in_transition());
        assert_eq!(harness.machine.wake_at(harness.now), None);
        harness.pass(Duration::from_secs(100_000));
        assert_eq!((harness.under_way(), harness.writing()), (None, None));
    }
    // Not even the lists that other pods need make it ask.
    let mut lost = Harness::running();
    lost.listed_absent().absent();
    lost.wrote(Phase::Failed);
    for _ in 0..10 {
        lost.pass(Duration::from_secs(60)).listed_absent();
        assert_eq!(lost.under_way(), None);
    }
}

/// vk#978: a provider that forgot a pod for a moment made it Failed, and it stayed that when the provider knew it again.
#[test]
fn vk_978_a_pod_that_one_list_left_out_is_not_lost() {
    let mut harness = Harness::running();
    for revision in 2..20 {
        harness.listed_absent();
        assert_eq!(harness.under_way(), Some(Call::Lookup), "a list alone proves nothing");
        harness.finish(CallOutcome::LookedUp(Ok(LookedUp { found: Some(running(revision)), instance: None })));
        assert_eq!(harness.end(), None);
        if harness.writing().is_some() {
            harness.answer(WriteOutcome::Unchanged { phase: Phase::Running });
        }
    }
    assert_eq!(harness.verdict(), Verdict::Observed);
}

/// vk#874, tensile-kube#44: a pod that the platform had evicted was deleted from the API, or stayed Running.
#[test]
fn vk_874_an_eviction_in_the_back_end_is_told_and_nothing_is_deleted() {
    let mut harness = Harness::running();
    let (reason, message) = ("SpotInterruption".to_owned(), "reclaimed".to_owned());
    let stage = Stage::Disrupted { reason: reason.clone(), message: message.clone() };
    harness.event(Event::Observed(observation(2, stage, exited(137))));
    assert_eq!(harness.end(), Some(EndCause::Disrupted { reason, message }));
    harness.wrote(Phase::Failed);
    assert_eq!((harness.under_way(), harness.writing()), (None, None), "its object is for others to delete");
}

/// interLink#200, #239: after a restart nobody knew under which name the back end runs a pod.
#[test]
fn interlink_200_the_handle_leads_back_to_the_pod_after_a_restart() {
    let handle = crate::Handle::new(b"slurm-17".to_vec()).unwrap();
    let mut before = Harness::with(facts(), REMEMBERS);
    before.listed_absent().finish(CallOutcome::Prepared(Ok(())));
    let created = Created { handle: Some(handle.clone()), observation: Some(running(1)), instance: None };
    before.finish(CallOutcome::Created(Ok(created)));
    assert_eq!(before.writing(), Some(Write::Status));
    let annotations = before.machine.status_basis().annotations;
    assert!(annotations.contains_key(crate::record::HANDLE_ANNOTATION), "written with the first status");

    let by_handle = BackendPolicy { lists_all: false, ..REMEMBERS };
    let known = PodFacts { handle: Some(handle.clone()), started: true, phase: Phase::Running, ..facts() };
    let after = Harness::with(known, by_handle);
    assert_eq!(after.under_way(), Some(Call::Lookup));
    assert_eq!(after.machine.handle(), Some(&handle));
}

/// vk#840: the first failure of one pod slowed the first attempt of every other; here each pod has its own back-off.
#[test]
fn vk_840_a_success_ends_the_back_off() {
    let mut harness = Harness::with(facts(), REMEMBERS);
    harness.listed_absent();
    for _ in 0..20 {
        harness.finish(CallOutcome::Prepared(Err(Error::unavailable("503")))).wake();
    }
    harness.finish(CallOutcome::Prepared(Ok(())));
    assert_eq!(harness.under_way(), Some(Call::Create), "at once");
    harness.finish(CallOutcome::Created(Ok(Created { observation: Some(running(1)), ..Created::default() })));
    harness.wrote(Phase::Running).deleted(30);
    assert!(matches!(harness.under_way(), Some(Call::Terminate { .. })), "at once");
}

/// b258ade0: variables and labels came in another order each time, and every pass took the pod for changed.
#[test]
fn vk_b258ade0_the_same_pod_in_another_order_is_no_change() {
    let decode = |labels: &str, env: &str| {
        let meta =
            format!(r#"{{"name":"web","namespace":"default","uid":"u1","resourceVersion":"2","labels":{labels}}}"#);
        let spec = format!(r#"{{"containers":[{{"name":"app","image":"app:1","env":[{env}]}}]}}"#);
        let spec: Box<serde_json::value::RawValue> = serde_json::from_str(&spec).unwrap();
        crate::record::decode(serde_json::from_str(&meta).unwrap(), &spec, None).unwrap().facts
    };
    let (a, b) = (r#"{"name":"A","value":"1"}"#, r#"{"name":"B","value":"2"}"#);
    let one = decode(r#"{"x":"1","y":"2"}"#, &format!("{a},{b}"));
    let other = decode(r#"{"y":"2","x":"1"}"#, &format!("{b},{a}"));
    let mut harness = Harness::with(PodFacts::clone(&one), REMEMBERS);
    harness.listed_absent().finish(CallOutcome::Prepared(Ok(())));
    harness.finish(CallOutcome::Created(Ok(Created { observation: Some(running(1)), ..Created::default() })));
    harness.event(Event::Api(other));
    assert_eq!(harness.under_way(), None, "there is nothing to update");
}
