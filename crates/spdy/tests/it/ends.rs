//! How streams and connections end.

use std::io::ErrorKind;
use std::time::Duration;

use spdy::{ConnectionError, End, Frame, Headers, OpenError, ResetStatus, Role, Settings, StreamId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use crate::pair::{RawPeer, pair, side};

#[tokio::test]
async fn each_direction_ends_on_its_own() {
    let (client, mut server) = pair(4096);
    let mut near = client.session.open(Headers::default()).await.unwrap();
    let mut far = server.incoming.next().await.unwrap().accept(Headers::default());
    near.write_all(b"question").await.unwrap();
    near.shutdown().await.unwrap();
    let mut question = String::new();
    far.read_to_string(&mut question).await.unwrap();
    assert_eq!(question, "question");
    assert_eq!(near.write(b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    far.write_all(b"answer").await.unwrap();
    far.shutdown().await.unwrap();
    let mut answer = String::new();
    near.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "answer");
}

#[tokio::test]
async fn a_reset_ends_both_directions() {
    let (client, mut server) = pair(4096);
    let mut near = client.session.open(Headers::default()).await.unwrap();
    server.incoming.next().await.unwrap().accept(Headers::default()).reset(ResetStatus::InternalError);
    let error = near.read(&mut [0]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(error.to_string().contains("InternalError"), "{error}");
    assert_eq!(near.write(b"x").await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_stream_that_is_dropped_is_cancelled() {
    let (client, mut server) = pair(4096);
    let near = client.session.open(Headers::default()).await.unwrap();
    let mut far = server.incoming.next().await.unwrap().accept(Headers::default());
    drop(near);
    assert!(far.read(&mut [0]).await.unwrap_err().to_string().contains("Cancel"));
}

#[tokio::test]
async fn a_reset_after_writes_loses_none_of_them() {
    let (client, mut server) = pair(1000);
    for length in [0, 1, 500_000] {
        let mut near = client.session.open(Headers::default()).await.unwrap();
        let far = server.incoming.next().await.unwrap().accept(Headers::default());
        tokio::spawn(async move {
            let (_receive, mut send) = far.into_split();
            send.write_all(&vec![5; length]).await.unwrap();
            send.reset_after_writes(ResetStatus::Cancel);
        });
        let mut received = Vec::new();
        let error = near.read_to_end(&mut received).await.unwrap_err();
        assert_eq!((error.kind(), received.len()), (ErrorKind::ConnectionReset, length));
        assert_eq!(near.write(b"x").await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn a_half_that_finishes_on_drop_loses_nothing() {
    let (client, mut server) = pair(1000);
    for length in [0, 1, 500_000] {
        let mut near = client.session.open(Headers::default()).await.unwrap();
        near.shutdown().await.unwrap();
        let far = server.incoming.next().await.unwrap().accept(Headers::default());
        tokio::spawn(async move {
            let (_receive, mut send) = far.into_split();
            send.finish_on_drop();
            send.write_all(&vec![5; length]).await.unwrap();
        });
        let mut received = Vec::new();
        near.read_to_end(&mut received).await.unwrap();
        assert_eq!(received.len(), length);
    }
}

#[tokio::test]
async fn the_end_of_the_transport_ends_every_stream() {
    let (client, mut server) = pair(4096);
    let mut near = client.session.open(Headers::default()).await.unwrap();
    let far = server.incoming.next().await.unwrap().accept(Headers::default());
    server.running.abort();
    assert_eq!(near.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
    assert_eq!(near.write(b"x").await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
    assert_eq!(client.running.await.unwrap().unwrap(), End::PeerClosed { open_streams: 1 });
    assert_eq!(client.session.open(Headers::default()).await.unwrap_err(), OpenError::Ended);
    drop(far);
}

#[tokio::test]
async fn a_session_that_closes_waits_for_its_streams() {
    let (client, mut server) = pair(4096);
    let mut near = client.session.open(Headers::default()).await.unwrap();
    let mut far = server.incoming.next().await.unwrap().accept(Headers::default());
    server.session.close();
    assert_eq!(server.session.open(Headers::default()).await.unwrap_err(), OpenError::Closing);
    let mut late = client.session.open(Headers::default()).await.unwrap();
    assert!(late.reply().await.is_err());
    far.write_all(b"to the end").await.unwrap();
    far.shutdown().await.unwrap();
    let mut received = String::new();
    near.read_to_string(&mut received).await.unwrap();
    assert_eq!(received, "to the end");
    near.shutdown().await.unwrap();
    assert!(matches!(client.running.await.unwrap().unwrap(), End::PeerClosed { .. }));
    assert_eq!(server.running.await.unwrap().unwrap(), End::Closed);
}

/// Go's spdystream reads nothing after a GOAWAY: it has to be the last frame.
#[tokio::test]
async fn goodbye_is_said_last() {
    let (near, far) = tokio::io::duplex(4096);
    let server = side(near, Role::Server, Settings::default());
    let mut peer = RawPeer::new(far);
    let mut stream = server.session.open(Headers::default()).await.unwrap();
    server.session.close();
    stream.write_all(b"bytes").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut kinds = Vec::new();
    loop {
        match peer.next().await {
            Some(Frame::SynStream { .. }) => kinds.push("opened"),
            Some(Frame::Data { fin, .. }) if fin => {
                kinds.push("end");
                peer.send(Frame::Data { id: StreamId::new(2).unwrap(), fin: true, payload: Default::default() }).await;
            }
            Some(Frame::Data { .. }) => kinds.push("data"),
            Some(Frame::GoAway { .. }) => kinds.push("goodbye"),
            Some(other) => panic!("{other:?}"),
            None => break,
        }
    }
    assert_eq!(kinds, ["opened", "data", "end", "goodbye"]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_use_ends() {
    let (near, far) = tokio::io::duplex(4096);
    let timeout_after = |seconds| Settings { idle_timeout: Some(Duration::from_secs(seconds)), ..Settings::default() };
    let mut server = side(near, Role::Server, timeout_after(10));
    let client =
        side(far, Role::Client, Settings { ping_interval: Some(Duration::from_secs(3)), ..Settings::default() });
    let mut near = client.session.open(Headers::default()).await.unwrap();
    let mut far = server.incoming.next().await.unwrap().accept(Headers::default());
    for _ in 0..3 {
        sleep(Duration::from_secs(8)).await;
        near.write_all(b"x").await.unwrap();
        far.read_exact(&mut [0]).await.unwrap();
    }
    // Pings alone do not keep it.
    assert!(matches!(server.running.await.unwrap(), Err(ConnectionError::Idle)));
}

/// Who neither reads nor writes learns of it all the same.
#[tokio::test]
async fn a_streams_end_can_be_waited_for() {
    let (client, mut server) = pair(4096);
    let mut near = client.session.open(Headers::default()).await.unwrap();
    let far = server.incoming.next().await.unwrap().accept(Headers::default());
    near.write_all(b"what nobody reads").await.unwrap();
    let closed = far.closed();
    assert!(timeout(Duration::from_millis(50), far.closed()).await.is_err());
    near.reset(ResetStatus::Cancel);
    assert_eq!(timeout(Duration::from_secs(10), closed).await.unwrap(), Some(ResetStatus::Cancel));
    let near = client.session.open(Headers::default()).await.unwrap();
    client.running.abort();
    assert_eq!(timeout(Duration::from_secs(10), near.closed()).await.unwrap(), None);
}
