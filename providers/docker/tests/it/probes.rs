use serde_json::{Value, json};
use vk_core::{ContainerState, PodObservation};
use vk_provider::Provider as _;

use crate::world::{TestPod, World, find, on_docker, script};

/// A container that serves HTTP, and a file in the volume `v` that others can make and remove.
fn serving(probes: &Value) -> Value {
    let mut main = script("mkdir /www; echo hi > /www/hello; exec httpd -f -p 8080 -h /www");
    main["ports"] = json!([{"name": "http", "containerPort": 8080}]);
    main["volumeMounts"] = json!([{"name": "v", "mountPath": "/v"}]);
    for (name, probe) in probes.as_object().into_iter().flatten() {
        main[name] = probe.clone();
    }
    json!({"volumes": [{"name": "v", "emptyDir": {}}], "containers": [main]})
}

fn every_second(mut probe: Value) -> Value {
    probe["periodSeconds"] = json!(1);
    probe["failureThreshold"] = json!(1);
    // A busy machine takes its time.
    probe["timeoutSeconds"] = json!(30);
    probe
}

fn asks_for_file() -> Value {
    every_second(json!({"exec": {"command": ["sh", "-c", "echo looking; test -e /v/well"]}}))
}

async fn until_ready(world: &World, pod: &TestPod, ready: bool) -> anyhow::Result<PodObservation> {
    let is_so = |seen: &PodObservation| find(seen, "main").is_some_and(|main| main.ready == Some(ready));
    world.until(pod, &format!("ready: {ready}"), is_so).await
}

fn file(world: &World, pod: &TestPod) -> std::path::PathBuf {
    world.volume_dirs(pod)[0].join("empty/v/well")
}

#[test]
fn a_command_tells_whether_a_container_is_ready() {
    on_docker(|world| async move {
        let pod = world.run(serving(&json!({"readinessProbe": asks_for_file()}))).await?;
        world.until_running(&pod).await?;
        world.eventually("Unhealthy", || async { pod.events.reasons().contains(&"Unhealthy".to_owned()) }).await?;
        let text = pod.events.text();
        assert!(text.contains("Readiness probe failed: the command ended with exit code 1: looking"), "{text}");
        std::fs::write(file(&world, &pod), "")?;
        until_ready(&world, &pod, true).await?;
        std::fs::remove_file(file(&world, &pod))?;
        let seen = until_ready(&world, &pod, false).await?;
        assert_eq!(find(&seen, "main").unwrap().restarts, 0);
        Ok(())
    });
}

#[test]
fn http_and_tcp_reach_the_pod_at_its_own_address() {
    on_docker(|world| async move {
        for probe in [json!({"httpGet": {"port": "http", "path": "/hello"}}), json!({"tcpSocket": {"port": 8080}})] {
            let pod = world.run(serving(&json!({"readinessProbe": every_second(probe)}))).await?;
            until_ready(&world, &pod, true).await?;
        }
        let missing = every_second(json!({"httpGet": {"port": 8080, "path": "/missing"}}));
        let pod = world.run(serving(&json!({"readinessProbe": missing}))).await?;
        world.eventually("404", || async { pod.events.text().contains("statuscode: 404") }).await?;
        until_ready(&world, &pod, false).await?;
        Ok(())
    });
}

#[test]
fn a_container_that_is_not_alive_runs_again() {
    on_docker(|world| async move {
        // It lives until the file is gone; the next run waits for it to come back.
        let mut spec = serving(&json!({"startupProbe": asks_for_file(), "livenessProbe": asks_for_file()}));
        spec["containers"][0]["startupProbe"]["failureThreshold"] = json!(1000);
        spec["terminationGracePeriodSeconds"] = json!(1);
        let pod = world.run(spec).await?;
        let seen = world.until_running(&pod).await?;
        assert_eq!(
            (find(&seen, "main").unwrap().started, find(&seen, "main").unwrap().ready),
            (Some(false), Some(false))
        );
        std::fs::write(file(&world, &pod), "")?;
        world.until(&pod, "started", |seen| find(seen, "main").unwrap().started == Some(true)).await?;
        std::fs::remove_file(file(&world, &pod))?;
        let again = world.until(&pod, "a second run", |seen| {
            let main = find(seen, "main").unwrap();
            main.restarts == 1 && matches!(main.state, ContainerState::Running { .. })
        });
        assert_eq!(find(&again.await?, "main").unwrap().started, Some(false));
        let text = pod.events.text();
        assert!(text.contains("Killing Container main failed liveness probe, will be restarted"), "{text}");
        Ok(())
    });
}

#[test]
fn what_was_ready_stays_so_when_the_agent_comes_back() {
    on_docker(|world| async move {
        let mut pod = world.run(serving(&json!({"readinessProbe": asks_for_file()}))).await?;
        world.until_running(&pod).await?;
        std::fs::write(file(&world, &pod), "")?;
        until_ready(&world, &pod, true).await?;
        let world = world.restart_agent().await?;
        world.engine.list(None).await?;
        pod.json["status"] = json!({"phase": "Running", "containerStatuses": [{
            "name": "main", "image": "", "imageID": "", "ready": true, "started": true, "restartCount": 0,
            "state": {"running": {}},
        }]});
        world.adopt(&pod).await?;
        let seen = world.until(&pod, "what probes say", |seen| find(seen, "main").unwrap().ready.is_some()).await?;
        assert_eq!(find(&seen, "main").unwrap().ready, Some(true));
        std::fs::remove_file(file(&world, &pod))?;
        until_ready(&world, &pod, false).await?;
        Ok(())
    });
}
