//! Interactive sessions in containers.

/// The program at the other end of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// One that is started for the session.
    Command {
        /// Program and arguments.
        command: Vec<String>,
        /// It gets a terminal; stderr is then part of stdout.
        tty: bool,
    },
    /// The one that the container runs anyway, which goes on after the session. Whether it has a terminal was settled when the
    /// container was created; whether the client has one makes no difference.
    OwnProcess,
}
