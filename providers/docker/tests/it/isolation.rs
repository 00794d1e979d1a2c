use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::world::{on_configured_docker, on_docker, once};

#[test]
fn a_security_context_is_applied() {
    on_docker(|world| async move {
        let mut spec = once("id -u; id -g; touch /x 2>/dev/null || echo read-only; cat /proc/self/status");
        spec["securityContext"] = json!({"supplementalGroups": [4000]});
        spec["containers"][0]["securityContext"] = json!({
            "runAsUser": 1000, "runAsGroup": 2000, "runAsNonRoot": true, "readOnlyRootFilesystem": true,
            "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
        });
        let output = world.output(spec).await?;
        let status =
            |name: &str| output.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("").trim().to_owned();
        assert!(output.starts_with("1000\n2000\n"), "{output}");
        assert!(output.contains("read-only"), "{output}");
        assert_eq!(status("NoNewPrivs:"), "1");
        assert_eq!(status("CapBnd:"), "0000000000000000");
        assert!(status("Groups:").contains("4000"), "{output}");
        Ok(())
    });
}

#[test]
fn a_pod_that_must_not_be_root_does_not_start_as_root() {
    on_docker(|world| async move {
        let mut spec = once("id -u");
        spec["securityContext"] = json!({"runAsNonRoot": true});
        let pod = world.run(spec).await?;
        let seen = world.until_waiting(&pod, "main", "CreateContainerConfigError").await?;
        assert!(format!("{:?}", seen.containers[0].state).contains("image will run as root"));
        Ok(())
    });
}

#[test]
fn what_is_not_honoured_is_refused_by_field() {
    on_docker(|world| async move {
        let refusals = [
            (json!({"hostNetwork": true}), "spec.hostNetwork"),
            (json!({"volumes": [{"name": "v", "hostPath": {"path": "/etc"}}]}), "spec.volumes[0].hostPath"),
            (json!({"volumes": [{"name": "v", "nfs": {"server": "a", "path": "/"}}]}), "spec.volumes[0].nfs"),
            (json!({"shareProcessNamespace": true}), "spec.shareProcessNamespace"),
        ];
        for (extra, field) in refusals {
            let mut spec = once("true");
            spec.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            let error = world.run(spec).await.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(field), "{field}: {error:?}");
        }
        Ok(())
    });
}

/// A pod whose container adds this capability to what it has, and tells what it may have.
fn adding(capability: &str) -> serde_json::Value {
    let mut spec = once("cat /proc/self/status");
    spec["containers"][0]["securityContext"] = json!({"capabilities": {"drop": ["ALL"], "add": [capability]}});
    spec
}

/// The set in `/proc/PID/status`, by the numbers in linux/capability.h.
fn bounding_set(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("CapBnd:")).unwrap_or_default();
    u64::from_str_radix(line.trim(), 16).unwrap_or(u64::MAX)
}

#[test]
fn capabilities_that_amount_to_the_host_are_refused() {
    on_docker(|world| async move {
        for capability in ["SYS_ADMIN", "SYS_MODULE", "DAC_READ_SEARCH", "ALL"] {
            let error = world.run(adding(capability)).await.err().map(|error| error.to_string()).unwrap_or_default();
            let field = "spec.containers[0].securityContext.capabilities.add";
            assert!(error.contains(field) && error.contains("allowed_capabilities"), "{capability}: {error:?}");
        }
        assert_eq!(world.containers().await?, Vec::<String>::new());
        // What every container has may be kept.
        assert_eq!(bounding_set(&world.output(adding("NET_BIND_SERVICE")).await?), 1 << 10);
        Ok(())
    });
}

#[test]
fn a_capability_is_there_for_those_who_allow_it() {
    on_configured_docker("allowed_capabilities = [\"NET_ADMIN\"]", |world| async move {
        assert_eq!(bounding_set(&world.output(adding("NET_ADMIN")).await?), 1 << 12);
        let error = world.run(adding("SYS_ADMIN")).await.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("NET_ADMIN") && error.contains("allowed_capabilities"), "{error}");
        Ok(())
    });
}

#[test]
fn host_namespaces_are_there_for_those_who_allow_them() {
    on_configured_docker("allow_host_namespaces = true", |world| async move {
        let mut spec = once("readlink /proc/self/ns/net; exec sleep 1000");
        spec["hostNetwork"] = json!(true);
        let pod = world.run(spec).await?;
        let seen = world.until_running(&pod).await?;
        assert_eq!(seen.pod_ips, [std::net::IpAddr::from([10, 9, 8, 7])], "the node's address is the pod's");
        world
            .eventually("its words", || async { world.log(&pod, |_| {}).await.is_ok_and(|log| log.ends_with('\n')) })
            .await?;
        let output = world.log(&pod, |_| {}).await?;
        let own = std::fs::read_link("/proc/self/ns/net")?;
        assert_eq!(output.trim(), own.to_string_lossy());
        Ok(())
    });
}

#[test]
fn a_port_of_the_host_leads_to_the_pod() {
    on_docker(|world| async move {
        // Free a moment ago; nobody else asks for ports here.
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut main = crate::world::script("mkdir /www; echo hi > /www/hello; exec httpd -f -p 8080 -h /www");
        main["ports"] = json!([{"containerPort": 8080, "hostPort": port, "hostIP": "127.0.0.1"}]);
        let pod = world.run(json!({"containers": [main]})).await?;
        world.until_running(&pod).await?;
        let answers = || async {
            let request = b"GET /hello HTTP/1.0\r\n\r\n";
            let Ok(mut stream) = tokio::net::TcpStream::connect(("127.0.0.1", port)).await else { return false };
            let mut answer = String::new();
            let sent = stream.write_all(request).await.is_ok();
            sent && stream.read_to_string(&mut answer).await.is_ok() && answer.ends_with("hi\n")
        };
        world.eventually("an answer on the host's port", answers).await
    });
}
