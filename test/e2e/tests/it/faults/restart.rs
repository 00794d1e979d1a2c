//! The agent comes back to a thousand pods, all of them as it left them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::stage::{Identity, Stage, condition, eventually};

use super::ground::Ground;
use super::report::Report;
use super::settings::Settings;
use super::user::User;

const PODS: usize = 1000;
/// An agent that has written nothing for this long has nothing left to write.
const QUIET: Duration = Duration::from_secs(5);

#[test]
#[ignore = "minutes long: cargo xtask e2e faults"]
fn an_agent_that_comes_back_to_a_thousand_pods_writes_nothing_about_them() {
    let ground = Ground::start();
    let mut stage = Stage::open(&ground.environment(), Identity::Node);
    let mut report =
        Report::new(&format!("The agent is killed and comes back to {PODS} pods (mock)"), &Settings::read());
    let config = json!({ stage.name(): { "cpu": "1000", "memory": "4Ti", "pods": "2000" } });
    let config = stage.write("mock.json", &config.to_string());
    let metrics = free_address();
    let mut command = stage.command("mock");
    command.arg(format!("--provider-config={}", config.display())).arg(format!("--metrics-addr={metrics}"));
    stage.start(&mut command);
    stage.until_ready();
    let user = User::of(&stage);
    let spec = json!({ "containers": [{ "name": "main", "image": "any" }] });
    user.create_all((0..PODS).map(|number| format!("pod-{number:04}")), &spec);
    eventually("all pods run", || {
        let running = stage.all_pods().iter().filter(|pod| pod.condition("Ready") == "True").count();
        if running == PODS { Ok(()) } else { Err(format!("{running} run")) }
    });
    until_quiet(metrics);
    let before = versions(&stage);

    stage.kill_agent();
    let writes = come_back(&mut stage, &mut command, metrics, &mut report);
    let about_pods: u64 =
        writes.iter().filter(|(kind, _)| kind.contains("resource=\"pods")).map(|(_, count)| count).sum();
    let all: Vec<String> = writes.iter().map(|(kind, count)| format!("{count} of {kind}")).collect();
    report.figure(&format!("writes about pods until the agent is quiet: {about_pods}; all writes: {}", all.join("; ")));
    report.expect(about_pods == 0, || format!("{about_pods} redundant writes"));
    let changed = versions(&stage).into_iter().filter(|(uid, version)| before.get(uid) != Some(version)).count();
    report.expect(changed == 0, || format!("{changed} pods were changed"));

    stage.kill_agent();
    let begun = Instant::now();
    stage.start(&mut command);
    user.create("new", spec);
    stage.until_running("new");
    report.figure(&format!(
        "after kill -9, from the start of the program to a new pod that is Running: {:.2} s",
        begun.elapsed().as_secs_f64()
    ));
    stage.kubectl().ok(&["delete", "pods", "--all", "--wait=false"]);
    eventually("no pods", || {
        let left = stage.all_pods().len();
        if left == 0 { Ok(()) } else { Err(format!("{left} pods")) }
    });
    report.conclude();
}

/// Starts the agent and waits until it has nothing more to write; answers with what it wrote.
fn come_back(
    stage: &mut Stage,
    command: &mut Command,
    metrics: SocketAddr,
    report: &mut Report,
) -> BTreeMap<String, u64> {
    let begun = Instant::now();
    stage.start(command);
    stage.agent().until_log("run: ready");
    report.figure(&format!("ready {:.2} s after its start", begun.elapsed().as_secs_f64()));
    stage.until_node("the node is ready", |node| condition(node, "Ready") == "True");
    until_quiet(metrics)
}

/// The version of each pod, by UID.
fn versions(stage: &Stage) -> BTreeMap<String, Value> {
    let list = stage.api().get(&stage.path("pods")).unwrap();
    let items = list["items"].as_array().unwrap();
    let entry = |pod: &Value| (pod["metadata"]["uid"].to_string(), pod["metadata"]["resourceVersion"].clone());
    items.iter().map(entry).collect()
}

/// Waits until no write has come for a while; answers with all writes so far but those of the heartbeat, by their labels.
fn until_quiet(metrics: SocketAddr) -> BTreeMap<String, u64> {
    let mut newest = (Instant::now(), BTreeMap::new());
    eventually("an agent that has nothing to write", || {
        // Until it listens there is nobody to ask.
        let now = ask(metrics, "/metrics").map(|text| writes(&text)).map_err(|error| error.to_string())?;
        if now != newest.1 {
            newest = (Instant::now(), now);
        }
        if newest.0.elapsed() > QUIET { Ok(()) } else { Err(format!("{:?}", newest.1)) }
    });
    newest.1
}

/// What an exposition counts of requests that change something.
fn writes(exposition: &str) -> BTreeMap<String, u64> {
    let counted = exposition.lines().filter_map(|line| {
        let (labels, count) = line.strip_prefix("virtual_kubelet_api_requests_total{")?.split_once("} ")?;
        Some((labels.to_owned(), count.trim().parse().ok()?))
    });
    let is_write = |labels: &str| {
        ["create", "patch", "update", "delete"].iter().any(|verb| labels.contains(&format!("verb=\"{verb}\"")))
            && !["leases", "reviews"].iter().any(|resource| labels.contains(&format!("{resource}\"")))
    };
    counted.filter(|(labels, _)| is_write(labels)).collect()
}

/// One plain HTTP request.
fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The agent does not tell which port it was given, so it is given one that was free a moment ago.
fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_told_from_reads_and_from_the_heartbeat() {
        let text = "# TYPE virtual_kubelet_api_requests counter\n\
                    virtual_kubelet_api_requests_total{verb=\"patch\",resource=\"pods/status\",code=\"200\"} 3\n\
                    virtual_kubelet_api_requests_total{verb=\"list\",resource=\"pods\",code=\"200\"} 4\n\
                    virtual_kubelet_api_requests_total{verb=\"create\",resource=\"subjectaccessreviews\",code=\"201\"} 5\n\
                    virtual_kubelet_api_requests_total{verb=\"patch\",resource=\"leases\",code=\"200\"} 6\n";
        let found = writes(text);
        assert_eq!(found.into_values().collect::<Vec<_>>(), [3]);
    }
}
