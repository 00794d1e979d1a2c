use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use vk_provider::{PodChange, Provider, Update};

use crate::world::{mounts_below, on_configured_docker, on_docker, script};

fn with_volume(volume: Value, text: &str) -> Value {
    let mut volume = volume;
    volume["name"] = json!("v");
    let mut main = script(text);
    main["volumeMounts"] = json!([{"name": "v", "mountPath": "/v"}]);
    json!({"restartPolicy": "Never", "volumes": [volume], "containers": [main]})
}

#[test]
fn files_come_from_config_maps_secrets_the_downward_api_and_tokens() {
    on_docker(|world| async move {
        world.cluster.set_config_map("settings", &[("colour", "blue")]);
        world.cluster.set_secret("keys", &[("key", "s3cret")]);
        let volume = json!({"projected": {"sources": [
            {"configMap": {"name": "settings"}},
            {"secret": {"name": "keys", "items": [{"key": "key", "path": "deep/key", "mode": 256}]}},
            {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
            {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
        ]}});
        let text = "cd /v; cat colour; echo; cat deep/key; echo; cat labels; echo; cat token; echo; stat -Lc %a deep/key; touch /v/x 2>/dev/null || echo read-only";
        let output = world.output(with_volume(volume, text)).await?;
        assert!(output.starts_with("blue\ns3cret\napp=\"test\"\ntoken-0\n400\n"), "{output}");
        assert!(output.ends_with("read-only\n"), "{output}");
        Ok(())
    });
}

#[test]
fn files_lie_in_memory_and_go_with_the_last_pod() {
    on_docker(|world| async move {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("\n*** SKIPPED: only root can mount a file system ***\n");
            return Ok(());
        }
        world.cluster.set_secret("keys", &[("key", "s3cret")]);
        let volume = json!({"secret": {"secretName": "keys"}});
        let text = "busybox grep -q ' /v tmpfs ' /proc/mounts && echo in memory; exec sleep 1000";
        let pod = world.run(with_volume(volume.clone(), text)).await?;
        world.until_running(&pod).await?;
        let files = world.state_dir().join("volumes/files");
        assert_eq!(mounts_below(world.state_dir())?, std::slice::from_ref(&files));
        // An agent that comes back finds it, and the container sees what that agent writes.
        let world = world.restart_agent().await?;
        world.engine.list(None).await?;
        world.adopt(&pod).await?;
        let other = world.run(with_volume(volume, "cat /v/key")).await?;
        world.until_stopped(&other).await?;
        assert_eq!(world.log(&other, |_| {}).await?, "s3cret");
        world.engine.remove(other.target()).await?;
        assert_eq!(mounts_below(world.state_dir())?, [files]);
        world.terminate(&pod, 1).await?;
        world.until_stopped(&pod).await?;
        assert_eq!(world.log(&pod, |_| {}).await?, "in memory\n");
        world.engine.remove(pod.target()).await?;
        assert_eq!(mounts_below(world.state_dir())?, Vec::<std::path::PathBuf>::new());
        Ok(())
    });
}

#[test]
fn changed_content_appears_all_at_once_in_a_running_container() {
    on_docker(|world| async move {
        world.cluster.set_config_map("pair", &[("a", "1"), ("b", "1")]);
        let text =
            "while :; do cd /v/..data; x=$(cat a)$(cat b); cd /; echo $x; test $x = 22 && exit 0; sleep 0.05; done";
        let pod = world.run(with_volume(json!({"configMap": {"name": "pair"}}), text)).await?;
        world.until_running(&pod).await?;
        world.cluster.set_config_map("pair", &[("a", "2"), ("b", "2")]);
        world.until_stopped(&pod).await?;
        let log = world.log(&pod, |_| {}).await?;
        assert!(log.lines().all(|line| line == "11" || line == "22"), "{log}");
        Ok(())
    });
}

#[test]
fn a_token_is_renewed_before_it_ends() {
    on_docker(|world| async move {
        world.cluster.token_seconds.store(5, Ordering::SeqCst);
        let volume = json!({"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}});
        // It may be renewed more than once before the container looks.
        let text = "while test $(cat /v/token) = token-0; do sleep 0.1; done; cat /v/token";
        let output = world.output(with_volume(volume, text)).await?;
        assert!(output.starts_with("token-") && output != "token-0", "{output}");
        Ok(())
    });
}

#[test]
fn a_missing_config_map_holds_the_container_and_is_an_event() {
    on_docker(|world| async move {
        let pod = world.run(with_volume(json!({"configMap": {"name": "late"}}), "cat /v/a")).await?;
        world.eventually("FailedMount", || async { pod.events.reasons().contains(&"FailedMount".to_owned()) }).await?;
        let expected = "MountVolume.SetUp failed for volume \"v\" : configmap \"late\" not found";
        assert!(pod.events.text().contains(expected), "{}", pod.events.text());
        world.until_waiting(&pod, "main", "ContainerCreating").await?;
        world.cluster.set_config_map("late", &[("a", "here")]);
        world.until_stopped(&pod).await?;
        assert_eq!(world.log(&pod, |_| {}).await?, "here");
        Ok(())
    });
}

#[test]
fn containers_share_an_empty_dir_on_disk_and_in_memory() {
    on_docker(|world| async move {
        for source in [json!({}), json!({"medium": "Memory", "sizeLimit": "1Mi"})] {
            let mut spec =
                with_volume(json!({"emptyDir": source}), "until test -e /v/there; do sleep 0.05; done; cat /v/there");
            let writer = json!({
                "name": "writer", "command": ["sh", "-c", "echo hi > /v/new; busybox mv /v/new /v/there"],
                "volumeMounts": [{"name": "v", "mountPath": "/v"}],
            });
            spec["containers"].as_array_mut().unwrap().push(writer);
            let pod = world.run(spec).await?;
            world.until_stopped(&pod).await?;
            assert_eq!(world.log(&pod, |_| {}).await?, "hi\n");
            world.engine.remove(pod.target()).await?;
            assert_eq!(world.volume_dirs(&pod), Vec::<std::path::PathBuf>::new());
        }
        Ok(())
    });
}

#[test]
fn a_path_of_the_host_is_mounted_below_the_prefixes_only() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), "of the host").unwrap();
    let path = directory.path().to_string_lossy().into_owned();
    let config = json!({"host_path_prefixes": [path]}).to_string();
    on_configured_docker(&config, |world| async move {
        let output =
            world.output(with_volume(json!({"hostPath": {"path": path}}), "cat /v/file; echo x > /v/new")).await?;
        assert_eq!(output, "of the host");
        assert!(directory.path().join("new").exists());
        let refused = world.run(with_volume(json!({"hostPath": {"path": "/etc"}}), "true")).await.err().unwrap();
        assert!(refused.to_string().contains("hostPath.path"), "{refused}");
        let pod = world.run(with_volume(json!({"hostPath": {"path": path, "type": "File"}}), "true")).await?;
        world.eventually("FailedMount", || async { pod.events.text().contains("is not a file") }).await?;
        Ok(())
    });
}

