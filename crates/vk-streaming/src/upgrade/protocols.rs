//! The protocols that can be agreed on, and their names.

use crate::web_socket::Encoding;

/// The versions of the remote command protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// The first one.
    V1,
    /// Half-closed streams.
    V2,
    /// Terminal sizes.
    V3,
    /// Exit codes, as a `v1.Status`.
    V4,
    /// The end of stdin over WebSocket (KEP-4006).
    V5,
}

/// What client and server of a remote command have agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Streams of a SPDY/3.1 connection.
    Spdy(Version),
    /// Channels in the messages of a WebSocket.
    WebSocket(Version, Encoding),
}

/// What client and server of a port-forward have agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortForwardProtocol {
    /// Streams of a SPDY/3.1 connection.
    Spdy,
    /// The same in the binary messages of a WebSocket (KEP-4006).
    Tunnel,
    /// Channels in the messages of a WebSocket; the ports are named in the request's query.
    Channels(Encoding),
}

/// The protocols of one use by name, the preferred ones first.
pub(super) struct Names<P: 'static> {
    pub(super) over_spdy: &'static [(&'static str, P)],
    pub(super) over_web_socket: &'static [(&'static str, P)],
    /// What clients speak that name none: those from before there were names.
    pub(super) nameless_over_spdy: P,
    pub(super) nameless_over_web_socket: P,
}

pub(super) const REMOTE_COMMAND: Names<Protocol> = Names {
    over_spdy: &[
        ("v5.channel.k8s.io", Protocol::Spdy(Version::V5)),
        ("v4.channel.k8s.io", Protocol::Spdy(Version::V4)),
        ("v3.channel.k8s.io", Protocol::Spdy(Version::V3)),
        ("v2.channel.k8s.io", Protocol::Spdy(Version::V2)),
        ("channel.k8s.io", Protocol::Spdy(Version::V1)),
    ],
    over_web_socket: &[
        ("v5.channel.k8s.io", Protocol::WebSocket(Version::V5, Encoding::Binary)),
        ("v4.channel.k8s.io", Protocol::WebSocket(Version::V4, Encoding::Binary)),
        ("v4.base64.channel.k8s.io", Protocol::WebSocket(Version::V4, Encoding::Base64)),
        ("channel.k8s.io", Protocol::WebSocket(Version::V1, Encoding::Binary)),
        ("base64.channel.k8s.io", Protocol::WebSocket(Version::V1, Encoding::Base64)),
    ],
    nameless_over_spdy: Protocol::Spdy(Version::V1),
    nameless_over_web_socket: Protocol::WebSocket(Version::V1, Encoding::Binary),
};

pub(super) const PORT_FORWARD: Names<PortForwardProtocol> = Names {
    over_spdy: &[("portforward.k8s.io", PortForwardProtocol::Spdy)],
    over_web_socket: &[
        ("SPDY/3.1+portforward.k8s.io", PortForwardProtocol::Tunnel),
        ("v4.channel.k8s.io", PortForwardProtocol::Channels(Encoding::Binary)),
        ("v4.base64.channel.k8s.io", PortForwardProtocol::Channels(Encoding::Base64)),
    ],
    nameless_over_spdy: PortForwardProtocol::Spdy,
    nameless_over_web_socket: PortForwardProtocol::Channels(Encoding::Binary),
};
