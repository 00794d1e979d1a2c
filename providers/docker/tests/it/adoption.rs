use serde_json::json;
use vk_core::{ContainerState, Stage};
use vk_provider::Provider;

use crate::world::{find, on_docker, script};

#[test]
fn after_a_restart_of_the_agent_everything_is_found_and_nothing_restarted() {
    on_docker(|world| async move {
        let steady = world.run(json!({"containers": [script("exec sleep 1000")]})).await?;
        let looping = world.run(json!({"containers": [script("exit 1")]})).await?;
        let before = world.until_running(&steady).await?;
        let restarts = world.until_waiting(&looping, "main", "CrashLoopBackOff").await?.containers[0].restarts;
        let world = world.restart_agent().await?;
        let listed = world.engine.list(None).await?;
        assert_eq!(listed.pods.len(), 2);
        let found = listed.pods.iter().find(|pod| pod.uid == steady.uid).unwrap();
        assert_eq!(found.stage, Stage::Active);
        assert_eq!(found.containers[0].container_id, before.containers[0].container_id);
        assert_eq!(found.pod_ips, before.pod_ips);
        let found = listed.pods.iter().find(|pod| pod.uid == looping.uid).unwrap();
        let before_adoption = found.containers[0].restarts;
        assert!(before_adoption >= restarts, "no run is forgotten");
        for pod in [&steady, &looping] {
            world.adopt(pod).await?;
        }
        let adopted = world.until_running(&steady).await?;
        assert_eq!(adopted.containers[0].container_id, before.containers[0].container_id);
        assert_eq!(adopted.containers[0].restarts, 0);
        let next = |restarts| restarts > before_adoption;
        let again = world.until(&looping, "the next restart", |seen| next(find(seen, "main").unwrap().restarts));
        again.await?;
        Ok(())
    });
}

#[test]
fn what_ended_while_the_agent_was_away_is_restarted_after_adoption_only() {
    on_docker(|world| async move {
        let pod = world.run(json!({"containers": [script("exec sleep 1000")]})).await?;
        let seen = world.until_running(&pod).await?;
        let id = seen.containers[0].container_id.trim_start_matches("docker://").to_owned();
        let docker = world.docker.clone();
        let world = world.restart_agent().await?;
        docker.kill_container(&id, None).await?;
        let seen = world.until(
            &pod,
            "the end of its run",
            |seen| matches!(&seen.containers[0].state, ContainerState::Terminated(ended) if ended.exit_code == 137),
        );
        assert_eq!(seen.await?.containers[0].restarts, 0);
        world.adopt(&pod).await?;
        let seen = world.until_running(&pod).await?;
        assert_eq!(seen.containers[0].restarts, 1);
        Ok(())
    });
}

#[test]
fn a_pod_is_stopped_and_removed_without_adoption() {
    on_docker(|world| async move {
        let pod = world.run(json!({"containers": [script("trap 'exit 0' TERM; while :; do sleep 0.1; done")]})).await?;
        world.until_running(&pod).await?;
        let world = world.restart_agent().await?;
        assert_eq!(world.engine.list(None).await?.pods.len(), 1);
        world.terminate(&pod, 3600).await?;
        world.until_stopped(&pod).await?;
        world.engine.remove(pod.target()).await?;
        assert_eq!(world.containers().await?, Vec::<String>::new());
        assert_eq!(world.volume_dirs(&pod), Vec::<std::path::PathBuf>::new());
        Ok(())
    });
}

#[test]
fn a_container_that_was_lost_while_the_agent_was_away_is_not_run_again_by_a_pod_that_never_restarts() {
    on_docker(|world| async move {
        let mut pod = world.run(crate::world::once("exec sleep 1000")).await?;
        let seen = world.until_running(&pod).await?;
        let id = seen.containers[0].container_id.trim_start_matches("docker://").to_owned();
        let docker = world.docker.clone();
        let world = world.restart_agent().await?;
        let force = bollard::query_parameters::RemoveContainerOptionsBuilder::default().force(true).build();
        docker.remove_container(&id, Some(force)).await?;
        pod.json["status"] = json!({"phase": "Running", "containerStatuses": [{
            "name": "main", "image": "", "imageID": "", "ready": true, "restartCount": 0, "state": {"running": {}},
        }]});
        world.engine.list(None).await?;
        world.adopt(&pod).await?;
        let main = crate::world::ended(&world.until_stopped(&pod).await?, "main");
        assert_eq!((main.exit_code, main.reason.as_str()), (137, "ContainerStatusUnknown"));
        Ok(())
    });
}
