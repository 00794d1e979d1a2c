use serde_json::json;
use vk_core::Stage;
use vk_provider::Provider;

use crate::world::{ended, on_docker, script};

#[test]
fn a_container_that_heeds_the_signal_ends_long_before_its_grace() {
    on_docker(|world| async move {
        let pod = world
            .run(json!({"containers": [script("trap 'exit 5' TERM; echo up; while :; do sleep 0.1; done")]}))
            .await?;
        world.until_running(&pod).await?;
        world
            .eventually("the trap is set", || async { world.log(&pod, |_| {}).await.is_ok_and(|log| log == "up\n") })
            .await?;
        // Waiting for the whole grace would run into the test's own limit.
        world.terminate(&pod, 3600).await?;
        let seen = world.until_stopped(&pod).await?;
        assert_eq!(ended(&seen, "main").exit_code, 5);
        assert!(pod.events.reasons().contains(&"Killing".to_owned()));
        Ok(())
    });
}

#[test]
fn a_container_that_ignores_the_signal_is_killed_when_its_grace_ends() {
    on_docker(|world| async move {
        let pod = world.run(json!({"containers": [script("trap '' TERM; while :; do sleep 0.1; done")]})).await?;
        world.until_running(&pod).await?;
        world.terminate(&pod, 2).await?;
        let seen = world.until_stopped(&pod).await?;
        assert_eq!(ended(&seen, "main").exit_code, 137);
        Ok(())
    });
}

#[test]
fn a_nearer_deadline_cuts_a_stop_short() {
    on_docker(|world| async move {
        let pod = world.run(json!({"containers": [script("trap '' TERM; while :; do sleep 0.1; done")]})).await?;
        world.until_running(&pod).await?;
        world.terminate(&pod, 3600).await?;
        world.until(&pod, "stopping", |seen| seen.stage == Stage::Stopping).await?;
        world.terminate(&pod, 1).await?;
        world.until_stopped(&pod).await?;
        Ok(())
    });
}

#[test]
fn the_pods_own_stop_signal_is_sent() {
    on_docker(|world| async move {
        let mut main = script("trap 'exit 6' USR1; echo up; while :; do sleep 0.1; done");
        main["lifecycle"] = json!({"stopSignal": "SIGUSR1"});
        let pod = world.run(json!({"os": {"name": "linux"}, "containers": [main]})).await?;
        world.until_running(&pod).await?;
        world
            .eventually("the trap is set", || async { world.log(&pod, |_| {}).await.is_ok_and(|log| log == "up\n") })
            .await?;
        world.terminate(&pod, 3600).await?;
        assert_eq!(ended(&world.until_stopped(&pod).await?, "main").exit_code, 6);
        Ok(())
    });
}

#[test]
fn a_pod_that_runs_can_be_removed_at_once() {
    on_docker(|world| async move {
        let pod = world.run(json!({"containers": [script("trap '' TERM; while :; do sleep 0.1; done")]})).await?;
        world.until_running(&pod).await?;
        world.engine.remove(pod.target()).await?;
        assert_eq!(world.containers().await?, Vec::<String>::new());
        Ok(())
    });
}

#[test]
fn what_is_not_there_is_stopped_and_removed_already() {
    on_docker(|world| async move {
        let pod = world.pod(json!({"containers": [script("true")]}));
        world.engine.list(None).await?;
        world.terminate(&pod, 1).await?;
        world.engine.remove(pod.target()).await?;
        assert!(world.engine.lookup(pod.target()).await?.pod.is_none());
        Ok(())
    });
}
