use super::*;
use crate::observation::{ContainerKind, ContainerObservation, Terminated};

fn policy(action: OrphanAction) -> OrphanPolicy {
    OrphanPolicy { action, age: Duration::from_secs(30), unquestioned: 2, most_percent: 50 }
}

fn orphans(action: OrphanAction) -> Orphans {
    Orphans::new(policy(action))
}

fn pods(names: &[&str]) -> Vec<PodObservation> {
    names.iter().map(|name| PodObservation::new(PodUid::from(*name), 1, Stage::Active)).collect()
}

fn stopped(name: &str) -> PodObservation {
    PodObservation::new(PodUid::from(name), 2, Stage::Stopped)
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn uids(names: &[&str]) -> Vec<PodUid> {
    names.iter().map(|name| PodUid::from(*name)).collect()
}

fn nothing() -> BTreeSet<PodUid> {
    BTreeSet::new()
}

#[test]
fn an_orphan_is_collected_only_after_its_age_and_with_proof() {
    let mut orphans = orphans(OrphanAction::Delete);
    orphans.listed(&pods(&["a", "b"]), |uid| uid.as_str() == "b", at(0));
    assert!(!orphans.are_due(at(29)) && orphans.are_due(at(30)));
    let still_there = BTreeSet::from([PodUid::from("a")]);
    assert_eq!(orphans.proved(&still_there, at(30)), Verdict::default());
    let verdict = orphans.proved(&nothing(), at(60));
    assert_eq!(verdict.collect, pods(&["a"]));
    assert_eq!(verdict.notice, Some(OrphanNotice::Collected { uids: uids(&["a"]) }));
    assert_eq!(orphans.report(), OrphanReport { looked_for: true, collected: 1, ..OrphanReport::default() });
}

#[test]
fn a_pod_that_was_missing_from_one_list_starts_anew() {
    let mut orphans = orphans(OrphanAction::Delete);
    orphans.listed(&pods(&["a"]), |_| false, at(0));
    orphans.listed(&pods(&[]), |_| false, at(20));
    orphans.listed(&pods(&["a"]), |_| false, at(40));
    assert!(!orphans.are_due(at(60)));
}

/// kip#107, k3k#1021: a restart with an empty or wrong list killed every healthy workload.
#[test]
fn k3k_1021_a_mistake_does_not_kill_everything() {
    let mut orphans = orphans(OrphanAction::Delete);
    orphans.listed(&pods(&["a", "b", "c", "d"]), |uid| uid.as_str() == "d", at(0));
    let verdict = orphans.proved(&nothing(), at(100));
    assert_eq!(verdict.collect, []);
    assert_eq!(verdict.notice, Some(OrphanNotice::Tripped { orphans: 3, in_back_end: 4 }));
    assert!(orphans.report().tripped && orphans.report().left == 3);
    assert_eq!(orphans.proved(&nothing(), at(200)), Verdict::default(), "it is said once");
}

#[test]
fn the_circuit_closes_when_the_orphans_are_few_again() {
    let mut orphans = orphans(OrphanAction::Delete);
    orphans.listed(&pods(&["a", "b", "c"]), |_| false, at(0));
    orphans.proved(&nothing(), at(100));
    orphans.listed(&pods(&["a", "b"]), |_| false, at(110));
    assert_eq!(orphans.proved(&nothing(), at(130)).collect, pods(&["a", "b"]));
    assert!(!orphans.report().tripped);
}

#[test]
fn a_tripped_circuit_is_forgotten_with_its_orphans() {
    let mut orphans = orphans(OrphanAction::Delete);
    orphans.listed(&pods(&["a", "b", "c"]), |_| false, at(0));
    orphans.proved(&nothing(), at(100));
    orphans.listed(&pods(&["a", "b", "c"]), |_| true, at(110));
    assert_eq!(orphans.report(), OrphanReport { looked_for: true, ..OrphanReport::default() });
}

#[test]
fn a_report_touches_nothing_and_is_said_once() {
    let mut orphans = orphans(OrphanAction::Report);
    let pods = [pods(&["a"]), vec![stopped("b")]].concat();
    orphans.listed(&pods, |_| false, at(0));
    let verdict = orphans.proved(&nothing(), at(100));
    assert_eq!(verdict.collect, []);
    assert_eq!(verdict.notice, Some(OrphanNotice::LeftAlone { uids: uids(&["a", "b"]) }));
    assert_eq!(orphans.report().left, 2);
    orphans.listed(&pods, |_| false, at(110));
    assert_eq!(orphans.proved(&nothing(), at(200)), Verdict::default());
}

/// A restored backup of the API server shows it again.
#[test]
fn an_orphan_that_was_left_alone_can_be_claimed() {
    let mut orphans = orphans(OrphanAction::Adopt);
    orphans.listed(&pods(&["a"]), |_| false, at(0));
    orphans.proved(&nothing(), at(100));
    assert_eq!(orphans.claim(&PodUid::from("a")), Some(pods(&["a"]).remove(0)));
    assert_eq!(orphans.report().left, 0);
}

#[test]
fn an_adopted_orphan_is_released_once_it_has_ended_for_good() {
    let mut orphans = orphans(OrphanAction::Adopt);
    orphans.listed(&pods(&["a"]), |_| false, at(0));
    assert_eq!(orphans.proved(&nothing(), at(100)).collect, []);
    orphans.listed(&[stopped("a")], |_| false, at(110));
    assert_eq!(orphans.proved(&nothing(), at(130)).collect, [], "it may be between two runs");
    orphans.listed(&pods(&["a"]), |_| false, at(135));
    orphans.listed(&[stopped("a")], |_| false, at(140));
    assert_eq!(orphans.proved(&nothing(), at(169)).collect, []);
    assert_eq!(orphans.proved(&nothing(), at(170)).collect, [stopped("a")]);
}

#[test]
fn containers_that_have_all_ended_are_an_end() {
    let with = |states: &[ContainerState]| {
        let containers = states
            .iter()
            .enumerate()
            .map(|(number, state)| ContainerObservation::new(format!("c{number}"), ContainerKind::App, state.clone()));
        PodObservation::new(PodUid::from("a"), 1, Stage::Active).with_containers(containers.collect())
    };
    let ended = ContainerState::Terminated(Terminated::with_exit_code(0));
    let running = ContainerState::Running { started_at: None };
    assert!(has_ended(&with(&[ended.clone(), ended.clone()])));
    assert!(!has_ended(&with(&[ended, running])));
    assert!(!has_ended(&with(&[])));
}

#[test]
fn the_api_server_is_not_asked_with_every_list() {
    let mut orphans = orphans(OrphanAction::Report);
    orphans.listed(&pods(&["a"]), |_| false, at(0));
    orphans.proved(&nothing(), at(30));
    assert!(!orphans.are_due(at(59)) && orphans.are_due(at(60)));
}
