//! Every bound of the server in one place (invariant 12).

use std::time::Duration;

/// How much the server takes on, and how long it waits. The defaults suit a node with thousands of pods.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections of authenticated clients; one more is closed. Each follow stream of an HTTP/1.1 client holds one.
    pub connections: usize,
    /// Connections that have not authenticated yet, half-open ones included. One more pushes out the oldest of them, so that
    /// those who never finish cannot keep out those who do.
    pub unauthenticated_connections: usize,
    /// Requests under way on all connections together; one more is answered 429.
    pub requests: usize,
    /// Concurrent streams of one HTTP/2 connection.
    pub streams_per_connection: u32,
    /// Bytes of a request's head (request line and headers) by a client that has not authenticated, or does so by token only.
    pub header_bytes: u32,
    /// The same by a client that showed its certificate with the handshake, as the API server does: the commands of exec are in
    /// the request line. No more than 64 KiB of it can be one URL.
    pub authenticated_header_bytes: u32,
    /// Headers of an HTTP/1.1 request.
    pub headers: usize,
    /// Time for a TLS handshake.
    pub handshake_timeout: Duration,
    /// Life of a connection without authentication, from the end of its handshake.
    pub unauthenticated_lifetime: Duration,
    /// How long an authenticated connection may carry no request, or take to send the head of one.
    pub idle_timeout: Duration,
    /// Time to find out whose a bearer token is.
    pub authentication_timeout: Duration,
    /// Time for one answer of the authorizer.
    pub authorization_timeout: Duration,
    /// Time for the back end or the pod source to begin an answer.
    pub backend_timeout: Duration,
    /// How long an answer of the provider about the use of its pods is given to everyone who asks.
    pub stats_max_age: Duration,
    /// How often a followed log is read again where the back end can only hand out all of it.
    pub log_poll_interval: Duration,
    /// How often certificate files are looked at.
    pub certificate_poll_interval: Duration,
    /// A client that exec'd or attached has this long to open its streams.
    pub stream_creation_timeout: Duration,
    /// A session in which nothing moves for this long ends.
    pub stream_idle_timeout: Duration,
    /// Connections to ports of pods, of all sessions together; one more is refused.
    pub forwarded_connections: usize,
    /// How long requests may go on after a shutdown has begun; then they are cut.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 16_384,
            unauthenticated_connections: 512,
            requests: 16_384,
            streams_per_connection: 250,
            header_bytes: 32 * 1024,
            authenticated_header_bytes: 128 * 1024,
            headers: 100,
            handshake_timeout: Duration::from_secs(10),
            unauthenticated_lifetime: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(90),
            authentication_timeout: Duration::from_secs(8),
            authorization_timeout: Duration::from_secs(10),
            backend_timeout: Duration::from_secs(30),
            stats_max_age: Duration::from_secs(5),
            log_poll_interval: Duration::from_secs(2),
            certificate_poll_interval: Duration::from_secs(10),
            stream_creation_timeout: Duration::from_secs(30),
            stream_idle_timeout: Duration::from_secs(4 * 60 * 60),
            forwarded_connections: 4096,
            drain_timeout: Duration::from_secs(10),
        }
    }
}
