//! Pods that come, end and go, and what has to hold of each of them when it is calm again.

mod kind;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::thread;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use tokio::time::Instant;

use crate::stage::{Docker, PodView, Stage, within};

use super::history::{History, Record};
use super::ledger::Ledger;
use super::report::Report;
use super::starts::{Recorder, Starts};
use super::user::User;
use super::verdict::{Row, Rule};
use kind::Kind;

/// Pods that are wanted at once, at most and at least.
const MOST: usize = 20;
const LEAST: usize = 8;
/// From the third crash on, a container waits long before it runs again.
const MOST_CRASHES: u64 = 2;
/// How long it may take until all is as it should be: a bound for what is stuck, far above every back-off met here.
const PATIENCE: Duration = Duration::from_secs(300);

/// Creates and deletes pods at random, and remembers what it wanted.
pub(super) struct Churn {
    user: User,
    docker: Docker,
    ledger: Ledger,
    random: SmallRng,
    /// By UID.
    pods: BTreeMap<String, Wanted>,
    /// What is seen of the cluster and of Docker.
    history: History,
    recorder: Recorder,
}

/// A pod that was created.
#[derive(Debug, Clone)]
struct Wanted {
    name: String,
    kind: Kind,
    fate: Fate,
    /// How often its container was killed from outside.
    crashes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    /// With a grace period.
    Deleted,
    /// By force: it left the API at once.
    Forced,
}

impl Churn {
    /// Nothing has been created yet. No agent needs to run.
    pub(super) fn on(stage: &Stage, seed: u64) -> Self {
        Self {
            user: User::of(stage),
            docker: Docker::new(&stage.environment().docker_host, stage.name()),
            ledger: Ledger::of(stage),
            random: SmallRng::seed_from_u64(seed),
            pods: BTreeMap::new(),
            history: History::follow(stage),
            recorder: Recorder::start(stage),
        }
    }

    /// Acts from time to time, for as long as this.
    pub(super) fn act_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        loop {
            let pause = Duration::from_millis(self.random.random_range(50..400));
            let left = end.saturating_duration_since(Instant::now());
            thread::sleep(pause.min(left));
            if pause >= left {
                return;
            }
            self.act();
        }
    }

    /// One random deed.
    pub(super) fn act(&mut self) {
        let kept: Vec<String> = self.of_fate(Fate::Kept).cloned().collect();
        if kept.len() < LEAST {
            return self.create(None);
        }
        let Some(uid) = kept.choose(&mut self.random) else { return };
        match self.random.random_range(0..100) {
            0..40 if kept.len() < MOST => self.create(None),
            0..55 => self.delete(uid, Fate::Deleted),
            55..62 => self.delete(uid, Fate::Forced),
            62..70 => {
                // Another pod under the same name, before anybody can have seen that the first has gone.
                let name = self.pods[uid].name.clone();
                self.delete(uid, Fate::Forced);
                self.create(Some(name));
            }
            _ => self.crash(uid),
        }
    }

    fn create(&mut self, name: Option<String>) {
        let kind = *Kind::MIXED.choose(&mut self.random).unwrap();
        let name = name.unwrap_or_else(|| format!("pod-{}", self.pods.len()));
        let uid = self.user.create(&name, kind.spec(&self.ledger));
        self.pods.insert(uid, Wanted { name, kind, fate: Fate::Kept, crashes: 0 });
    }

    fn delete(&mut self, uid: &str, fate: Fate) {
        let grace = if fate == Fate::Forced { 0 } else { self.random.random_range(1..=3) };
        let pod = self.pods.get_mut(uid).unwrap();
        self.user.delete(&pod.name, uid, grace);
        pod.fate = fate;
    }

    /// Kills the container of a pod that should run on, once it has noted its start.
    fn crash(&mut self, uid: &str) {
        let pod = self.pods.get_mut(uid).unwrap();
        let has_started = self.ledger.entries(uid, "main").starts == pod.crashes + 1;
        if !pod.kind.runs_on() || pod.crashes == MOST_CRASHES || !has_started {
            return;
        }
        let filter = |label: &str, value: &str| format!("--filter=label=virtual-kubelet.io/{label}={value}");
        let found = self.docker.run(&["ps", "--quiet", &filter("pod-uid", uid), &filter("container", "main")]).unwrap();
        if let Some(id) = found.lines().next()
            && self.docker.run(&["kill", id]).is_ok()
        {
            pod.crashes += 1;
        }
    }

    fn of_fate(&self, fate: Fate) -> impl Iterator<Item = &String> {
        self.pods.iter().filter(move |(_, pod)| pod.fate == fate).map(|(uid, _)| uid)
    }

    /// Waits until it is calm, judges every pod, removes all of them and looks whether anything is left. The agent runs, and
    /// nothing stands in its way any more.
    pub(super) fn conclude(self, stage: &Stage, report: &mut Report) {
        let begun = Instant::now();
        let unsettled = until_none(|| self.unsettled(stage));
        for problem in &unsettled {
            report.complain(format!("stuck after {} s: {problem}", PATIENCE.as_secs()));
        }
        report
            .figure(&format!("all pods as they should be {:.1} s after the last fault", begun.elapsed().as_secs_f64()));
        let kept: BTreeMap<String, PodView> = stage.all_pods().into_iter().map(|pod| (pod.uid(), pod)).collect();
        let starts_before: BTreeMap<&String, u64> =
            kept.keys().map(|uid| (uid, self.ledger.entries(uid, "main").starts)).collect();

        stage.kubectl().ok(&["delete", "pods", "--all", "--wait=false"]);
        let left = until_none(|| {
            let pods = stage.all_pods().into_iter().map(|pod| format!("pod {}", pod.name()));
            let containers = self.docker.all().into_iter().map(|left| format!("container {left:?}"));
            let files = stage.files_of_pods().into_iter().map(|left| format!("files {}", left.display()));
            pods.chain(containers).chain(files).collect()
        });
        for problem in left {
            report.complain(format!("left after {} s: {problem}", PATIENCE.as_secs()));
        }
        for (uid, before) in starts_before {
            let now = self.ledger.entries(uid, "main").starts;
            report.expect(now == before, || format!("{uid} was started by its deletion"));
        }
        let (records, starts) = (self.history.finish(), self.recorder.finish());
        for overlap in starts.overlaps() {
            report.complain(format!("ran twice at once: {overlap}"));
        }
        report.figure(&counts(&self.pods, &starts));
        for (uid, wanted) in &self.pods {
            report.row(judge(wanted, kept.get(uid), records.get(uid), &starts, &self.ledger, uid));
        }
    }

    /// What is not yet as it should be, in words.
    fn unsettled(&self, stage: &Stage) -> Vec<String> {
        let pods: BTreeMap<String, PodView> = stage.all_pods().into_iter().map(|pod| (pod.uid(), pod)).collect();
        let mut problems = Vec::new();
        for (uid, wanted) in &self.pods {
            match (wanted.fate, pods.get(uid)) {
                (Fate::Kept, None) => problems.push(format!("{wanted} {uid} has gone")),
                (Fate::Kept, Some(pod)) if !wanted.kind.is_settled(pod, wanted.crashes) => {
                    problems.push(format!("{wanted} {uid}: {}", pod.status()));
                }
                (Fate::Deleted | Fate::Forced, Some(pod)) => {
                    problems.push(format!("{wanted} {uid} is there: {}", pod.status()));
                }
                _ => {}
            }
        }
        let names: BTreeSet<String> = pods.values().map(PodView::name).collect();
        let mut runs: BTreeMap<(String, String), u32> = BTreeMap::new();
        for container in self.docker.all() {
            if !names.contains(&container.pod) {
                problems.push(format!("of a pod that has gone: {container:?}"));
            } else if container.running {
                *runs.entry((container.pod, container.name.unwrap_or_default())).or_default() += 1;
            }
        }
        let twice = runs.into_iter().filter(|(_, count)| *count > 1);
        problems.extend(twice.map(|((pod, container), count)| format!("{pod} {container}: {count} run")));
        problems
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fate = match self.fate {
            Fate::Kept => "kept",
            Fate::Deleted => "deleted",
            Fate::Forced => "deleted by force",
        };
        write!(formatter, "{}, {fate}", self.kind)?;
        if self.crashes > 0 { write!(formatter, ", killed {} times", self.crashes) } else { Ok(()) }
    }
}

