//! A pod in a few words, what happens to it in a few words, and its status in a few words.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use serde_json::{Value, json};

use super::server;
use crate::error::Error;
use crate::identity::PodUid;
use crate::observation::{ContainerKind, ContainerObservation, ContainerState, PodObservation, Stage, Terminated};
use crate::status::{EndCause, Phase, StatusInput, StatusPlan, ToldRuns, Verdict, plan};

/// A pod in the API, and a clock that goes on with every step.
pub(super) struct Scenario {
    pub(super) pod: Value,
    pub(super) now: Timestamp,
    pub(super) node_ips: Vec<IpAddr>,
    pub(super) start_time: Option<Timestamp>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) told: ToldRuns,
    pub(super) answered_generation: Option<i64>,
    pub(super) resize_deferred: Option<bool>,
    pub(super) runs_ephemeral_containers: bool,
}

impl Scenario {
    /// From words such as `Never i:setup s:proxy a:app e:debug`: the restart policy, then containers by kind.
    pub(super) fn new(words: &str) -> Self {
        let mut words = words.split_whitespace();
        let policy = words.next().unwrap();
        let (mut init, mut app, mut ephemeral) = (Vec::new(), Vec::new(), Vec::new());
        for word in words {
            let (kind, name) = word.split_once(':').unwrap();
            let mut container = json!({"name": name, "image": format!("{name}:1")});
            match kind {
                "i" => init.push(container),
                "s" => {
                    container["restartPolicy"] = json!("Always");
                    init.push(container);
                }
                "a" => app.push(container),
                "e" => ephemeral.push(container),
                other => panic!("container kind {other}"),
            }
        }
        let mut spec = json!({"restartPolicy": policy, "nodeName": "node-a", "containers": app});
        for (field, list) in [("initContainers", init), ("ephemeralContainers", ephemeral)] {
            if !list.is_empty() {
                spec[field] = json!(list);
            }
        }
        let scheduled = json!({"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-22T09:59:59Z"});
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "web", "namespace": "default", "uid": "u-1", "resourceVersion": "100", "generation": 1},
            "spec": spec,
            "status": {"phase": "Pending", "qosClass": "BestEffort", "conditions": [scheduled]},
        });
        Self {
            pod,
            now: "2026-11-22T10:00:00Z".parse().unwrap(),
            node_ips: vec!["192.0.2.10".parse().unwrap()],
            start_time: None,
            annotations: BTreeMap::new(),
            told: ToldRuns::default(),
            answered_generation: None,
            resize_deferred: None,
            runs_ephemeral_containers: true,
        }
    }

    pub(super) fn typed(&self) -> Pod {
        serde_json::from_value(self.pod.clone()).unwrap()
    }

    pub(super) fn phase(&self) -> Phase {
        Phase::parse(self.pod["status"]["phase"].as_str().unwrap_or_default())
    }

    /// Plans, without writing.
    pub(super) fn plan(&self, verdict: &Verdict, observation: Option<&PodObservation>) -> StatusPlan {
        let input = StatusInput {
            observation,
            verdict,
            now: self.now,
            node_ips: &self.node_ips,
            start_time: self.start_time,
            annotations: &self.annotations,
            told: &self.told,
            answered_generation: self.answered_generation,
            resize_deferred: self.resize_deferred,
            runs_ephemeral_containers: self.runs_ephemeral_containers,
        };
        plan(&self.typed(), &input)
    }

    /// Plans, writes, and makes sure that nothing is left to write, now and later. Returns the patch.
    pub(super) fn write(&mut self, verdict: &Verdict, observation: Option<&PodObservation>) -> Option<Value> {
        self.now += SignedDuration::from_secs(10);
        let planned = self.plan(verdict, observation);
        let (patch, phase) = match planned {
            StatusPlan::Unchanged { phase } => (None, phase),
            StatusPlan::Patch { body, phase, .. } => (Some(body), phase),
        };
        if let Some(patch) = &patch {
            server::apply(&mut self.pod, patch);
        }
        self.told = observation.map(ToldRuns::of).unwrap_or_default();
        assert_eq!(self.phase(), phase, "the plan names another phase than the patch leads to");
        self.now += SignedDuration::from_secs(10);
        let again = self.plan(verdict, observation);
        assert_eq!(again, StatusPlan::Unchanged { phase }, "the second plan differs; the first: {patch:?}");
        patch
    }

    /// Takes steps such as `active app=run > deleted > killed app=exit:143`.
    ///
    /// A step is what the state machine concludes or the back end's stage, then containers with their states; `deleted`
    /// and `api:PHASE` are what others do to the object.
    pub(super) fn steps(&mut self, steps: &str) -> &mut Self {
        for step in steps.split('>') {
            self.step(step.trim());
        }
        self
    }

    fn step(&mut self, step: &str) {
        let mut words = step.split_whitespace();
        let what = words.next().unwrap();
        let containers: Vec<ContainerObservation> = words.map(|word| self.observe(word)).collect();
        let (what, detail) = what.split_once(':').unwrap_or((what, ""));
        let reason = || detail.to_owned();
        let message = String::new;
        let ended = |cause| (Verdict::Ended(cause), Stage::Stopped);
        let (verdict, stage) = match what {
            "deleted" => {
                self.pod["metadata"]["deletionTimestamp"] = json!("2026-11-22T11:00:00Z");
                return;
            }
            "api" => {
                self.pod["status"]["phase"] = json!(detail);
                return;
            }
            "waiting" => (Verdict::Waiting { reason: reason(), message: message() }, Stage::Active),
            "recreating" => (Verdict::Recreating { reason: reason(), message: message() }, Stage::Active),
            "provisioning" => (Verdict::Observed, Stage::Provisioning { reason: reason(), message: message() }),
            "active" => (Verdict::Observed, Stage::Active),
            "stopping" => (Verdict::Observed, Stage::Stopping),
            "stopped" => (Verdict::Observed, Stage::Stopped),
            "create-failed" => (Verdict::Observed, Stage::CreateFailed(Error::unavailable("x"))),
            "unreachable" => (Verdict::Observed, Stage::Unreachable { since: self.now, reason: reason() }),
            "completed" => ended(EndCause::Completed),
            "killed" => ended(EndCause::Stopped),
            "deadline" => ended(EndCause::DeadlineExceeded),
            "lost" => ended(EndCause::Lost { message: "the host is gone".to_owned() }),
            "disrupted" => ended(EndCause::Disrupted { reason: reason(), message: "reclaimed".to_owned() }),
            "rejected" => ended(EndCause::Rejected { reason: reason(), message: "no room".to_owned() }),
            "refused" => ended(EndCause::CreateFailed { reason: reason(), message: "quota".to_owned() }),
            other => panic!("step {other}"),
        };
        let is_seen = matches!(verdict, Verdict::Observed) || !containers.is_empty();
        let observation = PodObservation::new(PodUid::new("u-1"), 1, stage).with_containers(containers);
        self.write(&verdict, is_seen.then_some(&observation));
    }

    /// From words such as `app=run`, `app=boot` (running, not started up), `app=exit:1`, `app=back:1` (in back-off after exit code 1), `app=wait:ErrImagePull`,
    /// `app=unknown`, each with `#2` for two restarts.
    fn observe(&self, word: &str) -> ContainerObservation {
        let (name, state) = word.split_once('=').unwrap();
        let (state, restarts) = state.split_once('#').unwrap_or((state, "0"));
        let (state, detail) = state.split_once(':').unwrap_or((state, ""));
        let run = || Terminated::with_exit_code(detail.parse().unwrap());
        let observed = match state {
            "run" | "boot" => ContainerState::Running { started_at: None },
            "exit" => ContainerState::Terminated(run()),
            "back" => ContainerState::waiting("CrashLoopBackOff", "back-off"),
            "wait" => ContainerState::waiting(detail, ""),
            "unknown" => ContainerState::Unknown,
            other => panic!("container state {other}"),
        };
        let mut container = ContainerObservation::new(name, self.kind(name), observed);
        container.restarts = restarts.parse().unwrap();
        container.last = (state == "back").then(run);
        container.started = (state == "boot").then_some(false);
        container
    }

    fn kind(&self, name: &str) -> ContainerKind {
        let spec = &self.pod["spec"];
        let find = |list: &str| spec[list].as_array().into_iter().flatten().find(|entry| entry["name"] == name);
        match (find("initContainers"), find("containers")) {
            (Some(init), _) if init["restartPolicy"] == "Always" => ContainerKind::Sidecar,
            (Some(_), _) => ContainerKind::Init,
            (None, Some(_)) => ContainerKind::App,
            (None, None) => ContainerKind::Ephemeral,
        }
    }

    /// The status in one line: phase with reason; conditions (Sandbox, Initialized, Containers ready, Ready, Disruption)
    /// with the reason of what is false; containers.
    pub(super) fn summary(&self) -> String {
        let pod = self.typed();
        let status = pod.status.unwrap();
        let reason = status.reason.map(|reason| format!("({reason})")).unwrap_or_default();
        let conditions: Vec<String> = [
            ("S", "PodReadyToStartContainers"),
            ("I", "Initialized"),
            ("C", "ContainersReady"),
            ("R", "Ready"),
            ("D", "DisruptionTarget"),
        ]
        .into_iter()
        .filter_map(|(letter, kind)| {
            let condition = status.conditions.iter().flatten().find(|condition| condition.type_ == kind)?;
            let sign = if condition.status == "True" { "+" } else { "-" };
            let reason = condition.reason.as_deref().filter(|_| condition.status != "True").unwrap_or_default();
            Some(format!("{letter}{sign}{reason}"))
        })
        .collect();
        let lists = [status.init_container_statuses, status.container_statuses, status.ephemeral_container_statuses];
        let containers: Vec<String> = lists.iter().flatten().flatten().map(summary_of).collect();
        format!("{}{reason} | {} | {}", self.phase().as_str(), conditions.join(" "), containers.join(" "))
    }
}

fn summary_of(status: &ContainerStatus) -> String {
    let state = status.state.clone().unwrap_or_default();
    let now = match (state.waiting, state.running, state.terminated) {
        (Some(waiting), None, None) => waiting.reason.unwrap_or_default(),
        (None, Some(_), None) => {
            let started = if status.started == Some(false) { "starting" } else { "run" };
            (if status.ready { "ready" } else { started }).to_owned()
        }
        (None, None, Some(run)) => format!("{}:{}", run.reason.unwrap_or_default(), run.exit_code),
        other => panic!("not one state: {other:?}"),
    };
    let last = status.last_state.clone().and_then(|state| state.terminated);
    let last = last.map(|run| format!("<{}:{}", run.reason.unwrap_or_default(), run.exit_code)).unwrap_or_default();
    let restarts = if status.restart_count == 0 { String::new() } else { format!("#{}", status.restart_count) };
    format!("{}={now}{last}{restarts}", status.name)
}
