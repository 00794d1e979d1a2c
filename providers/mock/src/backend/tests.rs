use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep};
use vk_core::{ContainerState, PodObservation, Stage};
use vk_provider::provider::{Adopt, Provider, Terminate, Update};
use vk_provider::{ErrorKind, ObservationReceiver, PodChange, StatsRequest};

use super::*;
use crate::MockProvider;
use crate::fixtures::{Heard, create, pod, pod_with_spec, start, target};

/// A provider in memory whose back end runs.
fn provider() -> MockProvider {
    let (provider, backend) = MockProvider::in_memory("vk", start());
    tokio::spawn(backend.run());
    provider
}

async fn look_up(provider: &MockProvider, uid: &str) -> Option<PodObservation> {
    provider.lookup(target(uid)).await.unwrap().pod
}

async fn stop(provider: &MockProvider, uid: &str) {
    provider.terminate(Terminate::new(target(uid), Duration::from_secs(30))).await.unwrap();
}

#[derive(Default)]
struct Seen {
    observations: Mutex<Vec<PodObservation>>,
    live: Mutex<u32>,
}

impl ObservationReceiver for Seen {
    fn observe(&self, observation: PodObservation) {
        self.observations.lock().push(observation);
    }

    fn live(&self) {
        *self.live.lock() += 1;
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_goes_through_its_life() {
    let provider = provider();
    let accepted = provider.create(create(&pod("a", "Always", &[]))).await.unwrap();
    assert_eq!(accepted.observation.unwrap().stage, Stage::Active);
    stop(&provider, "a").await;
    assert_eq!(look_up(&provider, "a").await.unwrap().stage, Stage::Stopped);
    provider.remove(target("a")).await.unwrap();
    assert!(look_up(&provider, "a").await.is_none());
    // What is absent already is a success.
    provider.remove(target("a")).await.unwrap();
    stop(&provider, "a").await;
}

#[tokio::test(start_paused = true)]
async fn a_pod_has_two_events_in_its_life_however_often_it_restarts() {
    let provider = provider();
    let heard = Heard::default();
    let spec = serde_json::json!({"containers": [{"name": "web", "image": "a"}, {"name": "log", "image": "b"}]});
    let looping = pod_with_spec("a", spec, &[("start-delay", "5s"), ("crash-loop", "web=forever")]);
    provider.create(heard.create(&looping)).await.unwrap();
    assert!(heard.told().is_empty(), "nothing has started yet");
    sleep(Duration::from_secs(3600)).await;
    let restarts = look_up(&provider, "a").await.unwrap().containers[0].restarts;
    assert!(restarts > 3, "{restarts}");
    provider.create(heard.create(&looping)).await.unwrap();
    stop(&provider, "a").await;
    stop(&provider, "a").await;
    provider.remove(target("a")).await.unwrap();
    assert_eq!(heard.told(), ["Started: Started containers web, log", "Killing: Stopping containers web, log"]);
}

#[tokio::test(start_paused = true)]
async fn no_event_of_a_burst_is_lost() {
    let provider = provider();
    let heard = Heard::default();
    let uids: Vec<_> = (0..3000).map(|number| format!("{number:04}")).collect();
    for uid in &uids {
        provider.create(heard.create(&pod(uid, "Always", &[]))).await.unwrap();
    }
    for uid in &uids {
        stop(&provider, uid).await;
    }
    let told = heard.told();
    let count = |reason: &str| told.iter().filter(|told| told.starts_with(reason)).count();
    assert_eq!((count("Started: Started container main"), count("Killing: Stopping container main")), (3000, 3000));
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_adopted_does_not_start_again() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (Heard::default(), Heard::default());
    let (provider, backend) = MockProvider::open(directory.path().join("pods"), "vk", start()).unwrap();
    let running = tokio::spawn(backend.run());
    provider.create(first.create(&pod("a", "Always", &[]))).await.unwrap();
    drop(provider);
    running.await.unwrap();
    let (provider, backend) = MockProvider::open(directory.path().join("pods"), "vk", start()).unwrap();
    tokio::spawn(backend.run());
    let adopt = |heard: &Heard| Adopt::new(target("a"), pod("a", "Always", &[]), heard.context());
    provider.adopt(adopt(&second)).await.unwrap();
    stop(&provider, "a").await;
    assert_eq!(first.told(), ["Started: Started container main"]);
    assert_eq!(second.told(), ["Killing: Stopping container main"]);
    provider.adopt(Adopt::new(target("b"), pod("b", "Always", &[]), second.context())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn creates_are_idempotent_by_uid() {
    let provider = provider();
    let first = provider.create(create(&pod("a", "Always", &[]))).await.unwrap().observation;
    sleep(Duration::from_secs(5)).await;
    let second = provider.create(create(&pod("a", "Always", &[]))).await.unwrap().observation;
    assert_eq!(first, second);
    assert_eq!(provider.list(None).await.unwrap().pods.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_running_pod_is_not_removed() {
    let provider = provider();
    provider.create(create(&pod("a", "Always", &[]))).await.unwrap();
    let error = provider.remove(target("a")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict);
}

#[tokio::test(start_paused = true)]
async fn lists_come_in_pages_and_are_complete() {
    let provider = provider();
    for number in 0..1201 {
        provider.create(create(&pod(&format!("{number:04}"), "Always", &[]))).await.unwrap();
    }
    let (mut page, mut uids, mut pages) = (None, Vec::new(), 0);
    loop {
        let listing = provider.list(page).await.unwrap();
        uids.extend(listing.pods.iter().map(|pod| pod.uid.to_string()));
        pages += 1;
        page = listing.next;
        if page.is_none() {
            break;
        }
    }
    assert_eq!(pages, 3);
    assert_eq!(uids, (0..1201).map(|number| format!("{number:04}")).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn changes_are_pushed_to_who_watches() {
    let provider = provider();
    let seen = Arc::new(Seen::default());
    let watching = tokio::spawn({
        let (provider, sink) = (provider.clone(), ObservationSink::new(Arc::clone(&seen) as _));
        async move { provider.watch(sink).await }
    });
    sleep(Duration::from_millis(1)).await;
    assert_eq!(*seen.live.lock(), 1);
    provider.create(create(&pod("a", "Never", &[("run-for", "10s")]))).await.unwrap();
    sleep(Duration::from_secs(11)).await;
    let stages: Vec<_> = seen.observations.lock().iter().map(|seen| seen.stage.clone()).collect();
    assert_eq!(stages, [Stage::Active, Stage::Stopped]);

    watching.abort();
    let _ = watching.await;
    provider.create(create(&pod("b", "Never", &[]))).await.unwrap();
    assert_eq!(seen.observations.lock().len(), 2, "nothing is pushed to who has gone");
}

#[tokio::test(start_paused = true)]
async fn scripted_errors_hit_the_calls_they_name() {
    let provider = provider();
    let scripted =
        pod("a", "Always", &[("create-error", "unavailable@1,outcome-unknown@2"), ("lookup-error", "internal@2")]);
    for expected in [ErrorKind::Unavailable, ErrorKind::OutcomeUnknown] {
        assert_eq!(provider.create(create(&scripted)).await.unwrap_err().kind, expected);
        assert!(provider.list(None).await.unwrap().pods.is_empty());
    }
    provider.create(create(&scripted)).await.unwrap();
    assert!(look_up(&provider, "a").await.is_some());
    assert_eq!(provider.lookup(target("a")).await.unwrap_err().kind, ErrorKind::Internal);
    assert!(look_up(&provider, "a").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_may_have_taken_effect() {
    let provider = provider();
    let error = provider.create(create(&pod("a", "Always", &[("create-error", "outcome-unknown-applied@1")]))).await;
    assert_eq!(error.unwrap_err().kind, ErrorKind::OutcomeUnknown);
    assert!(look_up(&provider, "a").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_create_that_hangs_is_carried_out_later_or_cancelled() {
    let provider = provider();
    let begun = Instant::now();
    provider.create(create(&pod("a", "Always", &[("create-hang", "30s")]))).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 30);

    let request = create(&pod("b", "Always", &[("create-hang", "forever@1")]));
    let cancel = request.cancel.clone();
    let hanging = tokio::spawn({
        let provider = provider.clone();
        async move { provider.create(request).await }
    });
    sleep(Duration::from_secs(3600)).await;
    assert!(!hanging.is_finished());
    cancel.cancel();
    assert_eq!(hanging.await.unwrap().unwrap_err().kind, ErrorKind::Cancelled);
    assert!(look_up(&provider, "b").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_bad_annotation_refuses_the_pod_at_admission_and_at_create() {
    let provider = provider();
    let bad = pod("a", "Always", &[("run-for", "soon")]);
    let field = "metadata.annotations[mock.virtual-kubelet.io/run-for]".to_owned();
    for error in [provider.admit(&bad).await.unwrap_err(), provider.create(create(&bad)).await.unwrap_err()] {
        assert_eq!(error.kind, ErrorKind::Invalid { field: field.clone() });
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_pod_is_absent_and_its_instance_says_so() {
    let provider = provider();
    let instance = provider.create(create(&pod("a", "Always", &[("lose-after", "10s")]))).await.unwrap().instance;
    sleep(Duration::from_secs(11)).await;
    let reply = provider.lookup(target("a")).await.unwrap();
    assert!(reply.pod.is_none());
    assert!(instance.is_some());
    assert_eq!(reply.instance, instance);
}

#[tokio::test]
async fn pods_survive_a_restart_and_what_happened_meanwhile_is_seen() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pods.jsonl");
    let (before, backend) = MockProvider::open(file.clone(), "vk", start()).unwrap();
    let running = tokio::spawn(backend.run());
    for (uid, script) in [("a", &[][..]), ("b", &[("run-for", "1h")]), ("c", &[])] {
        before.create(create(&pod(uid, "Never", script))).await.unwrap();
    }
    let kept = look_up(&before, "a").await;
    stop(&before, "c").await;
    before.remove(target("c")).await.unwrap();
    drop(before);
    running.await.unwrap();

    let two_hours_later = after(start(), Duration::from_secs(7200));
    let (again, backend) = MockProvider::open(file, "vk", two_hours_later).unwrap();
    tokio::spawn(backend.run());
    assert_eq!(look_up(&again, "a").await, kept);
    let ended = look_up(&again, "b").await.unwrap();
    let ContainerState::Terminated(terminated) = &ended.containers[0].state else { panic!("{ended:?}") };
    let ran_for = terminated.duration().unwrap();
    assert_eq!((ran_for, ended.stage), (Duration::from_secs(3600), Stage::Stopped));
    assert!(look_up(&again, "c").await.is_none());
    let fresh = again.create(create(&pod("d", "Never", &[]))).await.unwrap().observation.unwrap();
    assert_ne!(fresh.pod_ips, kept.unwrap().pod_ips);
}

#[tokio::test]
async fn the_file_does_not_grow_without_bound() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pods.jsonl");
    let (provider, backend) = MockProvider::open(file.clone(), "vk", start()).unwrap();
    tokio::spawn(backend.run());
    provider.create(create(&pod("kept", "Never", &[]))).await.unwrap();
    for number in 0..1000 {
        let uid = format!("{number}");
        provider.create(create(&pod(&uid, "Never", &[]))).await.unwrap();
        stop(&provider, &uid).await;
        provider.remove(target(&uid)).await.unwrap();
    }
    let lines = std::fs::read_to_string(&file).unwrap().lines().count();
    assert!(lines < 1200, "{lines} lines for one pod");
    drop(provider);
    let (_, pods) = Journal::open(file, "vk").unwrap();
    assert_eq!(pods.len(), 1);
}

#[tokio::test]
async fn a_torn_last_line_is_forgotten_and_a_broken_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pods.jsonl");
    let (provider, backend) = MockProvider::open(file.clone(), "vk", start()).unwrap();
    let running = tokio::spawn(backend.run());
    provider.create(create(&pod("a", "Never", &[]))).await.unwrap();
    drop(provider);
    running.await.unwrap();
    let whole = std::fs::read_to_string(&file).unwrap();

    std::fs::write(&file, format!("{whole}{{\"pod\":{{\"uid\":\"b\"")).unwrap();
    let (_, pods) = Journal::open(file.clone(), "vk").unwrap();
    assert_eq!(pods.len(), 1);

    for (text, node, part) in
        [(format!("{whole}rubbish\n"), "vk", "line 3"), (whole.clone(), "other", "belongs to node \"vk\"")]
    {
        std::fs::write(&file, text).unwrap();
        let error = Journal::open(file.clone(), node).unwrap_err();
        assert!(error.message.contains(part) && error.message.contains("pods.jsonl"), "{error}");
    }
}

fn journal_of(backend: &mut MockBackend) -> &mut Journal {
    match &mut backend.store {
        Store::Journal(journal) => journal,
        Store::Nowhere | Store::Broken(_) => panic!("no journal"),
    }
}

#[tokio::test]
async fn nothing_is_confirmed_any_more_after_a_panic() {
    let directory = tempfile::tempdir().unwrap();
    let (provider, mut backend) = MockProvider::open(directory.path().join("pods.jsonl"), "vk", start()).unwrap();
    journal_of(&mut backend).panic_for_test();
    tokio::spawn(backend.run());
    for name in ["a", "b", "c"] {
        let error = provider.create(create(&pod(name, "Never", &[]))).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert!(error.message.contains("restart the agent"), "{error}");
    }
}

#[tokio::test]
async fn a_call_that_cannot_be_saved_is_not_confirmed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pods.jsonl");
    let (provider, mut backend) = MockProvider::open(file.clone(), "vk", start()).unwrap();
    // A read-only handle stands for a full disk.
    journal_of(&mut backend).break_for_test(std::fs::File::open(&file).unwrap());
    tokio::spawn(backend.run());
    let error = provider.create(create(&pod("a", "Never", &[]))).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains("pods.jsonl"), "{error}");
}

#[test]
fn every_pod_is_honoured() {
    let table = crate::support();
    assert_eq!(table.problems(), Vec::<String>::new());
    let demanding = serde_json::json!({"spec": {
        "hostNetwork": true,
        "initContainers": [{"name": "a", "image": "a", "restartPolicy": "Always"}],
        "containers": [{"name": "b", "image": "b", "livenessProbe": {"grpc": {"port": 1}}, "aFieldOfTomorrow": 1}],
        "volumes": [{"name": "c", "nfs": {"server": "d", "path": "/"}}],
    }});
    assert_eq!(table.check(&demanding), []);
}

#[test]
fn nothing_stays_due_for_pods_that_have_ended_or_gone() {
    let uid = PodUid::from("a");
    let mut pods = Pods::new("vk", []);
    pods.create(&pod("a", "Always", &[("lose-after", "9h"), ("run-for", "1h")]), start()).unwrap();
    assert_eq!(pods.next_due(), Some(after(start(), Duration::from_secs(3600))));
    pods.terminate(&uid, Duration::from_secs(1), start()).unwrap();
    assert_eq!(pods.next_due(), Some(after(start(), Duration::from_secs(9 * 3600))));
    pods.remove(&uid).unwrap();
    assert_eq!(pods.next_due(), None);
}

/// UID, container, nano cores and bytes of everything that runs.
async fn used(provider: &MockProvider) -> Vec<(String, String, u64, u64)> {
    let stats = provider.describe().interfaces.stats.clone().unwrap();
    let reply = stats.stats(StatsRequest::everything()).await.unwrap();
    assert_eq!(reply.node, None);
    let figures = reply.pods.iter().flat_map(|pod| {
        pod.containers.iter().map(|container| {
            let cpu = container.cpu.unwrap().usage_nano_cores.unwrap();
            let memory = container.memory.unwrap().working_set_bytes.unwrap();
            (pod.uid.to_string(), container.name.clone(), cpu, memory)
        })
    });
    figures.collect()
}

#[tokio::test(start_paused = true)]
async fn pods_that_run_use_what_their_annotations_say_and_follow_them() {
    let provider = provider();
    let figures = |uid: &str, cpu, memory| (uid.to_owned(), "main".to_owned(), cpu, memory);
    provider.create(create(&pod("a", "Always", &[("cpu", "250m"), ("memory", "main=64Mi")]))).await.unwrap();
    provider.create(create(&pod("b", "Always", &[]))).await.unwrap();
    provider.create(create(&pod("later", "Always", &[("start-delay", "1h")]))).await.unwrap();
    provider.create(create(&pod("over", "Never", &[("run-for", "0")]))).await.unwrap();
    let unscripted = figures("b", 1_000_000, 8 << 20);
    assert_eq!(used(&provider).await, [figures("a", 250_000_000, 64 << 20), unscripted.clone()]);

    let mut update = Update::new(target("a"), pod("a", "Always", &[("cpu", "2")]), PodChange::default());
    update.change.metadata = true;
    provider.update(update).await.unwrap();
    assert_eq!(used(&provider).await, [figures("a", 2_000_000_000, 8 << 20), unscripted]);
}
