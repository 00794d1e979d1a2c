//! What the handlers of the tests do.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use vk_streaming::Outcome;
use vk_streaming::remote_command::RemoteCommand;

/// Bytes that differ from their neighbours.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index % 251) as u8).collect()
}

/// `cat`, which says on stderr how much it was, and ends with 3.
pub(crate) async fn count(command: RemoteCommand) -> Outcome {
    let (mut stdin, mut stdout) = (command.stdin.unwrap(), command.stdout.unwrap());
    let bytes = tokio::io::copy(&mut stdin, &mut stdout).await.unwrap();
    if let Some(mut stderr) = command.stderr {
        stderr.write_all(format!("{bytes} bytes").as_bytes()).await.unwrap();
    }
    Outcome::Exited(3)
}

/// Prints that many bytes and ends.
pub(crate) async fn print(command: RemoteCommand, length: usize) -> Outcome {
    command.stdout.unwrap().write_all(&pattern(length)).await.unwrap();
    Outcome::Exited(0)
}

/// Prints the sizes of its terminal until one has no rows.
pub(crate) async fn show_sizes(command: RemoteCommand) -> Outcome {
    let (mut resizes, mut stdout) = (command.resizes.unwrap(), command.stdout.unwrap());
    while let Some(size) = resizes.next().await.filter(|size| size.height > 0) {
        stdout.write_all(format!("{}x{}\n", size.width, size.height).as_bytes()).await.unwrap();
    }
    Outcome::Exited(0)
}

/// Never ends by itself; tells when it is dropped. Reads its stdin if `reads`.
pub(crate) async fn hang(command: RemoteCommand, dropped: Arc<Notify>, reads: bool) -> Outcome {
    struct Bell(Arc<Notify>);
    impl Drop for Bell {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let _bell = Bell(dropped);
    let mut stdin = command.stdin.unwrap();
    loop {
        if reads {
            drop(stdin.read(&mut [0; 1024]).await);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
