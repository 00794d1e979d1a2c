//! Peers that take their time, and those that are not there any more.

use std::time::Duration;

use bytes::Bytes;
use spdy::{ConnectionError, End, Frame, Headers, Role, Settings, StreamId};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, sleep, timeout};

use crate::pair::{RawPeer, Running, side, syn_stream};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// As a kubelet has them.
fn settings() -> Settings {
    Settings {
        ping_interval: Some(15 * SECOND),
        idle_timeout: Some(240 * MINUTE),
        linger: MINUTE,
        ..Settings::default()
    }
}

/// A server that writes this much on the first stream, and has done.
async fn writer(pipe: usize, length: usize, settings: Settings) -> (RawPeer, Running) {
    let (near, far) = tokio::io::duplex(pipe);
    let mut server = side(near, Role::Server, settings);
    let mut peer = RawPeer::new(far);
    peer.send(syn_stream(1)).await;
    tokio::spawn(async move {
        let mut stream = server.incoming.next().await.unwrap().accept(Headers::default());
        stream.finish_on_drop();
        stream.write_all(&vec![7; length]).await.unwrap();
        server.session.close();
    });
    (peer, server.running)
}

/// Reads to the end of the stream, as slowly as `pause` says. The bytes that came.
async fn read_all(peer: &mut RawPeer, pause: Duration) -> usize {
    let mut bytes = 0;
    loop {
        match peer.next().await {
            Some(Frame::Data { payload, fin, .. }) => {
                bytes += payload.len();
                if fin {
                    return bytes;
                }
                sleep(pause).await;
            }
            Some(Frame::SynReply { .. } | Frame::Ping(_)) => {}
            other => panic!("{other:?} after {bytes} bytes"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_for_ten_minutes_gets_every_byte() {
    const LENGTH: usize = 4 * 1024 * 1024;
    for length in [LENGTH, 1000] {
        let (mut peer, running) = writer(64 * 1024, length, settings()).await;
        sleep(10 * MINUTE).await;
        assert_eq!(read_all(&mut peer, Duration::ZERO).await, length);
        drop(peer);
        running.await.unwrap().unwrap();
    }
}

/// 256 KiB are left when the last byte is written, and the peer needs hours for them.
#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_slowly_is_waited_for_however_long_it_takes() {
    let (mut peer, running) = writer(1024, 256 * 1024, settings()).await;
    let start = Instant::now();
    assert_eq!(read_all(&mut peer, 30 * SECOND).await, 256 * 1024);
    assert!(start.elapsed() > 60 * MINUTE);
    drop(peer);
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_reads_ends_with_the_idle_timeout() {
    let (_peer, running) = writer(1024, 256 * 1024, settings()).await;
    let ended = timeout(241 * MINUTE, running).await.unwrap().unwrap();
    assert!(matches!(ended, Err(ConnectionError::Idle)), "{ended:?}");
}

/// It has had everything, and leaves its stream open.
#[tokio::test(start_paused = true)]
async fn a_peer_that_was_told_everything_is_left_when_it_is_silent() {
    let (mut peer, running) = writer(64 * 1024, 10, settings()).await;
    assert_eq!(read_all(&mut peer, Duration::ZERO).await, 10);
    // As long as there is a sign of it, it may be busy with what it has read.
    for number in 0..20 {
        sleep(30 * SECOND).await;
        assert!(!running.is_finished());
        peer.send(Frame::Ping(2 * number + 1)).await;
    }
    assert_eq!(timeout(2 * MINUTE, running).await.unwrap().unwrap().unwrap(), End::Closed);
    let mut last = None;
    while let Some(frame) = peer.next().await {
        last = Some(frame);
    }
    assert!(matches!(last, Some(Frame::GoAway { .. })), "{last:?}");
}

/// What this side still reads is no leftover, however long it takes to come.
#[tokio::test(start_paused = true)]
async fn a_stream_with_a_reader_is_not_left() {
    let (near, far) = tokio::io::duplex(1024);
    let mut server = side(near, Role::Server, settings());
    let mut peer = RawPeer::new(far);
    peer.send(syn_stream(1)).await;
    let mut stream = server.incoming.next().await.unwrap().accept(Headers::default());
    stream.shutdown().await.unwrap();
    server.session.close();
    let reader = tokio::spawn(async move {
        let mut text = String::new();
        stream.read_to_string(&mut text).await.map(|_| text)
    });
    sleep(10 * MINUTE).await;
    peer.send(Frame::Data { id: StreamId::new(1).unwrap(), fin: true, payload: Bytes::from_static(b"late") }).await;
    assert_eq!(reader.await.unwrap().unwrap(), "late");
}

/// The transport is there, and nobody answers: that alone is no reason to end.
#[tokio::test(start_paused = true)]
async fn pings_that_are_not_answered_end_nothing() {
    let (near, mut far): (DuplexStream, DuplexStream) = tokio::io::duplex(64 * 1024);
    let server = side(near, Role::Server, settings());
    sleep(10 * MINUTE).await;
    assert!(!server.running.is_finished());
    let mut pings = vec![0; 12 * 40];
    far.read_exact(&mut pings).await.unwrap();
    assert!(pings.chunks(12).all(|frame| frame.starts_with(&[0x80, 3, 0, 6])));
}

/// Nobody reads what it has sent, so neither is it read. It hears all the same that we are there, has nothing to answer, and that
/// it has gone is noticed within seconds.
#[tokio::test(start_paused = true)]
async fn a_peer_whose_bytes_wait_is_spoken_to() {
    let (near, far) = tokio::io::duplex(4096);
    let mut server = side(near, Role::Server, settings());
    let mut peer = RawPeer::new(far);
    peer.send(syn_stream(1)).await;
    let _stream = server.incoming.next().await.unwrap().accept(Headers::default());
    let payload = Bytes::from(vec![7; 64 * 1024]);
    let data = Frame::Data { id: StreamId::new(1).unwrap(), fin: false, payload };
    while timeout(SECOND, peer.send(data.clone())).await.is_ok() {}
    let start = Instant::now();
    for _ in 0..30 {
        match timeout(10 * SECOND, peer.next()).await.expect("it hears nothing") {
            Some(Frame::Ping(number)) => assert_eq!(number % 2, 1, "this it would have to answer"),
            Some(Frame::SynReply { .. } | Frame::WindowUpdate { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(start.elapsed() < 90 * SECOND);
    drop(peer);
    timeout(10 * SECOND, server.running).await.expect("nobody notices").unwrap().unwrap_err();
}
