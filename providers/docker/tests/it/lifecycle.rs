use serde_json::json;
use vk_core::{ContainerState, Stage};
use vk_provider::{NodeProvider, Provider};

use crate::world::{ended, find, on_docker, once, script};

#[test]
fn two_containers_of_a_pod_talk_over_localhost() {
    on_docker(|world| async move {
        let pod = world
            .run(json!({"restartPolicy": "Never", "containers": [
                script("until wget -qO- http://127.0.0.1:8080/hello 2>/dev/null; do sleep 0.1; done"),
                {"name": "server", "command": ["sh", "-c", "mkdir /www; echo hi > /www/hello; exec httpd -f -p 8080 -h /www"]},
            ]}))
            .await?;
        let seen = world.until(&pod, "the client done", |seen| {
            find(seen, "main").is_some_and(|main| matches!(main.state, ContainerState::Terminated(_)))
        });
        assert_eq!(ended(&seen.await?, "main").exit_code, 0);
        assert_eq!(world.log(&pod, |_| {}).await?, "hi\n");
        Ok(())
    });
}

#[test]
fn a_pod_has_an_address_ids_and_the_kubelets_events() {
    on_docker(|world| async move {
        let pod = world.run(json!({"containers": [script("exec sleep 1000")]})).await?;
        let seen = world.until_running(&pod).await?;
        assert_eq!(seen.pod_ips.len(), 1);
        let main = find(&seen, "main").unwrap();
        assert!(main.container_id.starts_with("docker://"), "{}", main.container_id);
        assert!(main.image_id.starts_with("docker://sha256:"), "{}", main.image_id);
        assert_eq!(main.image, crate::world::IMAGE);
        assert_eq!(pod.events.reasons(), ["Pulled", "Created", "Started"]);
        Ok(())
    });
}

#[test]
fn a_container_may_have_any_name() {
    on_docker(|world| async move {
        let names = ["sandbox".to_owned(), "container".to_owned(), "n".repeat(63), format!("{}m", "n".repeat(62))];
        let containers = names.iter().map(|name| {
            let mut container = script(&format!("echo {name}"));
            container["name"] = json!(name);
            container
        });
        let spec = json!({"restartPolicy": "Never", "containers": containers.collect::<Vec<_>>()});
        let pod = world.run(spec).await?;
        let seen = world.until_stopped(&pod).await?;
        for name in &names {
            assert_eq!(ended(&seen, name).exit_code, 0, "{name}");
            let log = world.log(&pod, |request| request.container = name.clone()).await?;
            assert_eq!(log.trim_end(), name);
        }
        Ok(())
    });
}

#[test]
fn exit_codes_are_kept_and_a_finished_pod_is_stopped_with_its_log() {
    on_docker(|world| async move {
        let pod = world.run(once("echo bye; exit 7")).await?;
        let seen = world.until_stopped(&pod).await?;
        let main = ended(&seen, "main");
        assert_eq!((main.exit_code, main.reason.as_str()), (7, "Error"));
        assert!(main.started_at.is_some() && main.finished_at >= main.started_at);
        assert_eq!(world.log(&pod, |_| {}).await?, "bye\n");
        assert_eq!(seen.pod_ips.len(), 1, "a finished pod keeps its address in its status");
        Ok(())
    });
}

#[test]
fn a_container_that_takes_too_much_memory_is_oom_killed() {
    on_docker(|world| async move {
        let mut main = script("dd if=/dev/zero of=/dev/null bs=64M count=1");
        main["resources"] = json!({"limits": {"memory": "16Mi"}});
        let pod = world.run(json!({"restartPolicy": "Never", "containers": [main]})).await?;
        let main = ended(&world.until_stopped(&pod).await?, "main");
        assert_eq!((main.exit_code, main.reason.as_str()), (137, "OOMKilled"));
        Ok(())
    });
}

#[test]
fn init_containers_and_sidecars_run_in_their_order() {
    on_docker(|world| async move {
        let write = |name: &str, then: &str| {
            json!({
                "name": name, "command": ["sh", "-c", format!("echo {name} >> /v/order; {then}")],
                "volumeMounts": [{"name": "v", "mountPath": "/v"}],
            })
        };
        let mut sidecar = write("sidecar", "exec sleep 1000");
        sidecar["restartPolicy"] = json!("Always");
        let mut main = write("main", "cat /v/order");
        main["name"] = json!("main");
        let pod = world
            .run(json!({
                "restartPolicy": "Never",
                "volumes": [{"name": "v", "emptyDir": {}}],
                "initContainers": [write("first", "true"), sidecar, write("second", "true")],
                "containers": [main],
            }))
            .await?;
        let seen = world.until_stopped(&pod).await?;
        // The sidecar runs before the next one starts; what it writes may come a little later.
        let order = world.log(&pod, |_| {}).await?;
        assert!(order.starts_with("first\n") && order.ends_with("main\n"), "{order}");
        assert_eq!(ended(&seen, "first").exit_code, 0);
        assert_ne!(ended(&seen, "sidecar").finished_at, None);
        Ok(())
    });
}

#[test]
fn removal_leaves_nothing_behind() {
    on_docker(|world| async move {
        let pod = world
            .run(json!({
                "volumes": [{"name": "v", "emptyDir": {}}],
                "containers": [{
                    "name": "main", "command": ["sleep", "1000"],
                    "volumeMounts": [{"name": "v", "mountPath": "/v"}],
                }],
            }))
            .await?;
        world.until_running(&pod).await?;
        assert!(!world.volume_dirs(&pod).is_empty());
        world.terminate(&pod, 1).await?;
        world.until_stopped(&pod).await?;
        world.engine.remove(pod.target()).await?;
        assert_eq!(world.containers().await?, Vec::<String>::new());
        assert_eq!(world.volume_dirs(&pod), Vec::<std::path::PathBuf>::new());
        let looked_up = world.engine.lookup(pod.target()).await?;
        assert!(looked_up.pod.is_none() && looked_up.instance.is_some());
        world.engine.remove(pod.target()).await?;
        Ok(())
    });
}

#[test]
fn a_second_create_answers_as_the_first_did() {
    on_docker(|world| async move {
        let pod = world.run(json!({"containers": [script("exec sleep 1000")]})).await?;
        let first = world.until_running(&pod).await?;
        world.create(&pod).await?;
        let listed = world.engine.list(None).await?;
        assert_eq!(listed.pods.len(), 1);
        assert_eq!(listed.pods[0].containers, first.containers);
        assert_eq!(listed.pods[0].stage, Stage::Active);
        Ok(())
    });
}

#[test]
fn the_node_says_what_docker_is() {
    on_docker(|world| async move {
        world.node.ping().await?;
        let shape = world.node.shape().await?;
        assert!(shape.info.container_runtime_version.starts_with("docker://"));
        assert_eq!(shape.info.operating_system, "linux");
        assert_eq!(shape.capacity["pods"].0, "110");
        Ok(())
    });
}
