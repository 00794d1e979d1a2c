//! What becomes of commands whose client has gone.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, duplex};
use vk_provider::{Error, ExecRequest, Exit, Provider as _, Streams};

use crate::world::{TestPod, World, on_docker, script};

/// The tests' own commands among those that run in the pod's container: each sleeps for a thousand seconds and some, or waits
/// for one that does.
async fn commands(world: &World, pod: &TestPod) -> Result<Vec<String>> {
    let list = "for process in /proc/[0-9]*; do cat $process/cmdline 2>/dev/null; echo; done";
    let (stdout, mut ours) = duplex(1024);
    let mut streams = Streams::default();
    streams.stdout = Some(Box::new(stdout));
    let mut listed = Vec::new();
    let (exit, read) = tokio::join!(exec(world, pod, list, false, streams), ours.read_to_end(&mut listed));
    exit?;
    read?;
    let lines = String::from_utf8_lossy(&listed).replace('\0', " ");
    Ok(lines.lines().filter(|line| line.contains("sleep 100")).map(str::to_owned).collect())
}

async fn exec(world: &World, pod: &TestPod, text: &str, tty: bool, streams: Streams) -> vk_core::Result<Exit> {
    let command = ["sh", "-c", text].map(str::to_owned).to_vec();
    let mut request = ExecRequest::new(pod.target(), "main", command);
    request.tty = tty;
    let exec = world.engine.describe().interfaces.exec.clone().ok_or_else(|| Error::internal("no exec"))?;
    exec.exec(request, streams).await
}

/// Begins a command, which says so, and goes.
async fn begin_and_leave(world: &World, pod: &TestPod, text: &str, tty: bool) -> Result<()> {
    let ((near, far), (_ours, stdin)) = (duplex(1024), duplex(1024));
    let mut streams = Streams::default();
    streams.stdin = Some(Box::new(stdin));
    streams.stdout = Some(Box::new(near));
    let mut begun = String::new();
    let mut output = BufReader::new(far);
    tokio::select! {
        biased;
        ended = exec(world, pod, text, tty, streams) => panic!("it has ended: {ended:?}"),
        read = output.read_line(&mut begun) => read?,
    };
    assert_eq!(begun.trim_end(), "begun");
    Ok(())
}

/// The agent ends with its streams, and not before their commands.
#[test]
fn the_agents_end_waits_for_the_end_of_commands() {
    on_docker(|world| async move {
        let pod = world.run(json!({"containers": [script("sleep 3600")]})).await?;
        world.until_running(&pod).await?;
        begin_and_leave(
            &world,
            &pod,
            "trap '' HUP; sleep 1008 </dev/null & echo begun; while true; do sleep 1; done",
            false,
        )
        .await?;
        world.last_tasks().await?;
        assert_eq!(commands(&world, &pod).await?, [""; 0]);
        Ok(())
    });
}

#[test]
fn nothing_of_a_command_is_left_when_its_client_goes() {
    on_docker(|world| async move {
        let pod = world.run(json!({"containers": [script("sleep 3600")]})).await?;
        world.until_running(&pod).await?;
        // One ends on SIGHUP; one ignores it, with a child that has forgotten its stdin; with a terminal and without.
        for (tty, text) in [
            (false, "sleep 1001 & echo begun; sleep 1002"),
            (false, "trap '' HUP; sleep 1003 </dev/null & echo begun; while true; do sleep 1; done; # sleep 1007"),
            (true, "sleep 1004 & echo begun; sleep 1005"),
        ] {
            begin_and_leave(&world, &pod, text, tty).await?;
            let gone = || async { commands(&world, &pod).await.is_ok_and(|left| left.is_empty()) };
            world.eventually(&format!("the end of {text}"), gone).await?;
        }
        Ok(())
    });
}

/// A command that has ended by itself may have left something behind on purpose.
#[test]
fn what_a_command_leaves_behind_goes_on() {
    on_docker(|world| async move {
        let pod = world.run(json!({"containers": [script("sleep 3600")]})).await?;
        world.until_running(&pod).await?;
        exec(&world, &pod, "sleep 1006 </dev/null >/dev/null 2>&1 &", false, Streams::default()).await?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(commands(&world, &pod).await?, ["sleep 1006 "]);
        Ok(())
    });
}
