//! `cargo xtask demo`: a cluster, a virtual node on Docker and a pod on it, each step told.

mod agent;
mod console;

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{SigSet, Signal};
use serde_json::json;
use test_cluster::{
    Cluster, ControlPlane, ControlPlaneOptions, DockerEngine, DockerOptions, Programs, Requirement, ensure_installed,
};

use crate::demo::agent::Agent;
use crate::demo::console::{Console, indented};
use crate::workspace::build_virtual_kubelet;

/// The node's name.
const NODE: &str = "virtual-1";
const POD: &str = "hello";
/// Says something every two seconds, and ends at once when it is told to.
const SCRIPT: &str = "trap 'exit 0' TERM; n=0; while true; do n=$((n + 1)); \
                      echo \"hello $n from $(hostname) on $NODE_NAME\"; sleep 2 & wait $!; done";
/// Far longer than anything here takes; a bound against waiting for ever.
const PATIENCE: Duration = Duration::from_secs(120);
const INTERVAL: Duration = Duration::from_millis(300);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// End after the pod's logs were shown, instead of waiting for Ctrl-C.
    #[arg(long)]
    once: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut console = Console::new(7);
    console.step("Programs that are needed: Docker, busybox, iproute2");
    ensure_installed(&Requirement::DOCKER)?;
    console.step("Kubernetes, built from source once and then kept");
    println!("    {}", Programs::build()?.directory().display());
    console.step("virtual-kubelet (cargo build)");
    let binary = build_virtual_kubelet()?;
    println!("    {}", binary.display());

    console.step("A Docker engine of its own, with an image made on this machine");
    let engine = DockerEngine::start(DockerOptions::default()).context("cannot start a Docker engine")?;
    let image = engine.load_test_image()?;
    println!("    DOCKER_HOST={} has {image}", engine.host());

    console.step("A Kubernetes control plane: etcd, API server, scheduler, controllers");
    // Where pods in containers reach it too.
    let address = engine.bridge_address().into();
    let control_plane = ControlPlane::start(ControlPlaneOptions { address, ..ControlPlaneOptions::default() })
        .context("cannot start a control plane")?;
    println!("    {}", control_plane.server_url());

    console.step("A virtual node, as which the cluster sees this Docker engine");
    let agent = Agent::start(&control_plane, &engine, &binary, NODE)?;
    println!("    $ {}", agent.command_line());
    until("the node to be ready", || {
        agent.check()?;
        let ready = "-o=jsonpath={.status.conditions[?(@.type==\"Ready\")].status}";
        // Until it is registered, there is none to ask about.
        Ok(control_plane.run_kubectl(&["get", "node", NODE, ready]).is_ok_and(|status| status == "True"))
    })
    .with_context(|| agent.log_end())?;
    show(&control_plane, &["get", "nodes", "-o", "wide"])?;

    console.step("A pod, which the scheduler sends to the node and Docker runs");
    run_pod(&control_plane, image).with_context(|| agent.log_end())?;
    show(&control_plane, &["get", "pods", "-o", "wide"])?;
    show(&control_plane, &["logs", POD])?;
    if arguments.once {
        println!("\nThat was all. Without --once it stays, for you to try more.");
        return Ok(());
    }
    println!("{}", invitation(&control_plane, &engine, &agent));
    wait_for_interrupt()?;
    println!("\nEnding the node, the control plane and the engine.");
    Ok(())
}

/// Creates the pod and returns once it has said something.
fn run_pod(cluster: &Cluster, image: &str) -> Result<()> {
    let node_name = json!({ "name": "NODE_NAME", "valueFrom": { "fieldRef": { "fieldPath": "spec.nodeName" } } });
    let container = json!({ "name": POD, "image": image, "command": ["sh", "-c", SCRIPT], "env": [node_name] });
    let overrides = json!({ "spec": { "containers": [container] } }).to_string();
    println!("    $ kubectl run {POD} --image={image} …");
    let said = cluster.run_kubectl(&["run", POD, "--image", image, "--overrides", &overrides])?;
    print!("{}", indented(&said));
    until("the pod to run", || {
        Ok(cluster.run_kubectl(&["get", "pod", POD, "-o=jsonpath={.status.phase}"])? == "Running")
    })?;
    until("the pod to say something", || Ok(cluster.run_kubectl(&["logs", POD])?.lines().count() >= 2))
}

fn show(cluster: &Cluster, arguments: &[&str]) -> Result<()> {
    println!("    $ kubectl {}", arguments.join(" "));
    print!("{}", indented(&cluster.run_kubectl(arguments)?));
    Ok(())
}

fn until(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    for _ in 0..PATIENCE.as_millis() / INTERVAL.as_millis() {
        if holds()? {
            return Ok(());
        }
        thread::sleep(INTERVAL);
    }
    bail!("waited {} s in vain for {what}", PATIENCE.as_secs());
}

fn invitation(cluster: &Cluster, engine: &DockerEngine, agent: &Agent) -> String {
    let image = "busybox:test";
    format!(
        r#"
Now it is yours. In another shell:

    export KUBECONFIG={kubeconfig}
    export PATH={programs}:"$PATH"      # kubectl of the same version

    kubectl logs --follow {POD}
    kubectl describe pod {POD}
    kubectl describe node {NODE}
    kubectl create deployment web --image={image} --replicas=3 -- sleep 1000
    kubectl scale deployment web --replicas=1
    kubectl create job count --image={image} -- seq 3
    kubectl delete pod {POD}

    export DOCKER_HOST={docker}
    docker ps                           # the same pods, seen from below
    tail -f {log}

Ctrl-C ends all of it and leaves nothing behind."#,
        kubeconfig = cluster.admin_kubeconfig().display(),
        programs = cluster.programs().display(),
        docker = engine.host(),
        log = agent.log().display(),
    )
}

/// Returns at Ctrl-C. Until now a signal would have ended this process, and the guards all else.
fn wait_for_interrupt() -> Result<()> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        signals.add(signal);
    }
    signals.thread_block()?;
    signals.wait()?;
    Ok(())
}
