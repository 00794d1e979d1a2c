//! The invariants, checked against what really happened. Where a run makes one impossible, it is said why.

mod ends;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use virtual_kubelet::core::PodUid;
use vk_apiserver::{Object, RequestRecord};

use super::agents::Span;
use super::facts::{Facts, PodHistory, condition, container_statuses, is_terminal, text};
use super::user::GATE;
use super::violation::{Rule, Violation};
use crate::backend::{Entry, Given, Happening, Life, Nature, Run, RunCause};

/// An orphan, or a pod whose end was ordered in some other way than by its deletion, is noticed this much later at most.
const SECOND: Duration = Duration::from_secs(1);

/// Longer than any grace period: who is told to stop at its deadline has stopped by then.
const DEADLINE_PATIENCE: Duration = Duration::from_secs(60);

/// All that is known of a run that has come to rest.
pub(super) struct Evidence<'a> {
    pub(super) nature: Nature,
    /// When the run came to rest, on the back end's clock.
    pub(super) now: Duration,
    /// Pods that the back end has refused for good.
    pub(super) refused: BTreeSet<PodUid>,
    /// Those of them that fail for it.
    pub(super) rejected: BTreeSet<PodUid>,
    /// Now and then another incarnation of the back end has answered.
    pub(super) instances_changed: bool,
    pub(super) spans: Vec<Span>,
    pub(super) clocks_jumped: bool,
    pub(super) loops: Vec<String>,
    pub(super) entries: &'a [Entry],
    pub(super) lives: &'a [Life],
    pub(super) requests: &'a [RequestRecord],
    pub(super) facts: &'a Facts,
    pub(super) node: Option<Arc<Object>>,
}

/// Judges a run that has come to rest.
pub(super) fn judge(evidence: &Evidence<'_>) -> Vec<Violation> {
    let mut violations = evidence.facts.problems.clone();
    let loops = evidence.loops.iter();
    violations.extend(loops.map(|what| Violation {
        rule: Rule::NoBusyLoop,
        uid: None,
        what: format!("{what} is called without end"),
    }));
    if evidence.node.as_ref().is_none_or(|node| condition(node, "Ready") != "True") {
        let what = "in the end the Node is missing or not Ready".to_owned();
        violations.push(Violation { rule: Rule::NodeRepaired, uid: None, what });
    }
    violations.extend(evidence.requests.iter().filter_map(|request| judge_request(evidence, request)));
    for (uid, history) in &evidence.facts.pods {
        let lives = evidence.lives.iter().filter(|life| life.uid == *uid).collect();
        violations.extend(Case { uid, history, lives, evidence }.judge());
    }
    violations
}

/// A write of an agent about a pod.
fn judge_request(evidence: &Evidence<'_>, request: &RequestRecord) -> Option<Violation> {
    let is_of_agent = request.user.starts_with("system:node:");
    let writes = matches!(request.verb.as_str(), "patch" | "update" | "delete");
    if !is_of_agent || !writes || request.resource != "pods" {
        return None;
    }
    let uid = PodUid::from(request.uid.as_str());
    if request.asked_uid.is_empty() {
        return Some(Violation::new(Rule::NoOtherPodTouched, &uid, format!("{request} names no UID")));
    }
    let was_done = (200..300).contains(&request.code);
    if was_done && request.asked_uid != request.uid {
        return Some(Violation::new(Rule::NoOtherPodTouched, &uid, format!("{request} meant {}", request.asked_uid)));
    }
    if !was_done || request.verb.as_str() != "delete" {
        return None;
    }
    let at = evidence.facts.elapsed(request.at);
    let history = evidence.facts.pods.get(&uid);
    // Excused: only a handle leads back to what runs, and none had been written.
    let is_untraceable = evidence.nature.by_handle && history.is_some_and(|history| history.has_no_handle_at(at));
    let running = evidence.lives.iter().find(|life| life.uid == uid && life.runs_at(at));
    if let Some(running) = running.filter(|_| !is_untraceable) {
        let what = format!("at {at:?} it was deleted while {} ran", names_of(running, at));
        return Some(Violation::new(Rule::DeletedAfterStop, &uid, what));
    }
    let was_told = history.is_some_and(|history| history.terminal.is_some_and(|told| told <= at));
    (!was_told).then(|| Violation::new(Rule::EndToldFirst, &uid, format!("at {at:?} it was deleted, its end untold")))
}

fn names_of(life: &Life, at: Duration) -> String {
    let runs = life.runs.iter().filter(|run| run.began <= at && run.ended.is_none_or(|end| end.at > at));
    runs.map(|run| run.container.as_str()).collect::<Vec<_>>().join(", ")
}

