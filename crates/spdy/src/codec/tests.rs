use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::*;
use crate::error::DecodeError;
use crate::frame::{Frame, GoAwayStatus, Priority, ResetStatus, Setting, SettingId};
use crate::headers::Headers;
use crate::limits::Limits;
use crate::stream_id::StreamId;

fn id() -> impl Strategy<Value = StreamId> {
    (1u32..=0x7fff_ffff).prop_map(|number| StreamId::new(number).unwrap())
}

fn headers() -> impl Strategy<Value = Headers> {
    prop::collection::vec(("[a-z:-]{1,12}", "[^\0]{0,20}"), 0..8).prop_map(Headers::from_pairs)
}

fn setting() -> impl Strategy<Value = Setting> {
    (0u32..0x0100_0000, any::<u8>(), any::<u32>()).prop_map(|(id, flags, value)| Setting {
        id: SettingId::from_code(id),
        flags,
        value,
    })
}

fn frame() -> impl Strategy<Value = Frame> {
    prop_oneof![
        (id(), prop::option::of(id()), 0u8..8, any::<bool>(), any::<bool>(), headers()).prop_map(
            |(id, associated, priority, fin, unidirectional, headers)| {
                let priority = Priority::new(priority).unwrap();
                Frame::SynStream { id, associated, priority, fin, unidirectional, headers }
            }
        ),
        (id(), any::<bool>(), headers()).prop_map(|(id, fin, headers)| Frame::SynReply { id, fin, headers }),
        (id(), any::<bool>(), headers()).prop_map(|(id, fin, headers)| Frame::Headers { id, fin, headers }),
        (id(), any::<u32>()).prop_map(|(id, code)| Frame::RstStream { id, status: ResetStatus::from_code(code) }),
        (any::<bool>(), prop::collection::vec(setting(), 0..8))
            .prop_map(|(clear, settings)| Frame::Settings { clear, settings }),
        any::<u32>().prop_map(Frame::Ping),
        (prop::option::of(id()), any::<u32>())
            .prop_map(|(last_accepted, code)| Frame::GoAway { last_accepted, status: GoAwayStatus::from_code(code) }),
        (prop::option::of(id()), 0u32..0x8000_0000).prop_map(|(id, delta)| Frame::WindowUpdate { id, delta }),
        (id(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..300)).prop_map(|(id, fin, payload)| Frame::Data {
            id,
            fin,
            payload: payload.into()
        }),
    ]
}

/// Data frames come in pieces; put together again, they are what was sent.
fn merged(frames: Vec<Frame>) -> Vec<Frame> {
    let mut whole: Vec<Frame> = Vec::new();
    let mut open = false;
    for frame in frames {
        match (whole.last_mut(), frame) {
            (Some(Frame::Data { fin, payload, .. }), Frame::Data { fin: now, payload: more, .. }) if open => {
                *payload = [&payload[..], &more[..]].concat().into();
                *fin = now;
            }
            (_, frame) => whole.push(frame),
        }
        open = matches!(whole.last(), Some(Frame::Data { .. }));
    }
    whole
}

proptest! {
    #[test]
    fn every_frame_comes_back_however_the_bytes_are_cut(
        frames in prop::collection::vec(frame(), 0..12),
        cuts in prop::collection::vec(1usize..40, 1..40),
    ) {
        let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new(Limits::default()));
        let mut wire = BytesMut::new();
        for frame in &frames {
            // A data frame after another of the same stream could not be told from its second piece.
            encoder.encode(frame, &mut wire).unwrap();
            encoder.encode(&Frame::Ping(0), &mut wire).unwrap();
        }
        let mut read = Vec::new();
        let mut input = BytesMut::new();
        for cut in cuts.iter().cycle() {
            input.extend_from_slice(&wire.split_to((*cut).min(wire.len())));
            while let Some(frame) = decoder.decode(&mut input).unwrap() {
                read.push(frame);
            }
            if wire.is_empty() {
                break;
            }
        }
        let expected: Vec<Frame> = frames.into_iter().flat_map(|frame| [frame, Frame::Ping(0)]).collect();
        prop_assert_eq!(merged(read), expected);
        prop_assert!(input.is_empty());
    }

    #[test]
    fn no_input_makes_it_panic(input in prop::collection::vec(any::<u8>(), 0..600)) {
        let mut input = BytesMut::from(&input[..]);
        let mut decoder = Decoder::new(Limits::default());
        while let Ok(Some(_)) = decoder.decode(&mut input) {}
    }

    /// Control frames of every kind whose insides are anything.
    #[test]
    fn no_payload_makes_it_panic(kind in 0u8..12, flags in any::<u8>(), payload in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut input = BytesMut::from(&[0x80, 3, 0, kind, flags, 0, 0, payload.len() as u8][..]);
        input.extend_from_slice(&payload);
        let mut decoder = Decoder::new(Limits::default());
        while let Ok(Some(_)) = decoder.decode(&mut input) {}
    }
}

