//! Options of an accepted socket.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// A client whose host vanished is noticed within about a minute, also while nothing is written. There is no time-out for
/// data that a client does not take: `kubectl logs | less` may pause as long as it likes.
pub(super) fn prepare(stream: &TcpStream) -> io::Result<()> {
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(30)).with_interval(Duration::from_secs(10)).with_retries(3);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)?;
    stream.set_nodelay(true)
}
