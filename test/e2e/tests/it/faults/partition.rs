//! A node is cut off until the controllers of Kubernetes evict its pods and run others elsewhere; then it is back.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::stage::{Identity, PodView, Stage, condition, eventually, eventually_within};

use super::ground::Ground;
use super::ledger::Ledger;
use super::proxy::{FaultProxy, Line};
use super::report::Report;
use super::settings::Settings;
use super::starts::Recorder;
use super::user::User;
use super::verdict::{Row, Rule};

/// The controller-manager waits 50 s for a heartbeat, and evicts by and by.
const PATIENCE: Duration = Duration::from_secs(240);
/// How long the replacements run beside what they replace.
const BESIDE: Duration = Duration::from_secs(10);
const REPLICAS: usize = 2;

#[test]
#[ignore = "minutes long: cargo xtask e2e faults"]
fn what_was_evicted_behind_a_partition_ends_once_and_the_rest_runs_on() {
    let settings = Settings::read();
    let ground = Ground::start();
    let mut cut_off = Stage::open(&ground.environment(), Identity::Node);
    let mut report = Report::new("A partition, until the controller-manager evicts", &settings);
    let recorder = Recorder::start(&cut_off);
    let ledger = Ledger::of(&cut_off);
    let proxy = FaultProxy::before(&mut cut_off, settings.seed);
    create_pods(&cut_off, &ledger);
    eventually("all pods run on the node that is to be cut off", || {
        let running = cut_off.all_pods().iter().filter(|pod| pod.condition("Ready") == "True").count();
        if running == REPLICAS + 4 { Ok(()) } else { Err(format!("{running} pods run")) }
    });
    let other = start_other_node(&ground, &ledger);
    let other_recorder = Recorder::start(&other);
    let before: BTreeMap<String, PodView> = cut_off.all_pods().into_iter().map(|pod| (pod.uid(), pod)).collect();
    let containers = cut_off.docker().running();

    proxy.set_line(Line::Silent);
    let begun = Instant::now();
    let evicted = until_evicted(&cut_off, &before);
    let replacements = until_replaced(&cut_off, &other, &before);
    report.figure(&format!(
        "evicted {:.0} s after the partition began, replacements run: {} pods",
        begun.elapsed().as_secs_f64(),
        replacements.len()
    ));
    thread::sleep(BESIDE);
    let during = cut_off.docker().running();
    report.expect(during == containers, || "a container ended or was restarted during the partition".to_owned());

    proxy.set_line(Line::Open);
    let healed = Instant::now();
    let user = User::of(&cut_off);
    user.create("new", ledger.spec(ledger.sleeper("main")));
    cut_off.until_running("new");
    report.figure(&format!(
        "a new pod is Running {:.2} s after the end of the partition",
        healed.elapsed().as_secs_f64()
    ));
    eventually("the evicted pods have gone", || {
        let left: Vec<String> =
            cut_off.all_pods().iter().filter(|pod| evicted.contains(&pod.uid())).map(PodView::name).collect();
        if left.is_empty() { Ok(()) } else { Err(left.join(", ")) }
    });
    report.figure(&format!("the evicted pods have gone after {:.2} s", healed.elapsed().as_secs_f64()));
    cut_off.until_node("the node is ready", |node| condition(node, "Ready") == "True");
    let names: BTreeSet<String> = before
        .values()
        .filter(|pod| !evicted.contains(&pod.uid()))
        .map(PodView::name)
        .chain(["new".to_owned()])
        .collect();
    eventually("nothing else in Docker than what was not evicted", || {
        let left: BTreeSet<String> = cut_off.docker().all().into_iter().map(|container| container.pod).collect();
        if left == names { Ok(()) } else { Err(format!("{left:?}, not {names:?}")) }
    });
    ledger.release("job");
    cut_off.kubectl().ok(&["wait", "job/job", "--for=condition=Complete", "--timeout=120s"]);

    judge(&cut_off, &before, &evicted, &replacements, &ledger, &mut report);
    let after = cut_off.docker().running();
    let untouched = cut_off.all_pods().into_iter().filter(|pod| before.contains_key(&pod.uid()));
    for pod in untouched {
        let id_of = |(_, id, _): (String, String, u64)| id.trim_start_matches("docker://").to_owned();
        for id in pod.runs().into_iter().map(id_of) {
            let same = after.contains_key(&id) && after.get(&id) == containers.get(&id);
            report.expect(same, || format!("the container {id} of {} is another one than before", pod.name()));
        }
    }
    for overlap in recorder.finish().overlaps().into_iter().chain(other_recorder.finish().overlaps()) {
        report.complain(format!("ran twice at once: {overlap}"));
    }
    report.conclude();
}

