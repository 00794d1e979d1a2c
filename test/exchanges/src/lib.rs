//! Requests to an API server and what it answered, one exchange on each line of a file.
//!
//! The same lines go to the API server in process and to a real one. Neither sees the lines themselves: a [`Session`]
//! makes HTTP requests of them, with names of its own in place of placeholders, and brings the answers into a form in
//! which those of two servers, or of two days, can be compared.

mod answer;
mod exchange;
mod mask;
mod session;

pub use answer::{Answer, Difference, compare};
pub use exchange::{Compare, Exchange, Recording, Unreadable, User};
pub use session::{Names, Session};