fn decode(bytes: &[u8]) -> Result<Option<Frame>, DecodeError> {
    Decoder::new(Limits::default()).decode(&mut BytesMut::from(bytes))
}

/// The bytes of the draft's own pictures.
#[test]
fn frames_look_as_the_protocol_says() {
    let mut wire = BytesMut::new();
    let mut encoder = Encoder::new();
    let id = StreamId::new(5).unwrap();
    encoder.encode(&Frame::Ping(7), &mut wire).unwrap();
    encoder.encode(&Frame::RstStream { id, status: ResetStatus::Cancel }, &mut wire).unwrap();
    encoder.encode(&Frame::Data { id, fin: true, payload: Bytes::from_static(b"hi") }, &mut wire).unwrap();
    let expected: [&[u8]; 3] = [
        &[0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 7],
        &[0x80, 3, 0, 3, 0, 0, 0, 8, 0, 0, 0, 5, 0, 0, 0, 5],
        &[0, 0, 0, 5, 1, 0, 0, 2, b'h', b'i'],
    ];
    assert_eq!(wire, expected.concat());
}

#[test]
fn limits_hold_before_memory_is_taken() {
    let long = [0x80, 3, 0, 1, 0, 0xff, 0xff, 0xff];
    assert_eq!(decode(&long), Err(DecodeError::ControlFrame { length: 0x00ff_ffff, limit: 65_536 }));
    let settings = [0x80, 3, 0, 4, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(decode(&settings), Err(DecodeError::Settings { count: 0xffff_ffff, limit: 64 }));
}

#[test]
fn frames_that_lie_about_themselves_are_errors() {
    assert_eq!(decode(&[0x80, 2, 0, 6, 0, 0, 0, 4, 0, 0, 0, 7]), Err(DecodeError::Version(2)));
    assert_eq!(decode(&[0x80, 3, 0, 6, 0, 0, 0, 3, 0, 0, 7]), Err(DecodeError::Length("PING")));
    assert_eq!(decode(&[0x80, 3, 0, 4, 0, 0, 0, 4, 0, 0, 0, 1]), Err(DecodeError::Length("SETTINGS")));
    assert_eq!(decode(&[0, 0, 0, 0, 0, 0, 0, 0]), Err(DecodeError::NoStream("DATA")));
    assert_eq!(
        decode(&[0x80, 3, 0, 3, 0, 0, 0, 8, 0x80, 0, 0, 0, 0, 0, 0, 1]),
        Err(DecodeError::NoStream("RST_STREAM"))
    );
}

#[test]
fn unknown_control_frames_are_skipped() {
    let mut wire = vec![0x80, 3, 0, 99, 0, 0, 0, 2, 1, 2];
    wire.extend([0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 7]);
    assert_eq!(decode(&wire), Ok(Some(Frame::Ping(7))));
}

#[test]
fn data_beyond_one_frame_becomes_several() {
    let id = StreamId::new(1).unwrap();
    let payload = Bytes::from(vec![1; LONGEST + 1]);
    let mut wire = BytesMut::new();
    Encoder::new().encode(&Frame::Data { id, fin: true, payload }, &mut wire).unwrap();
    let mut decoder = Decoder::new(Limits::default());
    let mut ends = Vec::new();
    while let Some(Frame::Data { fin, payload, .. }) = decoder.decode(&mut wire).unwrap() {
        ends.push((payload.len(), fin));
    }
    assert_eq!(ends, [(LONGEST, false), (1, true)]);
}