#[test]
fn no_link_leads_a_mount_out_of_the_prefixes() {
    let directory = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "of the host").unwrap();
    std::fs::create_dir(directory.path().join("real")).unwrap();
    std::os::unix::fs::symlink(outside.path(), directory.path().join("out")).unwrap();
    std::os::unix::fs::symlink("real", directory.path().join("inside")).unwrap();
    let config = json!({"host_path_prefixes": [directory.path()]}).to_string();
    let (allowed, forbidden) = (directory.path(), outside.path());
    let path = |name: &str| json!({"hostPath": {"path": allowed.join(name)}});
    on_configured_docker(&config, |world| async move {
        let pod = world.run(with_volume(path("out"), "cat /v/secret")).await?;
        world.eventually("FailedMount", || async { pod.events.text().contains("host_path_prefixes") }).await?;
        world.until_waiting(&pod, "main", "ContainerCreating").await?;
        let output = world.output(with_volume(path("inside/made"), "echo x > /v/new; ls /v")).await?;
        assert_eq!(output, "new\n");
        assert!(allowed.join("real/made/new").exists());

        // A container that comes again finds that its directory has become a link meanwhile.
        let mut main = script("test -e /v/ready && cat /v/secret; touch /v/ready; exit 1");
        main["volumeMounts"] = json!([{"name": "v", "mountPath": "/v"}]);
        let mut volume = path("real/swapped");
        volume["name"] = json!("v");
        let pod = world.run(json!({"volumes": [volume], "containers": [main]})).await?;
        let swapped = allowed.join("real/swapped");
        world.eventually("its first run", || async { swapped.join("ready").exists() }).await?;
        std::fs::rename(&swapped, allowed.join("real/away"))?;
        std::os::unix::fs::symlink(forbidden, &swapped)?;
        world.until_waiting(&pod, "main", "CreateContainerConfigError").await?;
        let log = world.log(&pod, |_| {}).await?;
        assert!(!log.contains("of the host"), "{log}");
        Ok(())
    });
}

#[test]
fn one_file_of_a_volume_can_be_mounted() {
    on_docker(|world| async move {
        world.cluster.set_config_map("settings", &[("a", "1"), ("b", "2")]);
        let mut main = script("cat /etc/a; ls /etc/a");
        main["volumeMounts"] = json!([{"name": "v", "mountPath": "/etc/a", "subPath": "a"}]);
        let spec = json!({
            "restartPolicy": "Never",
            "volumes": [{"name": "v", "configMap": {"name": "settings"}}],
            "containers": [main],
        });
        assert_eq!(world.output(spec).await?, "1/etc/a\n");
        Ok(())
    });
}

#[test]
fn files_belong_to_the_pods_group() {
    on_docker(|world| async move {
        world.cluster.set_secret("keys", &[("key", "s3cret")]);
        let mut spec = with_volume(json!({"secret": {"secretName": "keys", "defaultMode": 256}}), "cat /v/key");
        spec["securityContext"] = json!({"runAsUser": 1000, "runAsGroup": 1000, "fsGroup": 3000});
        assert_eq!(world.output(spec).await?, "s3cret");
        Ok(())
    });
}

#[test]
fn labels_that_change_reach_a_running_container() {
    on_docker(|world| async move {
        let volume =
            json!({"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}});
        let text = "until cat /v/labels | busybox grep -q changed; do sleep 0.05; done";
        let mut pod = world.run(with_volume(volume, text)).await?;
        world.until_running(&pod).await?;
        pod.json["metadata"]["labels"]["app"] = json!("changed");
        let raw = vk_core::RawPod::new(serde_json::to_vec(&pod.json)?);
        let decoded = std::sync::Arc::new(raw.decode()?);
        let resolved = vk_core::ResolvedPod::unresolved(pod.uid.clone(), pod.key.clone(), decoded, raw);
        let mut change = PodChange::default();
        change.metadata = true;
        world.engine.update(Update::new(pod.target(), std::sync::Arc::new(resolved), change)).await?;
        world.until_stopped(&pod).await?;
        Ok(())
    });
}
