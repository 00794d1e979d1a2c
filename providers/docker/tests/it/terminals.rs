//! Terminals may print anything: nothing of it may be taken for Docker's own frames.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use futures::StreamExt as _;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::timeout;
use vk_provider::{AttachRequest, ExecRequest, Exit, Provider, Streams, TerminalSize};

use crate::world::{TestPod, World, on_docker, script};

/// What Docker's frames begin with, and no newline, which a terminal would turn into two bytes.
const BYTES: &str = r"\001\002\000\000\000\000\000\003begin\001\000\177\200\377end";
const PRINTED: &[u8] = b"\x01\x02\0\0\0\0\0\x03begin\x01\0\x7f\x80\xffend";

async fn exec(world: &World, request: ExecRequest, size: Option<TerminalSize>) -> Result<(Exit, Vec<u8>)> {
    let (near, mut far) = duplex(1 << 16);
    let mut streams = Streams::default();
    streams.stdout = Some(Box::new(near));
    streams.resizes = size.map(|size| futures::stream::iter([size]).boxed());
    let exec = world.engine.describe().interfaces.exec.clone().context("the provider runs commands")?;
    let mut printed = Vec::new();
    let (exit, read) = tokio::join!(exec.exec(request, streams), far.read_to_end(&mut printed));
    read?;
    Ok((exit?, printed))
}

#[test]
fn a_command_prints_what_it_prints() {
    on_docker(|world| async move {
        let pod = world.run(json!({"containers": [script("exec sleep 1000")]})).await?;
        world.until_running(&pod).await?;
        let command = |text: &str| ["sh", "-c", text].map(str::to_owned).to_vec();
        for tty in [true, false] {
            let mut request = ExecRequest::new(pod.target(), "main", command(&format!("printf '{BYTES}'; exit 3")));
            request.tty = tty;
            assert_eq!(exec(&world, request, None).await?, (Exit::Code(3), PRINTED.to_vec()), "{tty}");
        }
        // Before API 1.42 a command may look at its terminal before it has its size.
        let patient = "until stty size 2>/dev/null | grep -q '^24 80$'; do sleep 0.1; done; stty size";
        let mut request = ExecRequest::new(pod.target(), "main", command(patient));
        request.tty = true;
        let (exit, printed) = exec(&world, request, Some(TerminalSize { width: 80, height: 24 })).await?;
        assert_eq!((exit, &*printed), (Exit::Code(0), &b"24 80\r\n"[..]));
        Ok(())
    });
}

#[test]
fn a_containers_terminal_is_logged_as_it_is() {
    on_docker(|world| async move {
        let mut main = script(&format!("printf '{BYTES}'"));
        main["tty"] = json!(true);
        let pod = world.run(json!({"restartPolicy": "Never", "containers": [main]})).await?;
        world.until_stopped(&pod).await?;
        // Docker keeps logs as JSON, in which bytes that are no UTF-8 do not survive.
        let log = world.log(&pod, |_| {}).await?;
        assert!(log.starts_with("\x01\x02\0\0\0\0\0\x03begin\x01\0\x7f") && log.ends_with("end"), "{log:?}");
        Ok(())
    });
}

/// Reads a single key at a time, and tells of each.
const KEYS: &str = "stty raw -echo; echo ready; \
                    for key in one two three; do head -c 1 >/dev/null; echo $key; done; sleep 1; exit 5";

/// Waits until this has been printed.
async fn until_printed(output: &mut DuplexStream, printed: &mut String, word: &str) -> Result<()> {
    let read = async {
        while !printed.contains(word) {
            let mut piece = [0; 256];
            match output.read(&mut piece).await? {
                0 => bail!("it has ended"),
                read => printed.push_str(&String::from_utf8_lossy(&piece[..read])),
            }
        }
        Ok(())
    };
    let read = timeout(Duration::from_secs(20), read).await;
    read.unwrap_or_else(|_| bail!("it does not come")).with_context(|| format!("{word:?} after {printed:?}"))
}

/// A session's streams, and the client's ends of stdin and stdout.
fn terminal() -> (Streams, DuplexStream, DuplexStream) {
    let ((stdin, keys), (stdout, screen)) = (duplex(1024), duplex(1024));
    let mut streams = Streams::default();
    streams.stdin = Some(Box::new(stdin));
    streams.stdout = Some(Box::new(stdout));
    (streams, keys, screen)
}

