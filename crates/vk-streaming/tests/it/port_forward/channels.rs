//! Over WebSocket channels, as other people's clients do it.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;
use vk_streaming::port_forward::{End, MOST_PORTS, serve};
use vk_streaming::{Encoding, PortForwardProtocol};

use super::{CLOSED, ECHO, GREETER, Open, SILENT, pod, settings};

type Client = WebSocketStream<DuplexStream>;

async fn start(encoding: Encoding, ports: &'static [u16]) -> (Client, JoinHandle<End>, Open) {
    let open = Open::default();
    let connect = pod(&open);
    let (near, far) = tokio::io::duplex(64 * 1024);
    let way = PortForwardProtocol::Channels(encoding);
    let server = tokio::spawn(async move { serve(near, way, ports, &settings(), connect).await });
    (WebSocketStream::from_raw_socket(far, Role::Client, None).await, server, open)
}

/// The next binary message: its channel and what it carries.
async fn next(client: &mut Client) -> Option<(u8, Vec<u8>)> {
    loop {
        match client.next().await?.ok()? {
            Message::Binary(bytes) => return Some((bytes[0], bytes[1..].to_vec())),
            Message::Close(_) => return None,
            _ => {}
        }
    }
}

fn binary(channel: u8, payload: &[u8]) -> Message {
    Message::Binary([&[channel], payload].concat().into())
}

#[tokio::test]
async fn each_port_has_two_channels_that_begin_with_its_number() {
    let (mut client, _server, open) = start(Encoding::Binary, &[ECHO, SILENT]).await;
    let mut begun = Vec::new();
    for _ in 0..4 {
        begun.push(next(&mut client).await.unwrap());
    }
    begun.sort();
    assert_eq!(begun, [(0, vec![7, 0]), (1, vec![7, 0]), (2, vec![99, 0]), (3, vec![99, 0])]);
    open.until(2).await;
    client.send(binary(0, b"hello")).await.unwrap();
    assert_eq!(next(&mut client).await, Some((0, b"hello".to_vec())));
    // Nothing is read on the channel for errors, on others even less.
    for channel in [1, 3, 4, 255] {
        client.send(binary(channel, b"x")).await.unwrap();
    }
    client.send(binary(0, b"again")).await.unwrap();
    assert_eq!(next(&mut client).await, Some((0, b"again".to_vec())));
    client.close(None).await.unwrap();
    drop(client);
    open.until(0).await;
}

#[tokio::test]
async fn the_session_ends_with_the_last_of_its_ports() {
    let (mut client, server, _open) = start(Encoding::Binary, &[GREETER]).await;
    let mut data = Vec::new();
    while let Some((channel, bytes)) = next(&mut client).await {
        if channel == 0 {
            data.extend(bytes);
        }
    }
    assert_eq!(data, b"\x0d\0hello");
    drop(client);
    assert_eq!(timeout(Duration::from_secs(60), server).await.unwrap().unwrap(), End::Closed);
}

#[tokio::test]
async fn a_port_on_which_nobody_listens_is_told_on_its_channel_for_errors() {
    let (mut client, server, _open) = start(Encoding::Binary, &[CLOSED]).await;
    let mut error = Vec::new();
    while let Some((channel, bytes)) = next(&mut client).await {
        if channel == 1 {
            error.extend(bytes);
        }
    }
    assert_eq!(error, b"\x01\0error forwarding port 1: connection refused");
    drop(client);
    assert_eq!(timeout(Duration::from_secs(60), server).await.unwrap().unwrap(), End::Closed);
}

#[tokio::test]
async fn base64_has_room_for_all_ports() {
    static PORTS: [u16; MOST_PORTS] = [ECHO; MOST_PORTS];
    let (mut client, _server, open) = start(Encoding::Base64, &PORTS).await;
    open.until(MOST_PORTS).await;
    // Channel 62, the data of the last one: '0' + 62 is 'n'. The payload is "hello".
    client.send(Message::Text("naGVsbG8=".into())).await.unwrap();
    loop {
        let Message::Text(text) = client.next().await.unwrap().unwrap() else { continue };
        if text.as_str() == "naGVsbG8=" {
            break;
        }
        assert_eq!(&text.as_str()[1..], "BwA=", "the port, in two bytes");
    }
}
