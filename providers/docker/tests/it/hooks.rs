use serde_json::{Value, json};
use vk_core::ContainerState;

use crate::world::{ended, find, on_docker, script};

fn hooked(text: &str, lifecycle: &Value) -> Value {
    let mut main = script(text);
    main["lifecycle"] = lifecycle.clone();
    json!({"containers": [main]})
}

fn command(text: &str) -> Value {
    json!({"exec": {"command": ["sh", "-c", text]}})
}

#[test]
fn hooks_run_after_the_start_and_before_the_signal() {
    on_docker(|world| async move {
        // Each hook writes where the container's own output goes.
        let say = |word: &str| command(&format!("echo {word} > /proc/1/fd/1"));
        let text = "trap 'echo stopped; exit 3' TERM; echo up; while :; do sleep 0.1; done";
        let pod = world.run(hooked(text, &json!({"postStart": say("begun"), "preStop": say("ending")}))).await?;
        world
            .until(&pod, "the first hook done", |seen| {
                find(seen, "main").is_some_and(|main| main.started == Some(true))
            })
            .await?;
        world
            .eventually("the trap is set", || async {
                world.log(&pod, |_| {}).await.is_ok_and(|log| log.contains("up\n"))
            })
            .await?;
        world.terminate(&pod, 3600).await?;
        assert_eq!(ended(&world.until_stopped(&pod).await?, "main").exit_code, 3);
        let log = world.log(&pod, |_| {}).await?;
        let mut lines: Vec<&str> = log.lines().collect();
        lines[..2].sort_unstable();
        assert_eq!(lines, ["begun", "up", "ending", "stopped"]);
        Ok(())
    });
}

#[test]
fn a_hook_that_fails_after_the_start_ends_the_run() {
    on_docker(|world| async move {
        let mut spec = hooked("exec sleep 1000", &json!({"postStart": command("echo no way; exit 4")}));
        spec["restartPolicy"] = json!("Never");
        spec["terminationGracePeriodSeconds"] = json!(1);
        let pod = world.run(spec).await?;
        world.until_stopped(&pod).await?;
        let text = pod.events.text();
        assert!(
            text.contains("FailedPostStartHook PostStartHook failed: the command ended with exit code 4: no way"),
            "{text}"
        );
        Ok(())
    });
}

#[test]
fn a_hook_that_never_ends_is_cut_short_by_the_grace() {
    on_docker(|world| async move {
        let text = "trap 'exit 0' TERM; while :; do sleep 0.1; done";
        let pod = world.run(hooked(text, &json!({"preStop": {"sleep": {"seconds": 3600}}}))).await?;
        let seen = world.until_running(&pod).await?;
        assert!(matches!(seen.containers[0].state, ContainerState::Running { .. }));
        world.terminate(&pod, 2).await?;
        assert_eq!(ended(&world.until_stopped(&pod).await?, "main").exit_code, 137);
        Ok(())
    });
}
