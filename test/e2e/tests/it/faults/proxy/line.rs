//! Bytes on their way, as a network treats them.

use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

/// How connections fare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::faults) enum Line {
    /// Everything passes.
    Open,
    /// Everything passes, this much later.
    Slow(Duration),
    /// Connections are reset, new ones too.
    Cut,
    /// Connections stay and can be made, and nothing passes, not even their end. It is not lost: as with a network that
    /// comes back, it arrives late.
    Silent,
}

/// Accepts connections and carries what they say to `target`, for ever.
pub(super) async fn carry_all(listener: TcpListener, target: SocketAddr, line: watch::Receiver<Line>) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => drop(tokio::spawn(carry(client, target, line.clone()))),
            // Out of file descriptors, or a client that has gone again.
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn carry(mut client: TcpStream, target: SocketAddr, mut line: watch::Receiver<Line>) {
    let kept = line.clone();
    let cut = tokio::select! {
        biased;
        cut = line.wait_for(|line| *line == Line::Cut) => cut.is_ok(),
        () = exchange(&mut client, target, kept) => false,
    };
    if cut {
        // An end without this would be one in order.
        let _ = SockRef::from(&client).set_linger(Some(Duration::ZERO));
    }
}

async fn exchange(client: &mut TcpStream, target: SocketAddr, mut line: watch::Receiver<Line>) {
    held_back(&mut line).await;
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    tokio::join!(pass(from_client, to_server, line.clone()), pass(from_server, to_client, line));
}

/// Copies one direction until its end, and ends the other side's too.
async fn pass(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut line: watch::Receiver<Line>) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        // A side that breaks off ends, too.
        let read = from.read(&mut buffer).await.unwrap_or(0);
        held_back(&mut line).await;
        let passed = match buffer.get(..read) {
            Some([]) | None => to.shutdown().await.and(Err(std::io::ErrorKind::UnexpectedEof.into())),
            Some(bytes) => to.write_all(bytes).await,
        };
        if passed.is_err() {
            return;
        }
    }
}

/// Waits as long as the line makes whatever passes wait.
async fn held_back(line: &mut watch::Receiver<Line>) {
    // An error means that the proxy has ended.
    let Ok(now) = line.wait_for(|line| *line != Line::Silent).await.map(|line| *line) else { return };
    if let Line::Slow(delay) = now {
        sleep(delay).await;
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tokio::time::timeout;

    use super::*;

    /// Long enough for anything that would pass on loopback.
    const MOMENT: Duration = Duration::from_millis(200);

    /// A server that says everything back, behind a line.
    async fn echo() -> (SocketAddr, watch::Sender<Line>) {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = server.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = server.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        let outer = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = outer.local_addr().unwrap();
        let (line, lines) = watch::channel(Line::Open);
        tokio::spawn(carry_all(outer, target, lines));
        (address, line)
    }

    async fn say(stream: &mut TcpStream, text: &[u8]) -> io::Result<Vec<u8>> {
        stream.write_all(text).await?;
        let mut answer = vec![0; text.len()];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn silence_holds_everything_back_and_loses_nothing() {
        let (address, line) = echo().await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        assert_eq!(say(&mut stream, b"one").await.unwrap(), b"one");
        line.send_replace(Line::Silent);
        let mut late = TcpStream::connect(address).await.unwrap();
        assert!(timeout(MOMENT, say(&mut stream, b"two")).await.is_err());
        assert!(timeout(MOMENT, say(&mut late, b"new")).await.is_err());
        line.send_replace(Line::Slow(Duration::from_millis(1)));
        let mut answer = [0; 3];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"two");
        late.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"new");
    }

    #[tokio::test]
    async fn a_cut_resets_old_connections_and_new_ones() {
        let (address, line) = echo().await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        assert_eq!(say(&mut stream, b"one").await.unwrap(), b"one");
        line.send_replace(Line::Cut);
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        let mut late = TcpStream::connect(address).await.unwrap();
        assert!(say(&mut late, b"two").await.is_err());
        line.send_replace(Line::Open);
        let mut again = TcpStream::connect(address).await.unwrap();
        assert_eq!(say(&mut again, b"three").await.unwrap(), b"three");
    }
}
