//! Peers that break rules, or ask for too much.

use bytes::Bytes;
use spdy::{ConnectionError, DecodeError, Frame, GoAwayStatus, Headers, Limits, ResetStatus, Role, Settings, StreamId};

use crate::pair::{RawPeer, Running, side, syn_stream};

fn reset(number: u32, status: ResetStatus) -> Option<Frame> {
    Some(Frame::RstStream { id: StreamId::new(number).unwrap(), status })
}

/// A server, and the raw end of its pipe. What it is asked for is taken and kept open.
fn server(limits: Limits) -> (RawPeer, Running) {
    let (near, far) = tokio::io::duplex(1024 * 1024);
    let mut server = side(near, Role::Server, Settings { limits, ..Settings::default() });
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Some(request) = server.incoming.next().await {
            open.push(request.accept(Headers::default()));
        }
    });
    (RawPeer::new(far), server.running)
}

#[tokio::test]
async fn one_stream_too_many_is_refused_and_the_others_go_on() {
    let (mut peer, _running) = server(Limits { streams: 2, ..Limits::default() });
    for number in [1, 3] {
        peer.send(syn_stream(number)).await;
        assert!(matches!(peer.next().await, Some(Frame::SynReply { .. })));
    }
    peer.send(syn_stream(5)).await;
    assert_eq!(peer.next().await, reset(5, ResetStatus::RefusedStream));
    peer.send(Frame::RstStream { id: StreamId::new(1).unwrap(), status: ResetStatus::Cancel }).await;
    peer.send(syn_stream(7)).await;
    assert!(matches!(peer.next().await, Some(Frame::SynReply { .. })));
}

#[tokio::test]
async fn broken_rules_end_the_connection_with_a_reason() {
    let used_again = [syn_stream(3), syn_stream(1)];
    let not_its_own = [syn_stream(2), Frame::Ping(1)];
    let window = Frame::WindowUpdate { id: None, delta: 0x7fff_ffff };
    for frames in [used_again, not_its_own, [window.clone(), window]] {
        let (mut peer, running) = server(Limits::default());
        for frame in frames {
            peer.send(frame).await;
        }
        assert!(matches!(running.await.unwrap(), Err(ConnectionError::Protocol(_))));
        loop {
            match peer.next().await {
                Some(Frame::GoAway { status, .. }) => break assert_eq!(status, GoAwayStatus::ProtocolError),
                Some(_) => {}
                None => panic!("no last word"),
            }
        }
    }
}

#[tokio::test]
async fn bytes_that_are_no_frames_end_the_connection() {
    let (mut peer, running) = server(Limits::default());
    peer.send_bytes(b"\x80\x02 HTTP/1.1\r\n\r\n").await;
    let ended = running.await.unwrap();
    assert!(matches!(ended, Err(ConnectionError::Decode(DecodeError::Version(2)))), "{ended:?}");
}

#[tokio::test]
async fn frames_of_streams_that_never_were_are_answered() {
    let (mut peer, _running) = server(Limits::default());
    let id = StreamId::new(9).unwrap();
    peer.send(Frame::Data { id, fin: false, payload: Bytes::from_static(b"x") }).await;
    assert_eq!(peer.next().await, reset(9, ResetStatus::InvalidStream));
    // Data after the end of its stream.
    peer.send(syn_stream(11)).await;
    assert!(matches!(peer.next().await, Some(Frame::SynReply { .. })));
    for _ in 0..2 {
        peer.send(Frame::Data { id: StreamId::new(11).unwrap(), fin: true, payload: Bytes::new() }).await;
    }
    assert_eq!(peer.next().await, reset(11, ResetStatus::StreamAlreadyClosed));
}

/// Who asks for ever and never listens is not read for ever.
#[tokio::test]
async fn a_flood_of_pings_is_held_back() {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let _server = side(near, Role::Server, Settings::default());
    let mut peer = RawPeer::new(far);
    let flood = async {
        loop {
            peer.send_bytes(&[0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 1].repeat(1000)).await;
        }
    };
    // It would go on without end if all were read.
    assert!(tokio::time::timeout(std::time::Duration::from_millis(500), flood).await.is_err());
}
