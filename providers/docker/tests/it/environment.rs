use serde_json::json;

use crate::world::{on_docker, once, script};

#[test]
fn environment_comes_from_everywhere() {
    on_docker(|world| async move {
        world.cluster.set_config_map("settings", &[("COLOUR", "blue"), ("SIZE", "9")]);
        world.cluster.set_secret("keys", &[("key", "s3cret")]);
        let mut main = script("echo $COLOUR $KEY $NAME $IP $NODE $BOTH $LIMIT");
        main["envFrom"] = json!([{"configMapRef": {"name": "settings"}}]);
        main["resources"] = json!({"limits": {"memory": "64Mi"}});
        main["env"] = json!([
            {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "key"}}},
            {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}},
            {"name": "BOTH", "value": "$(KEY)-$(NAME)"},
            {"name": "LIMIT", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
        ]);
        let pod = world.run(json!({"restartPolicy": "Never", "containers": [main]})).await?;
        let seen = world.until_stopped(&pod).await?;
        let (name, ip) = (&pod.key.name, seen.pod_ips[0]);
        let expected = format!("blue s3cret {name} {ip} 10.9.8.7 s3cret-{name} 64\n");
        assert_eq!(world.log(&pod, |_| {}).await?, expected);
        Ok(())
    });
}

#[test]
fn a_missing_reference_holds_its_own_container_only_and_until_it_is_there() {
    on_docker(|world| async move {
        let mut main = script("echo $KEY");
        main["env"] = json!([{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "late", "key": "key"}}}]);
        let other = json!({"name": "other", "command": ["sh", "-c", "exit 4"]});
        let pod = world.run(json!({"restartPolicy": "Never", "containers": [main, other]})).await?;
        let seen = world.until_waiting(&pod, "main", "CreateContainerConfigError").await?;
        let message = format!("{:?}", seen.containers[0].state);
        assert!(message.contains("secret \\\"late\\\" not found"), "{message}");
        world
            .until(&pod, "the other one has run", |seen| {
                matches!(seen.containers[1].state, vk_core::ContainerState::Terminated(_))
            })
            .await?;
        world.cluster.set_secret("late", &[("key", "here")]);
        world.until_stopped(&pod).await?;
        assert_eq!(world.log(&pod, |_| {}).await?, "here\n");
        Ok(())
    });
}

#[test]
fn names_of_the_pod_and_of_others_are_known_inside() {
    on_docker(|world| async move {
        let mut spec = once("hostname; cat /etc/hosts; cat /etc/resolv.conf");
        spec["hostname"] = json!("db");
        spec["subdomain"] = json!("peers");
        spec["hostAliases"] = json!([{"ip": "10.1.2.3", "hostnames": ["elsewhere"]}]);
        spec["dnsPolicy"] = json!("None");
        spec["dnsConfig"] = json!({"nameservers": ["10.96.0.10"], "searches": ["example.com"], "options": [{"name": "ndots", "value": "3"}]});
        let output = world.output(spec).await?;
        assert!(output.starts_with("db\n"), "{output}");
        assert!(output.contains("db.peers.default.svc.cluster.local"), "{output}");
        assert!(output.lines().any(|line| line.starts_with("10.1.2.3") && line.contains("elsewhere")), "{output}");
        assert!(output.contains("nameserver 10.96.0.10") && output.contains("search example.com"), "{output}");
        assert!(output.contains("ndots:3"), "{output}");
        Ok(())
    });
}
