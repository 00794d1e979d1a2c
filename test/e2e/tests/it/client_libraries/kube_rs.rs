//! kube's sessions through the API server, and its `kubelet-debug` calls, which ask the node itself.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::{AttachParams, AttachedProcess, LogParams, Portforwarder, TerminalSize};
use kube::core::kubelet_debug::KubeletDebugParams;
use kube::{Api, Client};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::runtime::Builder;

use crate::stage::{Identity, Stage, client_config};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

async fn client_of_api_server(stage: &Stage) -> Client {
    Client::try_from(client_config(&stage.environment().cluster.admin_kubeconfig()).await).unwrap()
}

/// With the same credentials, at the node's own port.
async fn client_of_node(stage: &Stage, url: &str) -> Client {
    let mut config = client_config(&stage.environment().cluster.admin_kubeconfig()).await;
    config.cluster_url = url.parse().unwrap();
    Client::try_from(config).unwrap()
}

fn in_and_out() -> AttachParams {
    AttachParams::default().stdin(true).stdout(true).stderr(true).container("main")
}

const COMMAND: [&str; 3] = ["sh", "-c", "cat; echo err >&2; exit 3"];

/// [`COMMAND`] gets everything that is written, and its end; both of its streams and its exit code come back.
async fn passes_everything_on(mut process: AttachedProcess) {
    let sent: Vec<u8> = (0..1_000_000u32).map(|index| (index % 251) as u8).collect();
    let (mut stdin, mut stdout, mut stderr) =
        (process.stdin().unwrap(), process.stdout().unwrap(), process.stderr().unwrap());
    let status = process.take_status().unwrap();
    let write = async {
        stdin.write_all(&sent).await.unwrap();
        stdin.shutdown().await.unwrap();
    };
    let (mut out, mut err) = (Vec::new(), String::new());
    let ((), read_out, read_err) = tokio::join!(write, stdout.read_to_end(&mut out), stderr.read_to_string(&mut err));
    read_out.unwrap();
    read_err.unwrap();
    assert!(out == sent, "{} bytes came back", out.len());
    assert_eq!(err, "err\n");
    assert_eq!(exit_code(&status.await.unwrap()), "3");
    process.join().await.unwrap();
}

fn exit_code(status: &Status) -> &str {
    let causes = status.details.as_ref().and_then(|details| details.causes.as_deref()).unwrap_or_default();
    let code = causes.iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"));
    code.and_then(|cause| cause.message.as_deref()).unwrap_or_else(|| panic!("{status:?}"))
}

async fn hears_the_container(mut process: AttachedProcess) {
    let mut line = String::new();
    BufReader::new(process.stdout().unwrap()).read_line(&mut line).await.unwrap();
    assert_eq!(line, "still here\n");
    process.abort();
}

/// Both ports at once: one has a server, the other nobody.
async fn reaches_the_server(mut ports: Portforwarder) {
    let (mut server, mut nobody) = (ports.take_stream(8080).unwrap(), ports.take_stream(8081).unwrap());
    let refused = ports.take_error(8081).unwrap();
    server.write_all(b"GET /passwd HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    server.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains(" 200 OK") && answer.contains("root:x:0:0"), "{answer}");
    // kube takes a forwarded port's error from its channel only while somebody waits for it.
    let error = refused.await.unwrap_or_default();
    assert!(error.contains("8081"), "{error}");
    let mut nothing = Vec::new();
    // Whether the end comes as one or as an error is kube's affair.
    drop(nobody.read_to_end(&mut nothing).await);
    assert_eq!(nothing, b"");
    ports.abort();
}

#[test]
fn sessions_of_kube() {
    let stage = super::with_pod(Identity::ServiceAccount);
    block_on(async {
        let pods: Api<Pod> = Api::namespaced(client_of_api_server(&stage).await, stage.name());
        passes_everything_on(pods.exec("talk", COMMAND, &in_and_out()).await.unwrap()).await;
        let only_out = AttachParams::default().stderr(false).container("main");
        hears_the_container(pods.attach("talk", &only_out).await.unwrap()).await;

        reaches_the_server(pods.portforward("talk", &[8080, 8081]).await.unwrap()).await;

        // A terminal, and its size.
        let terminal = AttachParams::interactive_tty().container("main");
        let mut process = pods.exec("talk", ["sh"], &terminal).await.unwrap();
        let mut sizes = process.terminal_size().unwrap();
        futures::SinkExt::send(&mut sizes, TerminalSize { width: 101, height: 31 }).await.unwrap();
        let mut stdin = process.stdin().unwrap();
        stdin.write_all(b"until stty size | grep '31 101'; do sleep 0.1; done; exit 4\n").await.unwrap();
        let status = process.take_status().unwrap();
        let mut printed = String::new();
        process.stdout().unwrap().read_to_string(&mut printed).await.unwrap();
        assert!(printed.lines().any(|line| line == "31 101"), "{printed}");
        assert_eq!(exit_code(&status.await.unwrap()), "4");
    });
}

#[test]
fn debug_calls_of_kube_at_the_node() {
    let stage = super::with_pod(Identity::Node);
    let (url, uid) = (stage.node_url(), stage.pod("talk").unwrap().uid());
    let pod = |pod_uid| KubeletDebugParams { name: "talk", namespace: stage.name(), pod_uid };
    block_on(async {
        let node = client_of_node(&stage, &url).await;
        for pod_uid in [None, Some(uid.as_str())] {
            let pod = pod(pod_uid);
            passes_everything_on(node.kubelet_node_exec(&pod, "main", COMMAND, &in_and_out()).await.unwrap()).await;
            reaches_the_server(node.kubelet_node_portforward(&pod, &[8080, 8081]).await.unwrap()).await;
            let only_out = AttachParams::default().stderr(false);
            hears_the_container(node.kubelet_node_attach(&pod, "main", &only_out).await.unwrap()).await;
        }
        let another = pod(Some("another-uid"));
        let refused = node.kubelet_node_exec(&another, "main", COMMAND, &in_and_out()).await;
        assert!(refused.is_err(), "a pod of another UID is another pod");
        // What it has said by now is in its log.
        let wanted = LogParams { tail_lines: Some(1), ..LogParams::default() };
        let mut log = node.kubelet_node_logs(&pod(None), "main", &wanted).await.unwrap();
        let mut line = String::new();
        futures::AsyncReadExt::read_to_string(&mut log, &mut line).await.unwrap();
        assert_eq!(line, "still here\n");
    });
}