/// Looks again and again until there are no problems, and answers with those that stay.
fn until_none(mut problems: impl FnMut() -> Vec<String>) -> Vec<String> {
    let look = || {
        let found = problems();
        if found.is_empty() { Ok(()) } else { Err(found) }
    };
    within(PATIENCE, look).err().unwrap_or_default()
}

fn judge(
    wanted: &Wanted,
    kept: Option<&PodView>,
    record: Option<&Record>,
    starts: &Starts,
    ledger: &Ledger,
    uid: &str,
) -> Row {
    let rule = match wanted.fate {
        Fate::Kept => Rule::OneForEachRun,
        Fate::Deleted => Rule::AtMostOneForEachRun,
        Fate::Forced => Rule::OneMoreMayBeUntold,
    };
    let nobody = PodView::new(serde_json::json!({ "metadata": { "name": wanted.name, "uid": uid } }));
    // What was kept is judged as it was before the end of all.
    let seen = kept.filter(|_| wanted.fate == Fate::Kept).or(record.map(|record| &record.pod));
    let mut row = Row::judge(seen.unwrap_or(&nobody), wanted.to_string(), rule, ledger);
    match (wanted.fate, kept) {
        (Fate::Kept, Some(pod)) => row.complaints.extend(wanted.kind.complaints(pod, wanted.crashes)),
        (Fate::Kept, None) => row.complaints.push("it has gone".to_owned()),
        _ => {}
    }
    row.complaints.extend(record.iter().flat_map(|record| record.complaints.clone()));
    if record.is_none() {
        row.complaints.push("it was never seen".to_owned());
    }
    for container in seen.unwrap_or(&nobody).container_names() {
        let (written, by_docker) = (ledger.entries(uid, &container).starts, starts.count(uid, &container));
        // A run can be ended before it writes its line; nothing but a run can write one.
        if written > by_docker || (wanted.fate == Fate::Kept && written != by_docker) {
            row.complaints.push(format!("{container}: {written} starts written, {by_docker} by Docker"));
        }
    }
    row
}

fn counts(pods: &BTreeMap<String, Wanted>, starts: &Starts) -> String {
    let of = |fate| pods.values().filter(|pod| pod.fate == fate).count();
    format!(
        "pods created: {}; kept: {}, deleted: {}, deleted by force: {}; containers killed from outside: {}; containers \
         and sandboxes started: {}",
        pods.len(),
        of(Fate::Kept),
        of(Fate::Deleted),
        of(Fate::Forced),
        pods.values().map(|pod| pod.crashes).sum::<u64>(),
        starts.total()
    )
}
