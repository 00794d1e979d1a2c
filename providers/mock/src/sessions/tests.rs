use tokio::io::{AsyncReadExt, DuplexStream, duplex};
use tokio::time::timeout;
use vk_core::ErrorKind;
use vk_provider::provider::{Provider, Terminate};

use super::*;
use crate::MockProvider;
use crate::fixtures::{create, pod, start, target};

async fn provider_with(script: &[(&str, &str)]) -> MockProvider {
    let (provider, backend) = MockProvider::in_memory("vk", start());
    tokio::spawn(backend.run());
    provider.create(create(&pod("a", "Never", script))).await.unwrap();
    provider
}

fn streams() -> (Streams, [DuplexStream; 3]) {
    let ((stdin, ours), (stdout, out), (stderr, err)) = (duplex(1 << 20), duplex(1 << 20), duplex(1 << 20));
    let mut streams = Streams::default();
    streams.stdin = Some(Box::new(stdin));
    streams.stdout = Some(Box::new(stdout));
    streams.stderr = Some(Box::new(stderr));
    (streams, [ours, out, err])
}

async fn exec(provider: &MockProvider, words: &[&str], input: &[u8]) -> (Result<Exit>, String, String) {
    let (streams, [mut stdin, mut stdout, mut stderr]) = streams();
    stdin.write_all(input).await.unwrap();
    drop(stdin);
    let command = words.iter().map(|word| (*word).to_owned()).collect();
    let exec = provider.describe().interfaces.exec.clone().unwrap();
    let exit = exec.exec(ExecRequest::new(target("a"), "main", command), streams).await;
    let (mut out, mut err) = (String::new(), String::new());
    stdout.read_to_string(&mut out).await.unwrap();
    stderr.read_to_string(&mut err).await.unwrap();
    (exit, out, err)
}

#[tokio::test(start_paused = true)]
async fn the_commands_do_what_they_are_called() {
    let provider = provider_with(&[]).await;
    let ran = async |words: &[&str]| {
        let (exit, out, _) = exec(&provider, words, b"typed").await;
        (exit.unwrap(), out)
    };
    assert_eq!(ran(&["echo", "a", "b"]).await, (Exit::Code(0), "a b\n".to_owned()));
    assert_eq!(ran(&["cat"]).await, (Exit::Code(0), "typed".to_owned()));
    assert_eq!(ran(&["exit", "3"]).await.0, Exit::Code(3));
    assert_eq!(ran(&["sleep", "3600"]).await.0, Exit::Code(0));
    assert_eq!(ran(&["zeros", "100000"]).await.1, "\0".repeat(100_000));
    let (exit, _, complaint) = exec(&provider, &["ls"], b"").await;
    assert_eq!(exit.unwrap(), Exit::Code(127));
    assert!(complaint.starts_with("ls: a mock container has"), "{complaint}");
}

#[tokio::test(start_paused = true)]
async fn a_command_ends_with_its_container() {
    let provider = provider_with(&[("run-for", "10s"), ("exit-code", "0")]).await;
    let (exit, ..) = timeout(Duration::from_secs(60), exec(&provider, &["sleep", "infinity"], b"")).await.unwrap();
    assert_eq!(exit.unwrap(), Exit::Code(137));
    let (refused, ..) = exec(&provider, &["echo"], b"").await;
    assert!(matches!(refused.unwrap_err().kind, ErrorKind::Unresolved { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_command_ends_with_its_pod() {
    let provider = provider_with(&[]).await;
    let running = exec(&provider, &["sleep", "infinity"], b"");
    let ending = async {
        sleep(Duration::from_secs(1)).await;
        provider.terminate(Terminate::new(target("a"), Duration::from_secs(1))).await.unwrap();
    };
    let ((exit, ..), ()) = timeout(Duration::from_secs(60), async { tokio::join!(running, ending) }).await.unwrap();
    assert_eq!(exit.unwrap(), Exit::Code(137));
}

#[tokio::test(start_paused = true)]
async fn who_attaches_hears_what_is_written_from_then_on() {
    let provider = provider_with(&[("log", "tick {n}"), ("log-interval", "1s"), ("run-for", "3500ms")]).await;
    sleep(Duration::from_millis(1500)).await;
    let (streams, [_, mut stdout, _]) = streams();
    let attach = provider.describe().interfaces.attach.clone().unwrap();
    assert_eq!(attach.attach(AttachRequest::new(target("a"), "main"), streams).await.unwrap(), Exit::Code(0));
    let mut heard = String::new();
    stdout.read_to_string(&mut heard).await.unwrap();
    assert_eq!(heard, "tick 3\ntick 4\n");
}
