//! Terminals may print anything: nothing of it may be taken for Docker's own frames.

use anyhow::Context as _;
use futures::StreamExt as _;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, duplex};
use vk_provider::{ExecRequest, Exit, Provider, Streams, TerminalSize};

use crate::world::{World, on_docker, script};

/// What Docker's frames begin with, and no newline, which a terminal would turn into two bytes.
const BYTES: &str = r"\001\002\000\000\000\000\000\003begin\001\000\177\200\377end";
const PRINTED: &[u8] = b"\x01\x02\0\0\0\0\0\x03begin\x01\0\x7f\x80\xffend";

async fn exec(world: &World, request: ExecRequest, size: Option<TerminalSize>) -> anyhow::Result<(Exit, Vec<u8>)> {
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
