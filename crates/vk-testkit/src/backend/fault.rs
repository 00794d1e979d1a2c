//! How calls to the back end go wrong.

use std::time::Duration;

use virtual_kubelet::core::Error;

/// A method of the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// `admit`
    Admit,
    /// `create`
    Create,
    /// `terminate`
    Terminate,
    /// `remove`
    Remove,
    /// `lookup`
    Lookup,
    /// `list`
    List,
    /// `adopt`
    Adopt,
    /// `update`
    Update,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Admit, Self::Create, Self::Terminate, Self::Remove, Self::Lookup, Self::List, Self::Adopt, Self::Update];
}

/// What goes wrong with one call.
#[derive(Debug, Clone)]
pub enum Fault {
    /// It does nothing and answers this.
    Refuse(Error),
    /// It does what it should, and the answer is lost: the caller sees a time-out.
    LoseReply,
    /// It answers after this long.
    Delay(Duration),
    /// It never answers, and does nothing.
    Hang,
    /// It panics.
    Panic,
}
