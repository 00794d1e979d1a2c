//! Any bytes, whole and in pieces, are the same frames and the same error, and no frame is beyond the limits.
#![no_main]

use arbitrary::Arbitrary;
use bytes::BytesMut;
use fuzz::frames::merged;
use libfuzzer_sys::fuzz_target;
use spdy::codec::Decoder;
use spdy::{DecodeError, Frame, Limits};

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    cuts: [u8; 4],
    bytes: &'a [u8],
}

const LIMITS: Limits = Limits { control_frame: 4096, header_bytes: 1024, header_count: 8, settings: 4, streams: 8 };

fn decode<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Frame>, Option<DecodeError>) {
    let (mut decoder, mut input, mut frames) = (Decoder::new(LIMITS), BytesMut::new(), Vec::new());
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (merged(frames), Some(error)),
            }
        }
    }
    (merged(frames), None)
}

fn check(frame: &Frame) {
    match frame {
        Frame::SynStream { headers, .. } | Frame::SynReply { headers, .. } | Frame::Headers { headers, .. } => {
            assert!(headers.iter().count() <= LIMITS.header_count);
        }
        Frame::Settings { settings, .. } => assert!(settings.len() <= LIMITS.settings),
        _ => {}
    }
}

fuzz_target!(|input: Input<'_>| {
    let whole = decode([input.bytes].into_iter());
    whole.0.iter().for_each(check);
    let mut rest = input.bytes;
    let mut cuts = input.cuts.iter().cycle();
    let pieces = std::iter::from_fn(|| {
        let length = usize::from(*cuts.next()?).max(1).min(rest.len());
        let (piece, left) = rest.split_at(length);
        rest = left;
        (length > 0).then_some(piece)
    });
    assert_eq!(decode(pieces), whole);
});
