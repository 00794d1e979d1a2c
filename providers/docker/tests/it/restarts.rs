use serde_json::json;
use vk_core::ContainerState;

use crate::world::{find, on_docker, once, script};

#[test]
fn a_crash_loop_is_counted_and_shown() {
    on_docker(|world| async move {
        let pod = world.run(json!({"containers": [script("echo run; exit 3")]})).await?;
        let seen = world.until_waiting(&pod, "main", "CrashLoopBackOff").await?;
        let main = find(&seen, "main").unwrap();
        assert!(main.restarts >= 1, "the first restart comes at once");
        assert_eq!(main.last.as_ref().unwrap().exit_code, 3);
        assert!(pod.events.reasons().contains(&"BackOff".to_owned()));
        let restarts = main.restarts;
        let again = world.until(&pod, "the next restart", |seen| find(seen, "main").unwrap().restarts > restarts);
        again.await?;
        Ok(())
    });
}

#[test]
fn on_failure_restarts_until_it_works() {
    on_docker(|world| async move {
        let mut main = script("test -e /v/done && exit 0; touch /v/done; exit 1");
        main["volumeMounts"] = json!([{"name": "v", "mountPath": "/v"}]);
        let pod = world
            .run(json!({
                "restartPolicy": "OnFailure", "volumes": [{"name": "v", "emptyDir": {}}], "containers": [main],
            }))
            .await?;
        let seen = world.until_stopped(&pod).await?;
        let main = find(&seen, "main").unwrap();
        assert_eq!(main.restarts, 1);
        assert!(matches!(&main.state, ContainerState::Terminated(ended) if ended.exit_code == 0));
        assert_eq!(main.last.as_ref().unwrap().exit_code, 1);
        Ok(())
    });
}

#[test]
fn a_program_that_does_not_exist_is_a_failed_run() {
    on_docker(|world| async move {
        let mut spec = once("");
        spec["containers"][0]["command"] = json!(["/no/such/program"]);
        let pod = world.run(spec).await?;
        let seen = world.until_stopped(&pod).await?;
        let main = crate::world::ended(&seen, "main");
        assert_eq!((main.exit_code, main.reason.as_str()), (128, "StartError"));
        assert!(main.message.contains("/no/such/program"), "{}", main.message);
        assert!(pod.events.text().contains("Failed Error:"), "{}", pod.events.text());
        Ok(())
    });
}

#[test]
fn a_lost_sandbox_is_replaced_and_the_containers_with_it() {
    on_docker(|world| async move {
        let pod = world.run(json!({"containers": [script("exec sleep 1000")]})).await?;
        let before = world.until_running(&pod).await?;
        let sandbox = world.containers().await?.into_iter().find(|name| name.contains("sandbox")).unwrap();
        world.docker.kill_container(sandbox.trim_start_matches('/'), None).await?;
        let after = world.until(&pod, "a second run", |seen| {
            let main = find(seen, "main").unwrap();
            main.restarts == 1 && matches!(main.state, ContainerState::Running { .. })
        });
        assert_ne!(after.await?.containers[0].container_id, before.containers[0].container_id);
        Ok(())
    });
}

#[test]
fn a_container_that_somebody_removed_is_run_again_by_policy() {
    on_docker(|world| async move {
        let always = world.run(json!({"containers": [script("exec sleep 1000")]})).await?;
        let never = world.run(once("exec sleep 1000")).await?;
        for pod in [&always, &never] {
            world.until_running(pod).await?;
        }
        for name in
            world.containers().await?.into_iter().filter(|name| name.contains("_main_") || name.contains("vk_main"))
        {
            let force = bollard::query_parameters::RemoveContainerOptionsBuilder::default().force(true).build();
            world.docker.remove_container(name.trim_start_matches('/'), Some(force)).await?;
        }
        let again = world.until(&always, "a second run", |seen| {
            let main = find(seen, "main").unwrap();
            main.restarts == 1 && matches!(main.state, ContainerState::Running { .. })
        });
        again.await?;
        let seen = world.until_stopped(&never).await?;
        assert_eq!(find(&seen, "main").unwrap().restarts, 0);
        Ok(())
    });
}
