//! Calls that fail or hang, by their number.

use std::time::Duration;

use vk_core::{Error, ErrorKind, ExhaustionScope};

/// A call of the provider contract that can be scripted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    Create,
    Terminate,
    Remove,
    Lookup,
    Update,
}

impl Call {
    pub(crate) const ALL: [Self; 5] = [Self::Create, Self::Terminate, Self::Remove, Self::Lookup, Self::Update];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Terminate => "terminate",
            Self::Remove => "remove",
            Self::Lookup => "lookup",
            Self::Update => "update",
        }
    }
}

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Error(FaultKind),
    /// The call is carried out after this long; [`Duration::MAX`] means never.
    Hang(Duration),
}

/// The errors that can be scripted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultKind {
    Invalid,
    Unsupported,
    Unresolved,
    Rejected,
    ExhaustedPod,
    ExhaustedNode,
    Conflict,
    /// The call is not carried out, and nobody knows.
    OutcomeUnknown,
    /// The call is carried out, and nobody knows.
    OutcomeUnknownApplied,
    Unavailable,
    Unauthenticated,
    Internal,
}

const KINDS: [(&str, FaultKind); 12] = [
    ("invalid", FaultKind::Invalid),
    ("unsupported", FaultKind::Unsupported),
    ("unresolved", FaultKind::Unresolved),
    ("rejected", FaultKind::Rejected),
    ("exhausted-pod", FaultKind::ExhaustedPod),
    ("exhausted-node", FaultKind::ExhaustedNode),
    ("conflict", FaultKind::Conflict),
    ("outcome-unknown", FaultKind::OutcomeUnknown),
    ("outcome-unknown-applied", FaultKind::OutcomeUnknownApplied),
    ("unavailable", FaultKind::Unavailable),
    ("unauthenticated", FaultKind::Unauthenticated),
    ("internal", FaultKind::Internal),
];

impl FaultKind {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        KINDS.iter().find(|(name, _)| *name == text).map(|(_, kind)| *kind).ok_or_else(|| {
            let known: Vec<_> = KINDS.iter().map(|(name, _)| *name).collect();
            format!("{text:?} is not a kind of error; known are {}", known.join(", "))
        })
    }

    /// Whether the call takes effect although it fails.
    pub(crate) fn is_applied(self) -> bool {
        self == Self::OutcomeUnknownApplied
    }

    pub(crate) fn error(self) -> Error {
        const FIELD: &str = "metadata.annotations";
        let kind = match self {
            Self::Invalid => ErrorKind::Invalid { field: FIELD.to_owned() },
            Self::Unsupported => ErrorKind::Unsupported { field: FIELD.to_owned() },
            Self::Unresolved => ErrorKind::Unresolved { reference: "configmap \"scripted\"".to_owned() },
            Self::Rejected => ErrorKind::Rejected { reason: "UnexpectedAdmissionError".to_owned() },
            Self::ExhaustedPod => exhausted(ExhaustionScope::Pod),
            Self::ExhaustedNode => exhausted(ExhaustionScope::Node),
            Self::Conflict => ErrorKind::Conflict,
            Self::OutcomeUnknown | Self::OutcomeUnknownApplied => ErrorKind::OutcomeUnknown,
            Self::Unavailable => ErrorKind::Unavailable,
            Self::Unauthenticated => ErrorKind::Unauthenticated,
            Self::Internal => ErrorKind::Internal,
        };
        Error::new(kind, "the pod's annotations script this error")
    }
}

fn exhausted(scope: ExhaustionScope) -> ErrorKind {
    ErrorKind::Exhausted { resource: "mock capacity".to_owned(), scope }
}

/// The faults of one call, by call number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CallFaults {
    pub(super) errors: Vec<(Numbers, FaultKind)>,
    pub(super) hangs: Vec<(Numbers, Duration)>,
}

impl CallFaults {
    pub(super) fn of_call(&self, count: u32) -> Option<Fault> {
        let error =
            self.errors.iter().find(|(numbers, _)| numbers.contains(count)).map(|(_, kind)| Fault::Error(*kind));
        error.or_else(|| {
            self.hangs.iter().find(|(numbers, _)| numbers.contains(count)).map(|(_, time)| Fault::Hang(*time))
        })
    }
}

/// Which calls are meant: all, the nth, or from the nth to the mth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbers {
    first: u32,
    last: u32,
}

impl Numbers {
    fn contains(self, count: u32) -> bool {
        (self.first..=self.last).contains(&count)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let remedy = || format!("{text:?} does not number calls: write it as in \"1\" or \"2-5\", counted from 1");
        let number = |text: &str| text.parse::<u32>().ok().filter(|number| *number > 0).ok_or_else(remedy);
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let numbers = Self { first: number(first)?, last: number(last)? };
        if numbers.first > numbers.last { Err(remedy()) } else { Ok(numbers) }
    }
}

/// `VALUE`, `VALUE@3` or `VALUE@2-5`, several of them with commas between.
pub(super) fn numbered<T>(text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Vec<(Numbers, T)>, String> {
    let entries = text.split(',').map(|entry| {
        let entry = entry.trim();
        let (value, numbers) = match entry.split_once('@') {
            Some((value, numbers)) => (value, Numbers::parse(numbers)?),
            None => (entry, Numbers { first: 1, last: u32::MAX }),
        };
        Ok((numbers, parse(value)?))
    });
    entries.collect()
}
