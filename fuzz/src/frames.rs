//! Frames that a peer could send, and what is left of them on the way.

use arbitrary::{Arbitrary, Result, Unstructured};
use spdy::{Frame, GoAwayStatus, Headers, Priority, ResetStatus, Setting, SettingId, StreamId};

/// Any frame that the protocol can say.
#[derive(Debug)]
pub struct AnyFrame(pub Frame);

impl<'a> Arbitrary<'a> for AnyFrame {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self(match input.int_in_range(0..=8)? {
            0 => Frame::SynStream {
                id: id(input)?,
                associated: StreamId::new(input.arbitrary()?),
                priority: Priority::new(input.int_in_range(0..=7)?).unwrap_or_default(),
                fin: input.arbitrary()?,
                unidirectional: input.arbitrary()?,
                headers: headers(input)?,
            },
            1 => Frame::SynReply { id: id(input)?, fin: input.arbitrary()?, headers: headers(input)? },
            2 => Frame::Headers { id: id(input)?, fin: input.arbitrary()?, headers: headers(input)? },
            3 => Frame::RstStream { id: id(input)?, status: ResetStatus::from_code(input.arbitrary()?) },
            4 => Frame::Settings { clear: input.arbitrary()?, settings: settings(input)? },
            5 => Frame::Ping(input.arbitrary()?),
            6 => Frame::GoAway {
                last_accepted: StreamId::new(input.arbitrary()?),
                status: GoAwayStatus::from_code(input.arbitrary()?),
            },
            7 => Frame::WindowUpdate {
                id: if input.arbitrary()? { Some(id(input)?) } else { None },
                delta: input.int_in_range(0..=0x7fff_ffff)?,
            },
            _ => Frame::Data { id: id(input)?, fin: input.arbitrary()?, payload: input.arbitrary::<Vec<u8>>()?.into() },
        }))
    }
}

/// Mostly one of a few, so that frames meet.
fn id(input: &mut Unstructured<'_>) -> Result<StreamId> {
    let number =
        if input.ratio(7u8, 8u8)? { input.int_in_range(1..=8)? } else { input.int_in_range(1..=0x7fff_ffff)? };
    StreamId::new(number).ok_or(arbitrary::Error::IncorrectFormat)
}

fn headers(input: &mut Unstructured<'_>) -> Result<Headers> {
    let pairs = input.arbitrary::<Vec<(String, String)>>()?.into_iter();
    // A name must not be empty; a NUL stands between two values of one name.
    let pairs = pairs.map(|(name, value)| (format!("x{}", name.replace('\0', "-")), value.replace('\0', "-")));
    Ok(Headers::from_pairs(pairs))
}

fn settings(input: &mut Unstructured<'_>) -> Result<Vec<Setting>> {
    let known = [SettingId::MAX_CONCURRENT_STREAMS, SettingId::INITIAL_WINDOW_SIZE];
    let setting = |input: &mut Unstructured<'_>| {
        let id = if input.arbitrary()? { *input.choose(&known)? } else { SettingId::from_code(input.arbitrary()?) };
        Ok(Setting { id, flags: input.arbitrary()?, value: input.arbitrary()? })
    };
    (0..input.int_in_range(0..=4)?).map(|_| setting(input)).collect()
}

/// Puts together again what came in pieces: data of one stream whose piece before it was not the last.
pub fn merged(frames: Vec<Frame>) -> Vec<Frame> {
    let mut whole: Vec<Frame> = Vec::new();
    for frame in frames {
        match (whole.last_mut(), frame) {
            (
                Some(Frame::Data { id, fin: fin @ false, payload }),
                Frame::Data { id: same, fin: now, payload: more },
            ) if *id == same => {
                *payload = [&payload[..], &more[..]].concat().into();
                *fin = now;
            }
            (_, frame) => whole.push(frame),
        }
    }
    whole
}
