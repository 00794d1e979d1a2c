//! The API server, or etcd below it, goes away and comes back.

use std::thread;
use std::time::Duration;

use test_cluster::Component;
use tokio::time::Instant;

use crate::stage::{Identity, Stage, condition, eventually};

use super::ground::{Failure, Ground};
use super::ledger::Ledger;
use super::report::Report;
use super::settings::Settings;
use super::starts::Recorder;
use super::user::User;
use super::verdict::{Row, Rule};

const OUTAGES: [(Component, Failure, u64); 8] = [
    (Component::ApiServer, Failure::Killed, 5),
    (Component::ApiServer, Failure::Stopped, 20),
    (Component::ApiServer, Failure::Stopped, 60),
    (Component::ApiServer, Failure::Frozen, 20),
    (Component::Etcd, Failure::Killed, 5),
    (Component::Etcd, Failure::Stopped, 20),
    (Component::Etcd, Failure::Stopped, 60),
    (Component::Etcd, Failure::Frozen, 20),
];
const LONG: [(Component, Failure, u64); 3] = [
    (Component::ApiServer, Failure::Stopped, 300),
    (Component::ApiServer, Failure::Frozen, 300),
    (Component::Etcd, Failure::Stopped, 300),
];
/// Pods that run through all of it.
const STEADY: usize = 5;

#[test]
#[ignore = "minutes long: cargo xtask e2e faults"]
fn pods_run_on_without_api_server_or_etcd() {
    let settings = Settings::read();
    let mut ground = Ground::start();
    let mut stage = Stage::open(&ground.environment(), Identity::Node);
    let mut report = Report::new("The API server and etcd go away", &settings);
    let recorder = Recorder::start(&stage);
    stage.start_docker_node();
    let (user, ledger) = (User::of(&stage), Ledger::of(&stage));
    for number in 0..STEADY {
        user.create(&format!("steady-{number}"), ledger.spec(ledger.sleeper("main")));
    }
    for number in 0..STEADY {
        stage.until_running(&format!("steady-{number}"));
    }
    let before = stage.docker().running();
    let long = if settings.long { &LONG[..] } else { &[] };
    for (number, outage) in OUTAGES.iter().chain(long).enumerate() {
        go_through(*outage, number, &mut ground, &mut stage, &user, &ledger, &mut report);
        let now = stage.docker().running();
        let untouched = before.iter().all(|(id, started)| now.get(id) == Some(started));
        report.expect(untouched, || format!("a container was restarted by {outage:?}"));
    }
    for pod in stage.all_pods() {
        let story = if pod.name().starts_with("steady") { "runs through all" } else { "came or ended with an outage" };
        let mut row = Row::judge(&pod, story.to_owned(), Rule::OneForEachRun, &ledger);
        if pod.restarts("main") > 0 {
            row.complaints.push("it was restarted".to_owned());
        }
        report.row(row);
    }
    for overlap in recorder.finish().overlaps() {
        report.complain(format!("ran twice at once: {overlap}"));
    }
    report.conclude();
}

/// One outage: a pod ends during it, another one is made at its end.
fn go_through(
    (component, how, seconds): (Component, Failure, u64),
    number: usize,
    ground: &mut Ground,
    stage: &mut Stage,
    user: &User,
    ledger: &Ledger,
    report: &mut Report,
) {
    let ending = format!("ending-{number}");
    let mut spec = ledger.spec(ledger.waiter("main", &ending, 7));
    spec["restartPolicy"] = "Never".into();
    user.create(&ending, spec);
    stage.until_running(&ending);

    ground.fail(component, how);
    let gone = Instant::now();
    // vk#762: nobody can be told of this end while it happens.
    ledger.release(&ending);
    thread::sleep(Duration::from_secs(seconds).saturating_sub(gone.elapsed()));
    report.expect(stage.agent().runs(), || format!("the agent ended while {component} was away"));
    ground.bring_back(component, how);
    let back = Instant::now();
    let since = || back.elapsed().as_secs_f64();
    let new = format!("new-{number}");
    user.create(&new, ledger.spec(ledger.sleeper("main")));
    let created = since();
    let mut shown = None;
    eventually(&format!("pod {new} runs"), || {
        // What watches are fed from. After an outage of etcd it comes back later than the API server's answers.
        let cache = format!("pods?resourceVersion=0&fieldSelector=metadata.name%3D{new}");
        let cached = stage.api().get(&stage.path(&cache)).unwrap_or_default();
        if shown.is_none() && cached["items"].as_array().is_some_and(|items| !items.is_empty()) {
            shown = Some(since());
        }
        match stage.pod(&new) {
            Some(pod) if pod.condition("Ready") == "True" => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let running = since();
    let shown = shown.unwrap_or(running);
    let exit_code = stage.until_phase(&ending, "Failed").terminated("main")["exitCode"].clone();
    let told = since();
    report.expect(exit_code == 7, || format!("{ending} ended with {exit_code}, not 7"));
    stage.until_node("the node is ready", |node| condition(node, "Ready") == "True");
    report.figure(&format!(
        "{component} {} for {seconds} s: after it answers again, a new pod is created after {created:.2} s, shown to watches \
         after {shown:.2} s, Running after {running:.2} s; an end from meanwhile is told after {told:.2} s at the latest",
        format!("{how:?}").to_lowercase()
    ));
}
