//! Options of an accepted socket.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// A client whose host vanished is noticed within about a minute while nothing is on its way to it, and when TCP gives up
/// sending again otherwise. There is no time-out for data that a client is there for and does not take: `kubectl logs | less`
/// may pause as long as it likes, `kubectl exec` until the session's idle timeout.
pub(super) fn prepare(stream: &TcpStream) -> io::Result<()> {
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(30)).with_interval(Duration::from_secs(10)).with_retries(3);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)?;
    stream.set_nodelay(true)
}
