//! Windows: those of peers that have them, and those of peers that do not.

use std::time::Duration;

use bytes::Bytes;
use spdy::{FlowControl, Frame, Headers, Role, Setting, SettingId, Settings};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::pair::{RawPeer, side, syn_stream};

const WINDOW: usize = 64 * 1024;

/// Reads until nothing more comes; says how many bytes of data came.
async fn received(peer: &mut RawPeer) -> usize {
    let mut bytes = 0;
    while let Ok(frame) = timeout(Duration::from_millis(200), peer.next()).await {
        if let Some(Frame::Data { payload, .. }) = frame {
            bytes += payload.len();
        }
    }
    bytes
}

async fn writer(flow_control: FlowControl) -> (RawPeer, spdy::StreamId) {
    let (near, far) = tokio::io::duplex(1024 * 1024);
    let client = side(near, Role::Client, Settings { flow_control, ..Settings::default() });
    let mut stream = client.session.open(Headers::default()).await.unwrap();
    let id = stream.id();
    tokio::spawn(async move {
        let _keep = client;
        stream.write_all(&vec![7; 4 * WINDOW]).await.unwrap();
        stream.shutdown().await.unwrap();
        std::future::pending::<()>().await;
    });
    (RawPeer::new(far), id)
}

#[tokio::test]
async fn a_peer_that_shows_no_windows_gets_everything() {
    let (mut peer, _) = writer(FlowControl::Detect).await;
    assert_eq!(received(&mut peer).await, 4 * WINDOW);
}

#[tokio::test]
async fn windows_bind_when_they_must() {
    let (mut peer, id) = writer(FlowControl::Enforce).await;
    assert_eq!(received(&mut peer).await, WINDOW);
    // Both windows have to let it through.
    peer.send(Frame::WindowUpdate { id: Some(id), delta: 1000 }).await;
    assert_eq!(received(&mut peer).await, 0);
    peer.send(Frame::WindowUpdate { id: None, delta: 600 }).await;
    assert_eq!(received(&mut peer).await, 600);
    peer.send(Frame::WindowUpdate { id: None, delta: 1 << 20 }).await;
    assert_eq!(received(&mut peer).await, 400);
    peer.send(Frame::WindowUpdate { id: Some(id), delta: 1 << 20 }).await;
    assert_eq!(received(&mut peer).await, 3 * WINDOW - 1000);
}

#[tokio::test]
async fn windows_bind_once_a_peer_has_shown_them() {
    let (near, far) = tokio::io::duplex(1024 * 1024);
    let client = side(near, Role::Client, Settings::default());
    let mut peer = RawPeer::new(far);
    let initial = Setting { id: SettingId::INITIAL_WINDOW_SIZE, flags: 0, value: 10 };
    peer.send(Frame::Settings { clear: false, settings: vec![initial] }).await;
    // Settings are read once something comes back.
    peer.send(Frame::Ping(2)).await;
    assert_eq!(peer.next().await, Some(Frame::Ping(2)));
    let mut stream = client.session.open(Headers::default()).await.unwrap();
    let id = stream.id();
    tokio::spawn(async move { stream.write_all(&[7; 100]).await });
    assert_eq!(received(&mut peer).await, 10);
    peer.send(Frame::WindowUpdate { id: Some(id), delta: 50 }).await;
    assert_eq!(received(&mut peer).await, 50);
}

#[tokio::test]
async fn what_is_read_is_granted_again() {
    let (near, far) = tokio::io::duplex(1024 * 1024);
    let mut server = side(near, Role::Server, Settings::default());
    let mut peer = RawPeer::new(far);
    let id = spdy::StreamId::new(1).unwrap();
    peer.send(syn_stream(1)).await;
    let mut stream = server.incoming.next().await.unwrap().accept(Headers::default());
    assert!(matches!(peer.next().await, Some(Frame::SynReply { .. })));
    peer.send(Frame::Data { id, fin: false, payload: Bytes::from(vec![1; WINDOW / 2]) }).await;
    let delta = (WINDOW / 2) as u32;
    assert_eq!(peer.next().await, Some(Frame::WindowUpdate { id: None, delta }));
    assert!(timeout(Duration::from_millis(200), peer.next()).await.is_err(), "nothing was read yet");
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut vec![0; WINDOW / 2]).await.unwrap();
    assert_eq!(peer.next().await, Some(Frame::WindowUpdate { id: Some(id), delta }));
}

/// What a stream could not send is of no use once it is reset, and nothing waits for it.
#[tokio::test(start_paused = true)]
async fn data_that_a_window_holds_goes_with_its_stream() {
    let (near, far) = tokio::io::duplex(1024 * 1024);
    let client = side(near, Role::Client, Settings { flow_control: FlowControl::Enforce, ..Settings::default() });
    let mut peer = RawPeer::new(far);
    let mut stream = client.session.open(Headers::default()).await.unwrap();
    let id = stream.id();
    peer.send(Frame::WindowUpdate { id: Some(id), delta: 1 << 20 }).await;
    stream.write_all(&vec![7; 2 * WINDOW]).await.unwrap();
    assert_eq!(received(&mut peer).await, WINDOW);
    stream.reset(spdy::ResetStatus::Cancel);
    client.session.close();
    loop {
        match timeout(Duration::from_secs(60), peer.next()).await.expect("the end waits for a window") {
            Some(Frame::GoAway { .. }) => break,
            Some(Frame::RstStream { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
}
