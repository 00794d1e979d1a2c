//! SPDY: headers that unfold to far more than was sent, and frames that say they are huge.

use bytes::{BufMut, BytesMut};
use spdy::codec::Encoder;
use spdy::{Frame, Headers, Priority, StreamId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Ground;

/// After these the connection ends; the bytes are what the client sends after the upgrade.
fn attacks() -> Vec<(&'static str, BytesMut)> {
    let mut bomb = BytesMut::new();
    let headers = Headers::from_pairs([("streamtype", "a".repeat(64 << 20))]);
    let (id, priority) = (StreamId::new(1).unwrap(), Priority::default());
    let frame = Frame::SynStream { id, associated: None, priority, fin: false, unidirectional: false, headers };
    let fits = Encoder::new().encode(&frame, &mut bomb).is_ok();
    assert!(fits && bomb.len() < 1 << 20, "64 MiB are sent as {} bytes", bomb.len());

    // Version 3, SYN_STREAM, 16 MiB long.
    let mut endless = BytesMut::new();
    endless.put_slice(&[0x80, 3, 0, 1, 0, 0xff, 0xff, 0xff]);
    endless.resize(2 << 20, 0);

    let mut unknown = BytesMut::new();
    unknown.put_slice(&[0x80, 9, 0xff, 0xff, 0, 0, 0, 4, 1, 2, 3, 4]);
    vec![("headers that unfold", bomb), ("a frame without end", endless), ("another protocol", unknown)]
}

#[test]
fn compressed_headers_and_huge_frames_end_their_session_only() {
    let ground = Ground::docker();
    let admin = ground.administrator();
    let upgrade = format!(
        "POST {}?command=cat&input=1&output=1 HTTP/1.1\r\nHost: node\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\
         X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n",
        ground.path("exec")
    );
    for (what, bytes) in attacks() {
        ground.port.run(async {
            let mut stream = ground.port.connect(&admin).await.unwrap();
            stream.write_all(upgrade.as_bytes()).await.unwrap();
            let mut head = [0; 12];
            stream.read_exact(&mut head).await.unwrap();
            assert_eq!(&head, b"HTTP/1.1 101", "{what}");
            let _ = stream.write_all(&bytes).await;
            let mut rest = Vec::new();
            // The node closes; `run` ends the test if it does not.
            let _ = stream.read_to_end(&mut rest).await;
        });
    }
    ground.assert_well();
    let said = ground.stage.kubectl().ok(&["exec", "web", "--", "echo", "still here"]);
    assert_eq!(said.trim(), "still here");
}
