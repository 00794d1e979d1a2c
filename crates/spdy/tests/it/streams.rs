//! Opening, taking, refusing, and bytes both ways.

use spdy::{Headers, OpenError, ResetStatus};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::pair::pair;

#[tokio::test]
async fn a_stream_carries_headers_and_bytes_both_ways() {
    let (client, mut server) = pair(4096);
    let mut near = client.session.open(Headers::from_pairs([("Stream-Type", "echo")])).await.unwrap();
    let request = server.incoming.next().await.unwrap();
    assert_eq!(request.headers().get("stream-type"), Some("echo"));
    assert_eq!(request.id(), near.id());
    let far = request.accept(Headers::from_pairs([("status", "ok")]));
    assert_eq!(near.reply().await.unwrap().get("status"), Some("ok"));
    tokio::spawn(async move {
        let (mut receive, mut send) = far.into_split();
        tokio::io::copy(&mut receive, &mut send).await.unwrap();
        send.shutdown().await.unwrap();
    });
    near.write_all(b"hello").await.unwrap();
    near.shutdown().await.unwrap();
    let mut echoed = String::new();
    near.read_to_string(&mut echoed).await.unwrap();
    assert_eq!(echoed, "hello");
}

#[tokio::test]
async fn both_sides_open_streams_with_numbers_of_their_own() {
    let (mut client, mut server) = pair(4096);
    for number in [1, 3, 5] {
        let near = client.session.open(Headers::default()).await.unwrap();
        assert_eq!((near.id().get(), server.incoming.next().await.unwrap().id().get()), (number, number));
        let far = server.session.open(Headers::default()).await.unwrap();
        assert_eq!((far.id().get(), client.incoming.next().await.unwrap().id().get()), (number + 1, number + 1));
    }
}

#[tokio::test]
async fn a_refused_stream_says_so() {
    let (client, mut server) = pair(4096);
    let mut refused = client.session.open(Headers::default()).await.unwrap();
    server.incoming.next().await.unwrap().refuse(ResetStatus::RefusedStream);
    assert_eq!(refused.reply().await.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);

    let mut dropped = client.session.open(Headers::default()).await.unwrap();
    drop(server.incoming.next().await.unwrap());
    let error = dropped.reply().await.unwrap_err();
    assert!(error.to_string().contains("RefusedStream"), "{error}");

    drop(server.incoming);
    let mut unheard = client.session.open(Headers::default()).await.unwrap();
    assert!(unheard.reply().await.is_err());
}

#[tokio::test]
async fn a_thousand_streams_at_once_do_not_mix() {
    let (client, mut server) = pair(16 * 1024);
    tokio::spawn(async move {
        while let Some(request) = server.incoming.next().await {
            tokio::spawn(async move {
                let (mut receive, mut send) = request.accept(Headers::default()).into_split();
                tokio::io::copy(&mut receive, &mut send).await.unwrap();
                send.shutdown().await.unwrap();
            });
        }
    });
    let streams = (0..1000u32).map(|number| {
        let session = client.session.clone();
        tokio::spawn(async move {
            let stream = session.open(Headers::default()).await.unwrap();
            let sent: Vec<u8> = number.to_le_bytes().repeat(1000);
            let (mut receive, mut send) = stream.into_split();
            let expected = sent.clone();
            let writer = async move {
                send.write_all(&sent).await.unwrap();
                send.shutdown().await.unwrap();
            };
            let mut received = Vec::new();
            let (_, read) = tokio::join!(writer, receive.read_to_end(&mut received));
            read.unwrap();
            assert_eq!(received, expected);
        })
    });
    for stream in streams.collect::<Vec<_>>() {
        stream.await.unwrap();
    }
}

#[tokio::test]
async fn headers_that_cannot_be_written_are_refused_here() {
    let (client, _server) = pair(4096);
    let nameless = client.session.open(Headers::from_pairs([("", "x")])).await;
    assert!(matches!(nameless, Err(OpenError::Headers(_))));
    // The connection goes on.
    client.session.open(Headers::default()).await.unwrap();
}