/// One pod.
struct Case<'a> {
    uid: &'a PodUid,
    history: &'a PodHistory,
    /// Its objects in the back end, in the order in which they were accepted.
    lives: Vec<&'a Life>,
    evidence: &'a Evidence<'a>,
}

impl Case<'_> {
    fn judge(&self) -> Vec<Violation> {
        let mut violations = Vec::new();
        let mut check = |rule, problem: Option<String>| {
            violations.extend(problem.map(|what| Violation::new(rule, self.uid, what)));
        };
        check(Rule::OneAtATime, self.two_at_once());
        check(Rule::NoSecondRun, self.second_run());
        check(Rule::LookedUpFirst, self.created_again());
        check(Rule::HealthyLeftAlone, self.healthy_stopped());
        check(Rule::TerminalAfterStop, self.terminal_while_running());
        check(Rule::EndsHaveCauses, self.end_without_cause());
        check(Rule::RightPhase, self.wrong_phase());
        check(Rule::ReleasedAfterStop, self.released_while_running());
        check(Rule::ReleasedAfterAcknowledgement, self.released_early());
        check(Rule::ChangesCarriedOver, self.not_carried_over());
        check(Rule::DeadlineKept, self.outlives_its_deadline());
        check(Rule::NothingLeftBehind, self.left_behind());
        check(Rule::NothingDropped, self.dropped());
        check(Rule::DeletionEnds, self.stuck());
        check(Rule::RightExitCodes, self.wrong_exit_code());
        check(Rule::RightRestartCounts, self.wrong_restart_count());
        check(Rule::ReadinessRepaired, self.wrong_readiness());
        violations
    }

    fn is_here(&self) -> bool {
        self.history.gone.is_none()
    }

    /// The object that the back end holds in the end.
    fn held(&self) -> Option<&Life> {
        self.lives.iter().copied().find(|life| life.gone.is_none() && !life.elsewhere)
    }

    /// Some of it was given to another incarnation of the back end, which answers no more: nobody can find out what became
    /// of it.
    fn is_elsewhere(&self) -> bool {
        self.lives.iter().any(|life| life.elsewhere)
    }

    fn runs(&self) -> impl Iterator<Item = &Run> {
        self.lives.iter().flat_map(|life| &life.runs)
    }

    fn two_at_once(&self) -> Option<String> {
        let mut ends: Option<Option<Duration>> = None;
        let started: Vec<&Life> = self.started_lives().collect();
        for (index, life) in started.iter().enumerate() {
            let began = life.runs.first().map(|run| run.began).unwrap_or_default();
            if ends.is_some_and(|end| end.is_none_or(|end| end > began)) {
                // Excused: it was given to two incarnations of the back end, and whoever had asked the first one died before
                // the API showed anything of it.
                let is_excused = self.is_elsewhere() && self.nobody_knows_of(&started[..index], life);
                return (!is_excused).then(|| format!("at {began:?} it was started a second time while it ran"));
            }
            let is_over = life.runs.iter().all(|run| run.ended.is_some());
            ends = Some(life.runs.iter().filter_map(|run| run.ended).map(|end| end.at).max().filter(|_| is_over));
        }
        None
    }

    fn started_lives(&self) -> impl Iterator<Item = &Life> {
        self.lives.iter().copied().filter(|life| !life.runs.is_empty())
    }

    fn second_run(&self) -> Option<String> {
        let started: Vec<&Life> = self.started_lives().collect();
        let (last, before) = started.split_last()?;
        if before.is_empty() {
            return None;
        }
        let forgot = self.evidence.nature.forgets_after.is_some();
        let was_lost = before.last().is_some_and(|life| matches!(life.gone, Some((_, Happening::Lost))));
        if self.nobody_knows_of(before, last) && (self.is_elsewhere() || (was_lost && !forgot)) {
            // Excused: it was given to two incarnations of the back end, or the back end lost what it promises to remember.
            return None;
        }
        let restarts = self.history.newest.text("/spec/restartPolicy") != "Never";
        let runs_always = self.history.newest.text("/spec/restartPolicy") == "Always";
        let were_lost = before.iter().all(|life| match life.gone {
            Some((_, Happening::Lost)) => true,
            Some((_, Happening::Forgotten)) => runs_always,
            _ => false,
        });
        let ended = self.history.terminal.is_some_and(|at| at < last.accepted);
        let is_permitted = self.evidence.nature.fences && restarts && were_lost && !ended;
        (!is_permitted).then(|| format!("at {:?} it was started for the {}th time", last.accepted, started.len()))
    }

    /// Whether the API did not show the earlier lives when this one was accepted, and whoever had begun them has died since,
    /// or is another agent that lived at the same time.
    fn nobody_knows_of(&self, before: &[&Life], last: &Life) -> bool {
        let is_shown = self.history.shown_started.is_some_and(|shown| shown <= last.accepted);
        !is_shown && (self.has_new_agent(before, last) || self.has_several_agents_at(last.accepted))
    }

    /// Whether an agent began between the last of the earlier lives and this one.
    fn has_new_agent(&self, before: &[&Life], last: &Life) -> bool {
        let since = before.last().map(|life| life.accepted).unwrap_or_default();
        self.evidence.spans.iter().any(|span| span.began > since && span.began <= last.accepted)
    }

    /// Only a handle leads back to it, and at that time none had been written: whoever was given it has died since.
    fn is_untraceable_at(&self, at: Duration) -> bool {
        self.evidence.nature.by_handle && self.history.has_no_handle_at(at)
    }

    fn created_again(&self) -> Option<String> {
        // Without a handle, and with the answer lost, the UID is all that keeps two apart.
        if self.evidence.nature.by_handle {
            return None;
        }
        let again = self.evidence.entries.iter().find(|entry| {
            entry.uid == *self.uid && entry.what == Happening::CreatedAgain && !self.has_several_agents_at(entry.at)
        })?;
        Some(format!("at {:?} it was created although it could be seen", again.at))
    }

    /// Whether another agent than the newest one lived shortly before: what it had begun may have come after the newest one
    /// had looked.
    fn has_several_agents_at(&self, at: Duration) -> bool {
        let lived = |span: &&Span| span.began <= at && span.ended.is_none_or(|end| end + 10 * SECOND >= at);
        self.evidence.spans.iter().filter(lived).count() > 1
    }

    fn healthy_stopped(&self) -> Option<String> {
        let stopped = self.lives.iter().find(|life| {
            let was_stopped = life.runs.iter().any(|run| run.ended.is_some_and(|end| end.cause == RunCause::Stop));
            was_stopped && !life.told_to_stop.is_some_and(|at| self.history.end_was_wanted_at(at) || self.is_due_at(at))
        })?;
        if self.history.terminal.is_some_and(|told| self.is_untraceable_at(told)) {
            // Excused: it was told as lost, and that stays so when it is seen after all.
            return None;
        }
        Some(format!("it was told to stop at {:?}, which nobody wanted", stopped.told_to_stop))
    }

    /// Whether `activeDeadlineSeconds` was over, by some clock.
    fn is_due_at(&self, at: Duration) -> bool {
        let Some(seconds) = self.history.newest.integer("/spec/activeDeadlineSeconds") else { return false };
        let deadline = Duration::from_secs(seconds.unsigned_abs());
        // The start is told in whole seconds.
        self.evidence.clocks_jumped || at + 2 * SECOND >= self.history.created + deadline
    }

    fn released_while_running(&self) -> Option<String> {
        let is_running = |life: &&&Life| matches!(life.gone, Some((_, Happening::Released { running: true })));
        let released = self.lives.iter().find(is_running)?;
        Some(format!("it was let go of while it ran: {:?}", released.gone))
    }

    fn released_early(&self) -> Option<String> {
        self.lives.iter().find_map(|life| {
            let (at, _) = life.gone.as_ref().filter(|(_, why)| matches!(why, Happening::Released { .. }))?;
            let was = |since: Option<Duration>| since.is_some_and(|since| since <= *at);
            let is_acknowledged = was(self.history.terminal) && was(self.history.deletion);
            (!was(self.history.gone) && !is_acknowledged).then(|| format!("it was let go of at {at:?}"))
        })
    }

    fn left_behind(&self) -> Option<String> {
        let gone = self.history.gone?;
        let held = self.held()?;
        if self.evidence.nature.by_handle {
            // Excused: nothing can be listed, and the agent that has the node in the end won it after the pod was gone.
            let won = self.evidence.spans.iter().filter_map(|span| span.won).max().unwrap_or_default();
            // Excused: the handle was never written, and whoever was given it has died since.
            let is_unknown = self.history.handle.is_none();
            if won >= held.accepted && (is_unknown || won + SECOND >= gone) {
                return None;
            }
        }
        Some(format!("its object went at {gone:?}, and the back end holds it in the end"))
    }

    fn dropped(&self) -> Option<String> {
        if !self.is_here() || self.history.newest.deletion_timestamp().is_some() || self.is_elsewhere() {
            return None;
        }
        let phase = self.history.phase();
        if is_terminal(phase) {
            return None;
        }
        let Some(held) = self.held() else {
            // Excused: the back end has said that it will never take it.
            let is_refused = self.evidence.refused.contains(self.uid);
            return (!is_refused).then(|| format!("in the end it is {phase}, and the back end does not hold it"));
        };
        if held.end.is_some() {
            return Some(format!("in the end it is {phase}, and has ended: {:?}", held.end));
        }
        let has_run = |name: &str| held.runs.iter().any(|run| run.container == name);
        let mut regular = self.history.newest.items("/spec/containers").iter();
        let expected = if regular.all(|container| has_run(text(container, "/name"))) { "Running" } else { "Pending" };
        // Waiting for an image, or for an init container, is no drop; and a phase does not go back.
        let is_told = phase == expected || phase == "Running";
        (!is_told).then(|| format!("in the end it is {phase:?}, and should be {expected}"))
    }

    /// Whether nobody has ended it, or is about to: it is there, and shall stay.
    fn is_wanted(&self) -> bool {
        self.is_here() && self.history.newest.deletion_timestamp().is_none() && !is_terminal(self.history.phase())
    }

    fn not_carried_over(&self) -> Option<String> {
        let held = self.held().filter(|held| self.is_wanted() && !self.is_elsewhere() && held.end.is_none())?;
        let lists = ["/spec/initContainers", "/spec/containers", "/spec/ephemeralContainers"];
        let mut containers = lists.into_iter().flat_map(|list| self.history.newest.items(list));
        let differing = containers.find(|container| {
            let resources = container.get("resources").cloned().unwrap_or_else(|| Value::Object(Map::new()));
            let wanted = Given { image: text(container, "/image").to_owned(), resources };
            held.given.get(text(container, "/name")) != Some(&wanted)
        })?;
        let name = text(differing, "/name");
        Some(format!("the back end was given {:?} for {name}, which is {differing}", held.given.get(name)))
    }

    fn outlives_its_deadline(&self) -> Option<String> {
        let pod = &self.history.newest;
        let seconds = pod.integer("/spec/activeDeadlineSeconds").filter(|_| self.is_wanted())?;
        // Excused: it may have been told by a clock that was far ahead; an incarnation that has it answers no more.
        if self.evidence.clocks_jumped || self.is_elsewhere() {
            return None;
        }
        let started = pod.text("/status/startTime").parse().map(|at| self.evidence.facts.elapsed(at));
        let due = started.unwrap_or(self.history.created) + Duration::from_secs(seconds.unsigned_abs());
        let is_over = self.evidence.now > due + DEADLINE_PATIENCE;
        is_over.then(|| format!("in the end it is {}, and was to end at {due:?}", self.history.phase()))
    }

    fn stuck(&self) -> Option<String> {
        let is_stuck = self.is_here() && self.history.newest.deletion_timestamp().is_some() && !self.is_elsewhere();
        is_stuck.then(|| format!("it is being deleted since {:?}", self.history.deletion))
    }

    fn wrong_restart_count(&self) -> Option<String> {
        let held = self.held().filter(|_| self.is_here() && self.lives.len() == 1)?;
        container_statuses(&self.history.newest).find_map(|status| {
            let name = text(status, "/name");
            let runs = held.runs.iter().filter(|run| run.container == name).count();
            let told = status.get("restartCount").and_then(Value::as_u64).unwrap_or_default();
            let restarts = u64::try_from(runs.saturating_sub(1)).unwrap_or_default();
            (told != restarts)
                .then(|| format!("container {name} was restarted {restarts} times, and is told with {told}"))
        })
    }

    fn wrong_readiness(&self) -> Option<String> {
        let pod = &self.history.newest;
        let held = self.held().filter(|_| self.is_here() && self.history.phase() == "Running")?;
        if pod.deletion_timestamp().is_some() {
            return None;
        }
        let runs = |name: &str| held.runs.iter().any(|run| run.container == name && run.ended.is_none());
        let of_sidecars = pod.items("/spec/initContainers").iter();
        let of_sidecars = of_sidecars.filter(|container| text(container, "/restartPolicy") == "Always");
        let mut serving = pod.items("/spec/containers").iter().chain(of_sidecars);
        let is_gated = !pod.items("/spec/readinessGates").is_empty();
        let gate_is_open = !is_gated || condition(pod, GATE) == "True";
        let expected = serving.all(|container| runs(text(container, "/name"))) && gate_is_open;
        let told = condition(pod, "Ready");
        let expected = if expected { "True" } else { "False" };
        (told != expected).then(|| format!("in the end its Ready is {told:?}, and should be {expected}"))
    }
}