/// Docker's own client detaches by Ctrl-P Ctrl-Q; here they are keys like any other, and none waits for the next one.
async fn each_key_arrives(
    session: impl Future<Output = vk_provider::Result<Exit>>,
    mut keys: DuplexStream,
    mut screen: DuplexStream,
) -> Result<Exit> {
    let typing = async {
        let mut printed = String::new();
        for (key, word) in [(None, "ready"), (Some(0x10), "one"), (Some(0x11), "two"), (Some(0x10), "three")] {
            if let Some(key) = key {
                keys.write_all(&[key]).await?;
            }
            until_printed(&mut screen, &mut printed, word).await?;
        }
        // The rest is read, or the program could not end.
        screen.read_to_string(&mut printed).await?;
        Ok::<_, anyhow::Error>(())
    };
    let session = async { Ok(session.await?) };
    Ok(tokio::try_join!(session, typing)?.0)
}

#[test]
fn each_key_arrives_at_a_command() {
    on_docker(|world| async move {
        let pod = world.run(json!({"containers": [script("exec sleep 1000")]})).await?;
        world.until_running(&pod).await?;
        let mut request = ExecRequest::new(pod.target(), "main", ["sh", "-c", KEYS].map(str::to_owned).to_vec());
        request.tty = true;
        let (streams, keys, screen) = terminal();
        let exec = world.engine.describe().interfaces.exec.clone().context("the provider runs commands")?;
        assert_eq!(each_key_arrives(exec.exec(request, streams), keys, screen).await?, Exit::Code(5));
        Ok(())
    });
}

async fn attached(world: &World, pod: &TestPod, tty: bool, streams: Streams) -> vk_provider::Result<Exit> {
    let attach = world.engine.describe().interfaces.attach.clone();
    let attach = attach.ok_or_else(|| vk_core::Error::internal("the provider does not attach"))?;
    let mut request = AttachRequest::new(pod.target(), "main");
    request.tty = tty;
    attach.attach(request, streams).await
}

#[test]
fn each_key_arrives_at_a_containers_own_process() {
    on_docker(|world| async move {
        // It waits for its client: what is printed before is not shown.
        let mut main = script(&format!("stty -echo; read start; {KEYS}"));
        main["tty"] = json!(true);
        main["stdin"] = json!(true);
        let pod = world.run(json!({"restartPolicy": "Never", "containers": [main]})).await?;
        world.until_running(&pod).await?;
        let (streams, mut keys, screen) = terminal();
        keys.write_all(b"start\r").await?;
        each_key_arrives(attached(&world, &pod, true, streams), keys, screen).await?;
        Ok(())
    });
}

/// What the client believes makes no difference, as under a kubelet: kubectl asks the pod before it attaches.
#[test]
fn the_containers_terminal_counts_and_not_the_clients() {
    on_docker(|world| async move {
        for (has_terminal, client_has_one) in [(true, false), (false, true)] {
            let mut main = script(&format!("read start; stty -echo 2>/dev/null; printf '{BYTES}'; exec sleep 1"));
            main["tty"] = json!(has_terminal);
            main["stdin"] = json!(true);
            let pod = world.run(json!({"restartPolicy": "Never", "containers": [main]})).await?;
            world.until_running(&pod).await?;
            let (streams, mut keys, mut screen) = terminal();
            keys.write_all(b"start\n").await?;
            let mut printed = Vec::new();
            let (exit, read) =
                tokio::join!(attached(&world, &pod, client_has_one, streams), screen.read_to_end(&mut printed));
            exit?;
            read?;
            // A terminal echoes what is typed.
            assert!(printed.ends_with(PRINTED), "{has_terminal} {}", printed.escape_ascii());
        }
        Ok(())
    });
}

#[test]
fn a_command_that_has_closed_its_output_still_has_an_exit_code() {
    on_docker(|world| async move {
        let pod = world.run(json!({"containers": [script("exec sleep 1000")]})).await?;
        world.until_running(&pod).await?;
        let command = ["sh", "-c", "exec >&- 2>&- <&-; sleep 4; exit 7"].map(str::to_owned).to_vec();
        let (exit, printed) = exec(&world, ExecRequest::new(pod.target(), "main", command), None).await?;
        assert_eq!((exit, &*printed), (Exit::Code(7), &b""[..]));
        Ok(())
    });
}
