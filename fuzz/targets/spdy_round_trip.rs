//! Whatever frames are written, the same are read.
#![no_main]

use bytes::BytesMut;
use fuzz::frames::{AnyFrame, merged};
use libfuzzer_sys::fuzz_target;
use spdy::codec::{Decoder, Encoder};
use spdy::{Frame, Limits};

/// What is written here is meant, so nothing is too much.
const LIMITS: Limits = Limits {
    control_frame: 0x00ff_ffff,
    header_bytes: 0x00ff_ffff,
    header_count: 0x00ff_ffff,
    settings: 0x00ff_ffff,
    streams: 8,
};

fuzz_target!(|frames: Vec<AnyFrame>| {
    let frames: Vec<Frame> = frames.into_iter().map(|frame| frame.0).collect();
    let (mut encoder, mut wire) = (Encoder::new(), BytesMut::new());
    for frame in &frames {
        encoder.encode(frame, &mut wire).expect("frames that can be written");
    }
    let (mut decoder, mut read) = (Decoder::new(LIMITS), Vec::new());
    while let Some(frame) = decoder.decode(&mut wire).expect("frames that can be read") {
        read.push(frame);
    }
    assert!(wire.is_empty());
    assert_eq!(merged(read), merged(frames));
});
