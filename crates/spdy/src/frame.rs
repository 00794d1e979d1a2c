//! The frames of SPDY/3.1 (draft 3.1, section 2.6).

use bytes::Bytes;

use crate::headers::Headers;
use crate::stream_id::StreamId;

/// One frame. Kinds that the protocol does not know are skipped when read, as it demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Opens a stream.
    SynStream {
        /// The new stream.
        id: StreamId,
        /// The stream that it belongs to.
        associated: Option<StreamId>,
        /// How urgent it is.
        priority: Priority,
        /// The sender will send no data.
        fin: bool,
        /// The receiver may send no data.
        unidirectional: bool,
        /// What it is for.
        headers: Headers,
    },
    /// Accepts a stream.
    SynReply {
        /// The stream.
        id: StreamId,
        /// The sender will send no data.
        fin: bool,
        /// The answer.
        headers: Headers,
    },
    /// Ends a stream at once, in both directions.
    RstStream {
        /// The stream.
        id: StreamId,
        /// Why.
        status: ResetStatus,
    },
    /// What the sender wishes for or remembers.
    Settings {
        /// Settings that the receiver kept for the sender are to be forgotten.
        clear: bool,
        /// In their order.
        settings: Vec<Setting>,
    },
    /// Is sent back as it is. Clients count odd numbers, servers even ones.
    Ping(u32),
    /// The sender takes no more streams.
    GoAway {
        /// The last stream that it took; `None` if it took none.
        last_accepted: Option<StreamId>,
        /// Why.
        status: GoAwayStatus,
    },
    /// More headers for a stream.
    Headers {
        /// The stream.
        id: StreamId,
        /// The sender will send nothing more.
        fin: bool,
        /// What is added.
        headers: Headers,
    },
    /// So many bytes more may be sent.
    WindowUpdate {
        /// On this stream; `None` is the whole connection.
        id: Option<StreamId>,
        /// Bytes, at most 2^31-1.
        delta: u32,
    },
    /// Bytes of a stream. A long frame is read in several pieces, the last of which has its `fin`.
    Data {
        /// The stream.
        id: StreamId,
        /// The sender will send nothing more.
        fin: bool,
        /// The bytes.
        payload: Bytes,
    },
}

/// From 0, the most urgent, to 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Priority(u8);

impl Priority {
    /// `None` above 7.
    pub fn new(priority: u8) -> Option<Self> {
        (priority <= 7).then_some(Self(priority))
    }

    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }
}

/// Why a stream was reset (draft 3.1, section 2.6.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetStatus {
    /// 1: a rule was broken.
    ProtocolError,
    /// 2: there is no such stream.
    InvalidStream,
    /// 3: it was refused before anything was done about it.
    RefusedStream,
    /// 4: the version is not spoken.
    UnsupportedVersion,
    /// 5: its opener does not want it any more.
    Cancel,
    /// 6: something else failed.
    InternalError,
    /// 7: more was sent than was allowed.
    FlowControlError,
    /// 8: a second SYN_REPLY.
    StreamInUse,
    /// 9: data after the end.
    StreamAlreadyClosed,
    /// 11: a frame is larger than can be taken.
    FrameTooLarge,
    /// Another number.
    Other(u32),
}

impl ResetStatus {
    const KNOWN: [(u32, Self); 10] = [
        (1, Self::ProtocolError),
        (2, Self::InvalidStream),
        (3, Self::RefusedStream),
        (4, Self::UnsupportedVersion),
        (5, Self::Cancel),
        (6, Self::InternalError),
        (7, Self::FlowControlError),
        (8, Self::StreamInUse),
        (9, Self::StreamAlreadyClosed),
        (11, Self::FrameTooLarge),
    ];

    /// From its number.
    pub fn from_code(code: u32) -> Self {
        Self::KNOWN.iter().find(|(known, _)| *known == code).map_or(Self::Other(code), |(_, status)| *status)
    }

    /// Its number.
    pub fn code(self) -> u32 {
        match self {
            Self::Other(code) => code,
            known => Self::KNOWN.iter().find(|(_, status)| *status == known).map_or(0, |(code, _)| *code),
        }
    }
}

/// Why a connection takes no more streams (draft 3.1, section 2.6.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoAwayStatus {
    /// 0: it has done its work.
    Ok,
    /// 1: a rule was broken.
    ProtocolError,
    /// 2: something else failed.
    InternalError,
    /// Another number.
    Other(u32),
}

impl GoAwayStatus {
    /// From its number.
    pub fn from_code(code: u32) -> Self {
        match code {
            0 => Self::Ok,
            1 => Self::ProtocolError,
            2 => Self::InternalError,
            other => Self::Other(other),
        }
    }

    /// Its number.
    pub fn code(self) -> u32 {
        match self {
            Self::Ok => 0,
            Self::ProtocolError => 1,
            Self::InternalError => 2,
            Self::Other(code) => code,
        }
    }
}

/// One setting (draft 3.1, section 2.6.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Which one.
    pub id: SettingId,
    /// Bit 0: please remember it; bit 1: you asked to remember it.
    pub flags: u8,
    /// What it is set to.
    pub value: u32,
}

/// The number of a setting, in 24 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingId(u32);

impl SettingId {
    /// How many streams the sender takes at once.
    pub const MAX_CONCURRENT_STREAMS: Self = Self(4);
    /// How many bytes of a new stream the sender takes without a WINDOW_UPDATE.
    pub const INITIAL_WINDOW_SIZE: Self = Self(7);

    /// From the lower 24 bits of a number.
    pub fn from_code(code: u32) -> Self {
        Self(code & 0x00ff_ffff)
    }

    /// The number.
    pub fn code(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_comes_back() {
        for code in 0..20 {
            assert_eq!(ResetStatus::from_code(code).code(), code);
            assert_eq!(GoAwayStatus::from_code(code).code(), code);
        }
        assert_eq!(ResetStatus::from_code(5), ResetStatus::Cancel);
        assert_eq!((Priority::new(7).map(Priority::get), Priority::new(8)), (Some(7), None));
        assert_eq!(SettingId::from_code(0x0100_0007), SettingId::INITIAL_WINDOW_SIZE);
    }
}