/// A second agent, with a connection that stays good, where replacements can run.
fn start_other_node(ground: &Ground, ledger: &Ledger) -> Stage {
    let mut other = Stage::open(&ground.environment(), Identity::Node);
    let config = other.write("other.json", &json!({ "host_path_prefixes": [ledger.directory()] }).to_string());
    let mut command = other.docker_command();
    command.arg(format!("--provider-config={}", config.display()));
    other.start(&mut command);
    other.until_ready();
    other
}

/// Pods that are evicted soon, with and without somebody who replaces them, and pods that are not.
fn create_pods(stage: &Stage, ledger: &Ledger) {
    let labels = json!({ "app": "web" });
    stage.kubectl().create(&json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
        "spec": {
            "replicas": REPLICAS, "selector": { "matchLabels": labels },
            "template": { "metadata": { "labels": labels }, "spec": tolerating(5, ledger.spec(ledger.sleeper("main"))) },
        },
    }));
    let mut job = tolerating(5, ledger.spec(ledger.waiter("main", "job", 0)));
    job["restartPolicy"] = json!("Never");
    stage.kubectl().create(&json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "job" },
        "spec": { "template": { "spec": job } },
    }));
    let user = User::of(stage);
    user.create("evicted", tolerating(5, ledger.spec(ledger.sleeper("main"))));
    user.create("patient-0", tolerating(3600, ledger.spec(ledger.sleeper("main"))));
    // Kubernetes gives such a pod 300 s.
    user.create("patient-1", ledger.spec(ledger.sleeper("main")));
}

/// A spec that any virtual node can run, and that is evicted so many seconds after its node was found unreachable.
fn tolerating(seconds: u32, mut spec: Value) -> Value {
    let for_so_long =
        |key: &str| json!({ "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds });
    spec["nodeSelector"] = json!({ "type": "virtual-kubelet" });
    spec["tolerations"] = json!([
        { "key": "virtual-kubelet.io/provider", "operator": "Exists" },
        for_so_long("node.kubernetes.io/unreachable"),
        for_so_long("node.kubernetes.io/not-ready"),
    ]);
    spec
}

/// Waits until all pods are being deleted that do not tolerate it for long; answers with their UIDs.
fn until_evicted(stage: &Stage, before: &BTreeMap<String, PodView>) -> BTreeSet<String> {
    let evicted: BTreeSet<String> =
        before.values().filter(|pod| !pod.name().starts_with("patient")).map(PodView::uid).collect();
    eventually_within(PATIENCE, "the evicted pods are being deleted", || {
        let deleted: BTreeSet<String> =
            stage.all_pods().iter().filter(|pod| pod.is_being_deleted()).map(PodView::uid).collect();
        if deleted == evicted { Ok(()) } else { Err(format!("{deleted:?}, not {evicted:?}")) }
    });
    evicted
}

/// Waits until the controllers' new pods run on the other node.
fn until_replaced(stage: &Stage, other: &Stage, before: &BTreeMap<String, PodView>) -> BTreeSet<String> {
    eventually("replacements on the other node", || {
        let pods = stage.all_pods();
        let new: Vec<&PodView> = pods.iter().filter(|pod| !before.contains_key(&pod.uid())).collect();
        let run = new.iter().all(|pod| pod.condition("Ready") == "True");
        let seen = || new.iter().map(|pod| format!("{} {}", pod.name(), pod.phase())).collect::<Vec<_>>().join(", ");
        if new.len() == REPLICAS + 1 && run {
            Ok(new.iter().map(|pod| pod.uid()).collect())
        } else {
            Err(format!("{}; in Docker: {:?}", seen(), other.docker().all()))
        }
    })
}

fn judge(
    stage: &Stage,
    before: &BTreeMap<String, PodView>,
    evicted: &BTreeSet<String>,
    replacements: &BTreeSet<String>,
    ledger: &Ledger,
    report: &mut Report,
) {
    let now = stage.all_pods();
    let gone = before.values().filter(|pod| evicted.contains(&pod.uid()));
    for pod in gone.chain(&now) {
        let (story, stops) = if evicted.contains(&pod.uid()) {
            ("was evicted", 1)
        } else if replacements.contains(&pod.uid()) {
            ("replaces an evicted one", 0)
        } else {
            ("was not evicted", 0)
        };
        let mut row = Row::judge(pod, story.to_owned(), Rule::OneForEachRun, ledger);
        let entries = ledger.entries(&pod.uid(), "main");
        if entries.stops != stops {
            row.complaints.push(format!("{} orders to stop, not {stops}", entries.stops));
        }
        if entries.starts != 1 {
            row.complaints.push(format!("{} starts, not 1", entries.starts));
        }
        report.row(row);
    }
    let expected = before.len() + replacements.len() + 1 - evicted.len();
    report.expect(now.len() == expected, || format!("{} pods in the API, not {expected}", now.len()));
}
