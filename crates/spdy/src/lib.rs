//! SPDY/3.1: many streams over one connection, in both roles.
//!
//! The protocol is that of the draft "SPDY Protocol - Draft 3.1". It is old, and HTTP/2 has taken its place nearly
//! everywhere; what still speaks it is `kubectl exec`, `attach` and `port-forward`, and whatever else upgrades an HTTP/1.1
//! connection to `SPDY/3.1`. Nothing here knows of that use.
//!
//! Two layers, each usable alone:
//!
//! - [`codec`]: frames from bytes and bytes from frames, without IO. It is strict with its [`Limits`]: frames, inflated
//!   headers, their number and settings are bounded before memory is taken.
//! - [`Connection`]: the multiplexer over anything that is `AsyncRead + AsyncWrite`. Nothing is dropped: a reader that is
//!   slow slows its peer down, a peer that is slow slows our writers down.
//!
//! ```
//! use spdy::{Connection, Headers, Role, Settings};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (near, far) = tokio::io::duplex(1024);
//! let (client, _no_requests, connection) = Connection::new(near, Role::Client, Settings::default());
//! let (_server, mut requests, served) = Connection::new(far, Role::Server, Settings::default());
//! tokio::spawn(connection.run());
//! tokio::spawn(served.run());
//!
//! tokio::spawn(async move {
//!     while let Some(request) = requests.next().await {
//!         let mut stream = request.accept(Headers::default());
//!         stream.write_all(b"hello").await?;
//!         stream.shutdown().await?;
//!     }
//!     std::io::Result::Ok(())
//! });
//!
//! let mut stream = client.open(Headers::from_pairs([("kind", "greeting")])).await?;
//! let mut greeting = String::new();
//! stream.read_to_string(&mut greeting).await?;
//! assert_eq!(greeting, "hello");
//! # Ok(())
//! # }
//! ```

pub mod codec;
mod connection;
mod dictionary;
mod error;
mod frame;
mod header_compression;
mod headers;
mod limits;
mod stream_id;

pub use connection::{
    Connection, End, FlowControl, Incoming, OpenError, ReceiveHalf, Request, Role, SendHalf, Session, Settings, Stream,
};
pub use error::{ConnectionError, DecodeError, EncodeError};
pub use frame::{Frame, GoAwayStatus, Priority, ResetStatus, Setting, SettingId};
pub use headers::Headers;
pub use limits::Limits;
pub use stream_id::StreamId;

/// The README's examples are compiled and run with those of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
