//! Slow readers slow writers down; nothing is lost, and nothing piles up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use spdy::{FlowControl, Frame, Headers, ResetStatus, Role, Settings, StreamId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use crate::pair::{RawPeer, pair, pair_with, side, syn_stream};

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
    peer.send(syn_stream(1)).await;
    let mut stream = server.incoming.next().await.unwrap().accept(Headers::default());
    let flood = tokio::spawn(async move {
        for _ in 0..64 {
            peer.send(Frame::Data { id, fin: false, payload: Bytes::from(pattern(64 * 1024)) }).await;
        }
        peer.send(Frame::Data { id, fin: true, payload: Bytes::new() }).await;
        peer
    });
    sleep(Duration::from_millis(100)).await;
    assert!(!flood.is_finished(), "4 MiB cannot be on their way to somebody who does not read");
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.unwrap();
    assert!(received == pattern(64 * 1024).repeat(64));
    flood.await.unwrap();
}

/// However little each of many streams has waiting, together it is not more than the connection may hold; that a stream was
/// reset changes nothing of it. Whether they are read or dropped, the others have their turn then.
#[tokio::test(start_paused = true)]
async fn what_all_streams_hold_together_is_bounded() {
    const STREAMS: u32 = 1000;
    const EACH: usize = 32 * 1024;
    let settings = Settings { connection_buffer: 4 * 1024 * 1024, ..Settings::default() };
    for (resets, reads) in [(false, true), (false, false), (true, true), (true, false)] {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let mut server = side(near, Role::Server, settings);
        let mut peer = RawPeer::new(far);
        let sent = Arc::new(AtomicUsize::new(0));
        let counter = sent.clone();
        tokio::spawn(async move {
            for number in (1..2 * STREAMS).step_by(2) {
                peer.send(syn_stream(number)).await;
                let id = StreamId::new(number).unwrap();
                peer.send(Frame::Data { id, fin: !resets, payload: Bytes::from(pattern(EACH)) }).await;
                if resets {
                    peer.send(Frame::RstStream { id, status: ResetStatus::Cancel }).await;
                }
                counter.fetch_add(EACH, Ordering::Relaxed);
            }
            while peer.next().await.is_some() {}
        });
        sleep(Duration::from_secs(60)).await;
        let held = sent.load(Ordering::Relaxed);
        assert!(held < 5 * 1024 * 1024, "{held} bytes were taken for somebody who does not read");
        let everything = async {
            for _ in 0..STREAMS {
                let mut stream = server.incoming.next().await.unwrap().accept(Headers::default());
                if reads {
                    let mut received = Vec::new();
                    assert_eq!(stream.read_to_end(&mut received).await.is_err(), resets);
                    assert!(received == pattern(EACH));
                }
            }
        };
        timeout(Duration::from_secs(600), everything).await.expect("nothing is read any more");
    }
}

/// A piece costs more than its bytes: many small ones are as much as a few large ones.
#[tokio::test(start_paused = true)]
async fn a_flood_of_tiny_frames_is_held_in_bounded_memory() {
    const FRAMES: usize = 10_000;
    let (near, far) = tokio::io::duplex(64);
    let mut server = side(near, Role::Server, Settings::default());
    let mut peer = RawPeer::new(far);
    let id = StreamId::new(1).unwrap();
    peer.send(syn_stream(1)).await;
    let mut stream = server.incoming.next().await.unwrap().accept(Headers::default());
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = sent.clone();
    tokio::spawn(async move {
        for _ in 0..FRAMES {
            peer.send(Frame::Data { id, fin: false, payload: Bytes::from_static(b"x") }).await;
            counter.fetch_add(1, Ordering::Relaxed);
        }
        peer.send(Frame::Data { id, fin: true, payload: Bytes::new() }).await;
        while peer.next().await.is_some() {}
    });
    sleep(Duration::from_secs(60)).await;
    let held = sent.load(Ordering::Relaxed);
    assert!(held < Settings::default().stream_buffer / 64, "{held} frames were taken for somebody who does not read");
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.unwrap();
    assert_eq!(received.len(), FRAMES);
}

/// As `select!` or a time-out may do with a future, and keep what it wrote to.
#[tokio::test(start_paused = true)]
async fn writers_that_are_not_polled_on_hold_nobody_up() {
    let (client, mut server) = pair(1024);
    let mut forgotten = Vec::new();
    for _ in 0..32 {
        let mut stream = client.session.open(Headers::default()).await.unwrap();
        let endless = async {
            loop {
                stream.write_all(&pattern(64 * 1024)).await.unwrap()
            }
        };
        assert!(timeout(Duration::from_secs(1), endless).await.is_err());
        forgotten.push(stream);
    }
    let mut stream = client.session.open(Headers::default()).await.unwrap();
    let last = stream.id();
    tokio::spawn(async move {
        let mut streams = Vec::new();
        while let Some(request) = server.incoming.next().await {
            let mut stream = request.accept(Headers::default());
            if stream.id() == last {
                let mut question = [0; 4];
                stream.read_exact(&mut question).await.unwrap();
                stream.write_all(&question).await.unwrap();
            }
            // Nobody reads the others, and nothing waits for it.
            let (receive, send) = stream.into_split();
            drop(receive);
            streams.push(send);
        }
    });
    let mut answer = [0; 4];
    let asked = async {
        stream.write_all(b"here").await.unwrap();
        stream.read_exact(&mut answer).await.unwrap();
    };
    timeout(Duration::from_secs(60), asked).await.expect("a place is kept by a writer that does not write");
    assert_eq!(&answer, b"here");
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
