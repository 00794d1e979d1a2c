//! Slow readers slow writers down; nothing is lost, and nothing piles up.

use std::time::Duration;

use bytes::Bytes;
use spdy::{FlowControl, Frame, Headers, Priority, Role, Settings, StreamId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::pair::{RawPeer, pair, pair_with, side};

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index % 251) as u8).collect()
}

#[tokio::test]
async fn a_slow_reader_gets_every_byte() {
    const LENGTH: usize = 8 * 1024 * 1024;
    let (client, mut server) = pair(8 * 1024);
    tokio::spawn(async move {
        let mut stream = server.incoming.next().await.unwrap().accept(Headers::default());
        stream.write_all(&pattern(LENGTH)).await.unwrap();
        stream.shutdown().await.unwrap();
        // Everything is on its way; the end of the connection does not overtake it.
        server.session.close();
        server.running.await.unwrap().unwrap();
    });
    let mut stream = client.session.open(Headers::default()).await.unwrap();
    stream.shutdown().await.unwrap();
    let (mut received, mut buffer) = (Vec::new(), vec![0; 10_000]);
    loop {
        let bytes = stream.read(&mut buffer).await.unwrap();
        if bytes == 0 {
            break;
        }
        received.extend_from_slice(&buffer[..bytes]);
        tokio::task::yield_now().await;
    }
    assert!(received == pattern(LENGTH));
}

/// A peer that knows no windows is held back by its transport.
#[tokio::test]
async fn a_peer_without_windows_is_read_no_further_than_the_buffer() {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let mut server = side(near, Role::Server, Settings::default());
    let mut peer = RawPeer::new(far);
    let id = StreamId::new(1).unwrap();
    let priority = Priority::default();
    let headers = Headers::default();
    peer.send(Frame::SynStream { id, associated: None, priority, fin: false, unidirectional: false, headers }).await;
    let mut stream = server.incoming.next().await.unwrap().accept(Headers::default());
    let flood = tokio::spawn(async move {
        for _ in 0..64 {
            peer.send(Frame::Data { id, fin: false, payload: Bytes::from(pattern(64 * 1024)) }).await;
        }
        peer.send(Frame::Data { id, fin: true, payload: Bytes::new() }).await;
        peer
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!flood.is_finished(), "4 MiB cannot be on their way to somebody who does not read");
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.unwrap();
    assert!(received == pattern(64 * 1024).repeat(64));
    flood.await.unwrap();
}

/// Between sides that keep to windows. One that does not holds up its own streams at most.
#[tokio::test]
async fn a_stream_that_nobody_reads_does_not_hold_up_another() {
    let settings = Settings { flow_control: FlowControl::Enforce, ..Settings::default() };
    let (client, mut server) = pair_with(64 * 1024, settings);
    let unread = client.session.open(Headers::default()).await.unwrap();
    let mut far = server.incoming.next().await.unwrap().accept(Headers::default());
    let writer = tokio::spawn(async move { far.write_all(&pattern(1024 * 1024)).await });
    let mut other = client.session.open(Headers::default()).await.unwrap();
    let mut answering = server.incoming.next().await.unwrap().accept(Headers::default());
    answering.write_all(b"here").await.unwrap();
    let mut answer = [0; 4];
    timeout(Duration::from_secs(10), other.read_exact(&mut answer)).await.unwrap().unwrap();
    assert!(!writer.is_finished());
    // Once its reader is gone, its writer learns of it.
    drop(unread);
    assert!(timeout(Duration::from_secs(10), writer).await.unwrap().unwrap().is_err());
}

#[tokio::test]
async fn a_reader_that_goes_lets_the_writing_half_live() {
    let (client, mut server) = pair(64 * 1024);
    let (receive, mut send) = client.session.open(Headers::default()).await.unwrap().into_split();
    drop(receive);
    let mut far = server.incoming.next().await.unwrap().accept(Headers::default());
    far.write_all(&pattern(1024 * 1024)).await.unwrap();
    far.shutdown().await.unwrap();
    send.write_all(b"still here").await.unwrap();
    send.shutdown().await.unwrap();
    let mut received = String::new();
    far.read_to_string(&mut received).await.unwrap();
    assert_eq!(received, "still here");
}
