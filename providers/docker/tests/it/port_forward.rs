use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use vk_core::{Error, ErrorKind};
use vk_provider::{BoxDuplex, PortForwardRequest, Provider as _};

use crate::world::{TestPod, World, on_configured_docker, on_docker, script};

async fn connect(world: &World, pod: &TestPod, port: u16) -> vk_core::Result<BoxDuplex> {
    let forward = world.engine.describe().interfaces.port_forward.clone();
    let forward = forward.ok_or_else(|| Error::internal("no port-forward"))?;
    forward.connect(PortForwardRequest::new(pod.target(), port)).await
}

/// Asks a server that ends after its answer.
async fn ask(connection: &mut BoxDuplex) -> anyhow::Result<String> {
    connection.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[test]
fn servers_are_reached_on_loopback_and_on_all_addresses() {
    on_docker(|world| async move {
        let serve = "mkdir -p /tmp/www; echo from inside >/tmp/www/index.html
            httpd -p 127.0.0.1:8001 -h /tmp/www; httpd -p 0.0.0.0:8002 -h /tmp/www; sleep 3600";
        let pod = world.run(json!({"containers": [script(serve)]})).await?;
        world.until_running(&pod).await?;
        for port in [8001, 8002] {
            world.eventually("a server", || async { connect(&world, &pod, port).await.is_ok() }).await?;
            let answer = ask(&mut connect(&world, &pod, port).await?).await?;
            assert!(answer.ends_with("from inside\n"), "{port}: {answer}");
        }
        Ok(())
    });
}

/// What listens on this machine's loopback is no affair of the pod's.
#[test]
fn the_agents_own_network_is_never_reached() {
    on_docker(|world| async move {
        let ours = TcpListener::bind("127.0.0.1:0").await?;
        let port = ours.local_addr()?.port();
        let pod = world.run(json!({"containers": [script("sleep 3600")]})).await?;
        world.until_running(&pod).await?;
        let refused = connect(&world, &pod, port).await.err().unwrap();
        assert_eq!(refused.kind, ErrorKind::Conflict);
        assert!(refused.message.contains(&format!("localhost:{port}")), "{refused}");
        assert!(refused.message.to_lowercase().contains("connection refused"), "{refused}");
        Ok(())
    });
}

#[test]
fn a_pod_on_the_hosts_network_has_the_hosts_ports() {
    on_configured_docker("allow_host_namespaces = true", |world| async move {
        let pod = world.run(json!({"hostNetwork": true, "containers": [script("sleep 3600")]})).await?;
        world.until_running(&pod).await?;
        // Docker switches IPv6 off in networks of its own that have none, loopback included; here it is on.
        for loopback in ["127.0.0.1:0", "[::1]:0"] {
            let ours = TcpListener::bind(loopback).await?;
            let mut connection = connect(&world, &pod, ours.local_addr()?.port()).await?;
            ours.accept().await?.0.write_all(b"hello").await?;
            let mut heard = String::new();
            connection.read_to_string(&mut heard).await?;
            assert_eq!(heard, "hello", "{loopback}");
        }
        Ok(())
    });
}

#[test]
fn a_pod_that_has_ended_has_no_ports() {
    on_docker(|world| async move {
        let pod = world.run(json!({"restartPolicy": "Never", "containers": [script("true")]})).await?;
        world.until_stopped(&pod).await?;
        let no_sandbox = || async {
            let refused = connect(&world, &pod, 80).await.err().map(|error| error.kind);
            matches!(refused, Some(ErrorKind::Unresolved { .. }))
        };
        world.eventually("there is no network any more", no_sandbox).await
    });
}
