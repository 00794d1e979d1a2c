//! Over SPDY, on the connection itself and in a WebSocket.

use std::time::Duration;

use bytes::BytesMut;
use futures::{SinkExt, StreamExt};
use spdy::codec::Encoder;
use spdy::{
    Connection, FlowControl, Frame, Headers, Priority, ResetStatus, Role, Session, Setting, SettingId, Stream, StreamId,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role as WebSocketRole;
use vk_streaming::port_forward::{End, serve};
use vk_streaming::{PortForwardProtocol, Settings};

use super::{BREAKER, CLOSED, ECHO, GREETER, Open, SILENT, STUCK, UNANSWERED, pod, settings};
use crate::commands::pattern;

const WAYS: [PortForwardProtocol; 2] = [PortForwardProtocol::Spdy, PortForwardProtocol::Tunnel];

struct Client {
    session: Session,
    transport: JoinHandle<()>,
    requests: u32,
}

struct Pair {
    data: Stream,
    error: Stream,
}

/// A client and the server's end; and how many connections the pod has.
async fn start(way: PortForwardProtocol, settings: Settings) -> (Client, JoinHandle<End>, Open) {
    let open = Open::default();
    let connect = pod(&open);
    let (near, far) = tokio::io::duplex(64 * 1024);
    let server = tokio::spawn(async move { serve(near, way, &[], &settings, connect).await });
    let far = if way == PortForwardProtocol::Tunnel { through_web_socket(far).await } else { far };
    let client = spdy::Settings { flow_control: FlowControl::Enforce, ..spdy::Settings::default() };
    let (session, _incoming, connection) = Connection::new(far, Role::Client, client);
    let transport = tokio::spawn(async move { drop(connection.run().await) });
    (Client { session, transport, requests: 0 }, server, open)
}

/// Bytes written to the returned end go out in binary messages, and those of messages come in there.
async fn through_web_socket(io: DuplexStream) -> DuplexStream {
    let socket = WebSocketStream::from_raw_socket(io, WebSocketRole::Client, None).await;
    let (mut sink, mut source) = socket.split();
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let (mut read, mut write) = tokio::io::split(theirs);
    tokio::spawn(async move {
        // Pieces that fall anywhere in the frames.
        let mut piece = vec![0; 777];
        while let Ok(bytes @ 1..) = read.read(&mut piece).await {
            if sink.send(Message::Binary(piece[..bytes].to_vec().into())).await.is_err() {
                return;
            }
        }
        drop(sink.close().await);
    });
    tokio::spawn(async move {
        while let Some(Ok(message)) = source.next().await {
            if let Message::Binary(bytes) = message
                && write.write_all(&bytes).await.is_err()
            {
                return;
            }
        }
        drop(write.shutdown().await);
    });
    ours
}

impl Client {
    async fn stream(&self, kind: &str, port: &str, id: Option<u32>) -> Stream {
        let mut headers = Headers::from_pairs([("streamType", kind), ("port", port)]);
        if let Some(id) = id {
            headers.append("requestID", id.to_string());
        }
        self.session.open(headers).await.unwrap()
    }

    /// As `kubectl` does it: the stream of errors first, which it does not write to.
    async fn connect(&mut self, port: u16) -> Pair {
        self.requests += 1;
        let mut error = self.stream("error", &port.to_string(), Some(self.requests)).await;
        error.shutdown().await.unwrap();
        Pair { data: self.stream("data", &port.to_string(), Some(self.requests)).await, error }
    }
}

async fn everything(stream: &mut Stream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test]
async fn bytes_go_both_ways_and_each_way_ends_by_itself() {
    for way in WAYS {
        let (mut client, server, open) = start(way, settings()).await;
        let Pair { mut data, mut error } = client.connect(ECHO).await;
        data.write_all(b"hello").await.unwrap();
        let mut echo = [0; 5];
        data.read_exact(&mut echo).await.unwrap();
        assert_eq!(&echo, b"hello");
        // The pod's server answers to our end.
        data.shutdown().await.unwrap();
        assert_eq!(everything(&mut data).await, b"bye");
        assert_eq!(everything(&mut error).await, b"", "nothing went wrong");
        open.until(0).await;

        let Pair { mut data, mut error } = client.connect(GREETER).await;
        assert_eq!(everything(&mut data).await, b"hello");
        data.write_all(b"still here").await.unwrap();
        open.until(1).await;
        data.shutdown().await.unwrap();
        assert_eq!(everything(&mut error).await, b"");
        open.until(0).await;
        client.transport.abort();
        assert_eq!(timeout(Duration::from_secs(30), server).await.unwrap().unwrap(), End::Closed);
    }
}

/// `kubectl` resets the stream once the server has ended, and waits for the end of that of errors.
#[tokio::test]
async fn a_client_that_resets_after_the_servers_end_hears_that_nothing_went_wrong() {
    for way in WAYS {
        let (mut client, _server, open) = start(way, settings()).await;
        let Pair { mut data, mut error } = client.connect(GREETER).await;
        assert_eq!(everything(&mut data).await, b"hello");
        data.reset(ResetStatus::Cancel);
        assert_eq!(everything(&mut error).await, b"");
        open.until(0).await;
    }
}

#[tokio::test]
async fn a_port_on_which_nobody_listens_is_told_and_others_go_on() {
    for way in WAYS {
        let (mut client, _server, open) = start(way, settings()).await;
        let mut before = client.connect(ECHO).await;
        let Pair { mut data, mut error } = client.connect(CLOSED).await;
        assert_eq!(everything(&mut error).await, b"error forwarding port 1: connection refused");
        assert_eq!(everything(&mut data).await, b"");
        before.data.write_all(b"x").await.unwrap();
        let mut echo = [0; 1];
        before.data.read_exact(&mut echo).await.unwrap();
        assert_eq!(open.count(), 1);
    }
}

#[tokio::test]
async fn a_connection_that_the_pod_breaks_is_reset() {
    for way in WAYS {
        let (mut client, _server, _open) = start(way, settings()).await;
        let Pair { mut data, mut error } = client.connect(BREAKER).await;
        let mut bytes = Vec::new();
        let broken = data.read_to_end(&mut bytes).await.unwrap_err();
        assert_eq!((broken.kind(), bytes.as_slice()), (std::io::ErrorKind::ConnectionReset, b"hello".as_slice()));
        assert_eq!(everything(&mut error).await, b"", "the port was there");
    }
}

#[tokio::test]
async fn two_hundred_connections_at_once_keep_their_bytes_apart() {
    for way in WAYS {
        let (mut client, _server, open) = start(way, settings()).await;
        let mut running = Vec::new();
        for number in 0..200usize {
            let Pair { data, .. } = client.connect(ECHO).await;
            running.push(tokio::spawn(async move {
                let (mut read, mut write) = tokio::io::split(data);
                let sent = pattern(20_000 + number);
                let expected = [&sent[..], b"bye"].concat();
                let writing = async {
                    write.write_all(&sent).await.unwrap();
                    write.shutdown().await.unwrap();
                };
                let mut received = Vec::new();
                let (_, read) = tokio::join!(writing, read.read_to_end(&mut received));
                read.unwrap();
                assert!(received == expected, "{number}: {} bytes", received.len());
            }));
        }
        for one in running {
            one.await.unwrap();
        }
        open.until(0).await;
    }
}

#[tokio::test]
async fn large_transfers_arrive_whole() {
    const LENGTH: usize = 8 * 1024 * 1024;
    for way in WAYS {
        let (mut client, _server, _open) = start(way, settings()).await;
        let (mut read, mut write) = tokio::io::split(client.connect(ECHO).await.data);
        let writing = tokio::spawn(async move {
            write.write_all(&pattern(LENGTH)).await.unwrap();
            write.shutdown().await.unwrap();
        });
        let mut received = Vec::new();
        read.read_to_end(&mut received).await.unwrap();
        assert!(received[..LENGTH] == pattern(LENGTH) && &received[LENGTH..] == b"bye", "{}", received.len());
        writing.await.unwrap();
    }
}

#[tokio::test]
async fn streams_with_wrong_headers_are_refused() {
    let (client, _server, open) = start(PortForwardProtocol::Spdy, settings()).await;
    for (kind, port) in [("data", "0"), ("data", "65536"), ("data", "http"), ("stdin", "80"), ("", "80"), ("error", "")]
    {
        assert!(client.stream(kind, port, Some(1)).await.reply().await.is_err(), "{kind:?} {port:?}");
    }
    let mut first = client.stream("data", "7", Some(1)).await;
    first.reply().await.unwrap();
    assert!(client.stream("data", "7", Some(1)).await.reply().await.is_err(), "twice");
    assert_eq!(open.count(), 0);
}

/// Clients from before requests had ids.
#[tokio::test]
async fn streams_without_ids_are_paired_by_their_order() {
    let (client, _server, _open) = start(PortForwardProtocol::Spdy, settings()).await;
    let _error = client.stream("error", "13", None).await;
    let mut data = client.stream("data", "13", None).await;
    assert_eq!(everything(&mut data).await, b"hello");
}

#[tokio::test(start_paused = true)]
async fn half_a_pair_is_given_up() {
    let (client, _server, open) = start(PortForwardProtocol::Spdy, settings()).await;
    let mut error = client.stream("error", "7", Some(1)).await;
    assert_eq!(everything(&mut error).await, b"timed out waiting for the stream of data");
    let mut data = client.stream("data", "7", Some(2)).await;
    assert!(data.read_u8().await.is_err());
    assert_eq!(open.count(), 0);
}

#[tokio::test]
async fn a_client_that_goes_takes_its_connections_with_it() {
    for way in WAYS {
        let (mut client, server, open) = start(way, settings()).await;
        let mut pairs = Vec::new();
        for _ in 0..10 {
            pairs.push(client.connect(SILENT).await);
        }
        open.until(10).await;
        client.transport.abort();
        drop(pairs);
        open.until(0).await;
        assert_eq!(timeout(Duration::from_secs(30), server).await.unwrap().unwrap(), End::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_in_which_nothing_moves_ends() {
    let (mut client, server, open) = start(PortForwardProtocol::Spdy, settings()).await;
    let _pair = client.connect(SILENT).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(open.count(), 1);
    let idle = timeout(Duration::from_secs(5 * 60 * 60), server).await.unwrap().unwrap();
    assert!(matches!(idle, End::Broken(_)), "{idle:?}");
    open.until(0).await;
}

/// A client that has seen the server's end and never ends itself does not hold the connection for ever.
#[tokio::test(start_paused = true)]
async fn after_the_servers_end_the_client_has_its_time() {
    let (mut client, _server, open) = start(PortForwardProtocol::Spdy, settings()).await;
    let Pair { mut data, mut error } = client.connect(GREETER).await;
    assert_eq!(everything(&mut data).await, b"hello");
    assert_eq!(everything(&mut error).await, b"");
    open.until(0).await;
    assert!(data.write_all(&pattern(1024)).await.is_err() || data.flush().await.is_err());
}

/// Text is nothing that a tunnel carries.
#[tokio::test]
async fn text_in_a_tunnel_ends_it() {
    let (near, far) = tokio::io::duplex(4096);
    let connect = pod(&Open::default());
    let server = tokio::spawn(async move { serve(near, PortForwardProtocol::Tunnel, &[], &settings(), connect).await });
    let mut client = WebSocketStream::from_raw_socket(far, WebSocketRole::Client, None).await;
    client.send(Message::Text("hello".into())).await.unwrap();
    assert_eq!(timeout(Duration::from_secs(30), server).await.unwrap().unwrap(), End::Closed);
}

/// The multiplexer forgets a stream that its client resets. What was begun for it must not outlive it without a bound.
#[tokio::test(start_paused = true)]
async fn a_session_has_a_bound_on_its_connections_whatever_is_reset() {
    let (mut client, _server, open) = start(PortForwardProtocol::Spdy, settings()).await;
    let mut taken = 0;
    for id in 0..2000 {
        let mut half = client.stream("error", "7", Some(10_000 + id)).await;
        taken += usize::from(half.reply().await.is_ok());
        half.reset(ResetStatus::Cancel);
    }
    assert_eq!(taken, 512, "halves of pairs");
    assert!(client.stream("data", "7", Some(5)).await.reply().await.is_err());
    // They are given up, and there is place again.
    sleep(Duration::from_secs(60)).await;
    let mut running = Vec::new();
    for _ in 0..511 {
        running.push(client.connect(SILENT).await);
    }
    open.until(511).await;
    let mut last = client.stream("error", "7", Some(20_000)).await;
    last.reply().await.unwrap();
    assert!(client.stream("error", "7", Some(20_001)).await.reply().await.is_err(), "one more than there is place for");
}

/// Neither a connection that is being made, nor one whose server does not read, waits for a client that has broken off.
#[tokio::test(start_paused = true)]
async fn a_connection_ends_when_its_client_resets_it() {
    for way in WAYS {
        let (mut client, _server, open) = start(way, settings()).await;
        let Pair { data, error: _error } = client.connect(UNANSWERED).await;
        open.until(1).await;
        data.reset(ResetStatus::Cancel);
        open.until(0).await;

        let Pair { mut data, error: _error } = client.connect(STUCK).await;
        open.until(1).await;
        assert!(timeout(Duration::from_secs(5), data.write_all(&pattern(1024 * 1024))).await.is_err());
        data.reset(ResetStatus::Cancel);
        sleep(settings().linger).await;
        open.until(0).await;
    }
}

#[tokio::test]
async fn an_id_is_kept_while_its_pair_waits_so_it_is_short() {
    let (client, _server, _open) = start(PortForwardProtocol::Spdy, settings()).await;
    for (length, taken) in [(64, true), (65, false), (3000, false)] {
        let id = "7".repeat(length);
        let headers = Headers::from_pairs([("streamType", "error"), ("port", "7"), ("requestID", id.as_str())]);
        let mut stream = client.session.open(headers).await.unwrap();
        assert_eq!(stream.reply().await.is_ok(), taken, "{length}");
    }
}

#[tokio::test]
async fn what_comes_on_streams_of_errors_is_not_kept() {
    let (mut client, _server, _open) = start(PortForwardProtocol::Spdy, settings()).await;
    let mut half = client.stream("error", "7", Some(1000)).await;
    let mut data = client.stream("data", "99", Some(1001)).await;
    data.reply().await.unwrap();
    let mut late = client.stream("error", "99", Some(1001)).await;
    // Much more than a window, which opens only when something is read or left out.
    for stream in [&mut half, &mut late] {
        timeout(Duration::from_secs(30), stream.write_all(&pattern(1024 * 1024))).await.expect("it is kept").unwrap();
    }
    assert_eq!(client.connect(ECHO).await.data.reply().await.unwrap(), Headers::default());
}

/// A client that lets nothing be written to it holds up no connection but its own.
#[tokio::test(start_paused = true)]
async fn a_half_that_cannot_be_told_holds_up_no_other() {
    let open = Open::default();
    let connect = pod(&open);
    let (near, far) = tokio::io::duplex(64 * 1024);
    let _server = tokio::spawn(async move { serve(near, PortForwardProtocol::Spdy, &[], &settings(), connect).await });
    let (mut read, mut write) = tokio::io::split(far);
    tokio::spawn(async move { tokio::io::copy(&mut read, &mut tokio::io::sink()).await });
    let mut encoder = Encoder::new();
    let mut frames = BytesMut::new();
    let window = Setting { id: SettingId::INITIAL_WINDOW_SIZE, flags: 0, value: 0 };
    encoder.encode(&Frame::Settings { clear: false, settings: vec![window] }, &mut frames).unwrap();
    let mut syn_stream = |number, kind, id, frames: &mut BytesMut| {
        let headers = Headers::from_pairs([("streamtype", kind), ("port", "99"), ("requestid", id)]);
        let (id, priority) = (StreamId::new(number).unwrap(), Priority::default());
        let frame = Frame::SynStream { id, associated: None, priority, fin: false, unidirectional: false, headers };
        encoder.encode(&frame, frames).unwrap();
    };
    syn_stream(1, "error", "1", &mut frames);
    write.write_all(&frames.split()).await.unwrap();
    sleep(Duration::from_secs(60)).await;
    syn_stream(3, "error", "2", &mut frames);
    syn_stream(5, "data", "2", &mut frames);
    write.write_all(&frames).await.unwrap();
    open.until(1).await;
}
