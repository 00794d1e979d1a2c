//! Interactive sessions in containers.

/// What a session is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRequest {
    /// What its streams lead to.
    pub program: Program,
    /// The client has a terminal.
    pub tty: bool,
}

/// The program at the other end of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// This one, which is started for the session.
    Command(Vec<String>),
    /// The one that the container runs anyway, which goes on after the session.
    OwnProcess,
}
