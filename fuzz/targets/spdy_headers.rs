//! Headers that a peer has compressed itself: blocks that lie, and bytes that no zlib has written.
#![no_main]

use arbitrary::Arbitrary;
use bytes::{BufMut, BytesMut};
use flate2::{Compress, Compression, FlushCompress};
use libfuzzer_sys::fuzz_target;
use spdy::codec::{Decoder, Encoder};
use spdy::{Frame, Headers, Limits};

#[derive(Debug, Arbitrary)]
enum Block<'a> {
    /// Goes over the wire as it is.
    Compressed(&'a [u8]),
    /// Is compressed first.
    Plain(&'a [u8]),
    /// Is repeated and compressed: small on the wire and large after it.
    Bomb(&'a [u8], u16),
}

const LIMITS: Limits =
    Limits { control_frame: 64 * 1024, header_bytes: 4096, header_count: 16, settings: 4, streams: 8 };

/// zlib does not need the protocol's dictionary to be used.
fn compress(zlib: &mut Compress, plain: &[u8]) -> Vec<u8> {
    let mut output = Vec::with_capacity(plain.len() + 1024);
    zlib.compress_vec(plain, &mut output, FlushCompress::Sync).expect("zlib works");
    output
}

fn size(headers: &Headers) -> usize {
    headers.iter().map(|(name, values)| name.len() + values.iter().map(String::len).sum::<usize>()).sum()
}

fuzz_target!(|blocks: Vec<Block<'_>>| {
    let mut zlib = Compress::new(Compression::fast(), true);
    let mut decoder = Decoder::new(LIMITS);
    for block in blocks {
        let payload = match block {
            Block::Compressed(bytes) => bytes.to_vec(),
            Block::Plain(bytes) => compress(&mut zlib, bytes),
            Block::Bomb(bytes, times) => compress(&mut zlib, &bytes.repeat(usize::from(times) / bytes.len().max(1))),
        };
        let mut wire = BytesMut::new();
        // SYN_REPLY for stream 1.
        wire.put_slice(&[0x80, 3, 0, 2, 0]);
        wire.put_uint(payload.len() as u64 + 4, 3);
        wire.put_u32(1);
        wire.put_slice(&payload);
        let Ok(Some(Frame::SynReply { headers, .. })) = decoder.decode(&mut wire) else { return };
        assert!(wire.is_empty() && size(&headers) <= LIMITS.header_bytes);
        assert!(headers.iter().count() <= LIMITS.header_count);
        round_trip(headers);
    }
});

/// What was taken can be said again, in the same words.
fn round_trip(headers: Headers) {
    let frame = Frame::SynReply { id: spdy::StreamId::new(1).expect("1"), fin: false, headers };
    let mut wire = BytesMut::new();
    Encoder::new().encode(&frame, &mut wire).expect("headers that were read can be written");
    assert_eq!(Decoder::new(LIMITS).decode(&mut wire), Ok(Some(frame)));
}
