//! From an HTTP request to an agreed protocol.

use http::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY};
use http::header::{SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{Method, Response, StatusCode};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::web_socket::Encoding;

const STREAM_PROTOCOL: HeaderName = HeaderName::from_static("x-stream-protocol-version");
const ACCEPTED_STREAM_PROTOCOLS: HeaderName = HeaderName::from_static("x-accepted-stream-protocol-versions");
const SPDY: &str = "SPDY/3.1";

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

/// What client and server have agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Streams of a SPDY/3.1 connection.
    Spdy(Version),
    /// Channels in the messages of a WebSocket.
    WebSocket(Version, Encoding),
}

/// Names over SPDY, the newest first.
const OVER_SPDY: [(&str, Version); 5] = [
    ("v5.channel.k8s.io", Version::V5),
    ("v4.channel.k8s.io", Version::V4),
    ("v3.channel.k8s.io", Version::V3),
    ("v2.channel.k8s.io", Version::V2),
    ("channel.k8s.io", Version::V1),
];

/// Names over WebSocket.
const OVER_WEB_SOCKET: [(&str, Version, Encoding); 5] = [
    ("v5.channel.k8s.io", Version::V5, Encoding::Binary),
    ("v4.channel.k8s.io", Version::V4, Encoding::Binary),
    ("v4.base64.channel.k8s.io", Version::V4, Encoding::Base64),
    ("channel.k8s.io", Version::V1, Encoding::Binary),
    ("base64.channel.k8s.io", Version::V1, Encoding::Base64),
];

/// An upgrade that both sides want.
#[derive(Debug, Clone)]
pub struct Upgrade {
    protocol: Protocol,
    headers: HeaderMap,
}

/// Why a connection is not upgraded. The text is for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpgradeError {
    /// The request wants no upgrade, or one to something else.
    #[error(
        "unable to upgrade: missing or unknown upgrade headers in request: Connection: Upgrade and Upgrade: SPDY/3.1 or websocket are needed"
    )]
    NotWanted,
    /// A WebSocket request that lacks what RFC 6455 demands.
    #[error("unable to upgrade: {0}")]
    Handshake(&'static str),
    /// No version is known to both.
    #[error("unable to upgrade: unable to negotiate protocol: client supports {client:?}, server accepts {server:?}")]
    NoCommonProtocol {
        /// What the client offered.
        client: Vec<String>,
        /// What would have been taken.
        server: Vec<&'static str>,
    },
}

impl UpgradeError {
    /// The status that goes with it.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotWanted | Self::Handshake(_) => StatusCode::BAD_REQUEST,
            Self::NoCommonProtocol { .. } => StatusCode::FORBIDDEN,
        }
    }

    /// Headers that go with it.
    pub fn headers(&self) -> HeaderMap {
        match self {
            Self::NoCommonProtocol { server, .. } => {
                let names = server.iter().map(|name| HeaderValue::from_static(name));
                names.map(|name| (ACCEPTED_STREAM_PROTOCOLS, name)).collect()
            }
            _ => HeaderMap::new(),
        }
    }
}

impl Upgrade {
    /// Agrees with the client of a remote command on transport and version: the first of its own that is known here.
    ///
    /// # Errors
    /// [`UpgradeError`], with the status to answer with.
    pub fn negotiate(method: &Method, headers: &HeaderMap) -> Result<Self, UpgradeError> {
        if !has_token(headers, &CONNECTION, "upgrade") {
            return Err(UpgradeError::NotWanted);
        }
        if has_token(headers, &UPGRADE, "websocket") {
            web_socket(method, headers)
        } else if has_token(headers, &UPGRADE, SPDY) {
            spdy(headers)
        } else {
            Err(UpgradeError::NotWanted)
        }
    }

    /// What was agreed on.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The answer, `101 Switching Protocols`.
    pub fn response<B: Default>(self) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *response.headers_mut() = self.headers;
        response
    }
}

fn spdy(headers: &HeaderMap) -> Result<Upgrade, UpgradeError> {
    let offered = list(headers, &STREAM_PROTOCOL);
    let known = |name: &String| OVER_SPDY.iter().find(|(known, _)| known == name);
    // A client from before there were versions.
    let first = if offered.is_empty() { OVER_SPDY.last() } else { offered.iter().find_map(known) };
    let Some((name, version)) = first else {
        return Err(UpgradeError::NoCommonProtocol {
            client: offered,
            server: OVER_SPDY.map(|(name, _)| name).to_vec(),
        });
    };
    let mut headers = upgraded_to(HeaderValue::from_static(SPDY));
    if !offered.is_empty() {
        headers.insert(STREAM_PROTOCOL, HeaderValue::from_static(name));
    }
    Ok(Upgrade { protocol: Protocol::Spdy(*version), headers })
}

fn web_socket(method: &Method, headers: &HeaderMap) -> Result<Upgrade, UpgradeError> {
    if method != Method::GET {
        return Err(UpgradeError::Handshake("a WebSocket is asked for with GET"));
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(UpgradeError::Handshake("Sec-WebSocket-Version has to be 13"));
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).ok_or(UpgradeError::Handshake("Sec-WebSocket-Key is missing"))?;
    let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes()))
        .map_err(|_| UpgradeError::Handshake("Sec-WebSocket-Key cannot be used"))?;
    let offered = list(headers, &SEC_WEBSOCKET_PROTOCOL);
    let known = |name: &String| OVER_WEB_SOCKET.iter().find(|(known, ..)| known == name);
    let agreed = offered.iter().find_map(known);
    if agreed.is_none() && !offered.is_empty() {
        let server = OVER_WEB_SOCKET.map(|(name, ..)| name).to_vec();
        return Err(UpgradeError::NoCommonProtocol { client: offered, server });
    }
    let mut headers = upgraded_to(HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    let protocol = match agreed {
        Some((name, version, encoding)) => {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(name));
            Protocol::WebSocket(*version, *encoding)
        }
        None => Protocol::WebSocket(Version::V1, Encoding::Binary),
    };
    Ok(Upgrade { protocol, headers })
}

fn upgraded_to(what: HeaderValue) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, what);
    headers
}

/// Every element of a header's comma-separated lists.
fn list(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let elements = values.flat_map(|value| value.split(',')).map(str::trim);
    elements.filter(|element| !element.is_empty()).map(str::to_owned).collect()
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    list(headers, name).iter().any(|element| element.eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        pairs.collect()
    }

    fn agreed(pairs: &[(&'static str, &'static str)]) -> Result<Protocol, UpgradeError> {
        Upgrade::negotiate(&Method::GET, &headers(pairs)).map(|upgrade| upgrade.protocol())
    }

    const TO_SPDY: [(&str, &str); 2] = [("connection", "Upgrade"), ("upgrade", "SPDY/3.1")];
    const TO_WEB_SOCKET: [(&str, &str); 4] = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    #[test]
    fn the_first_version_that_both_know_is_taken() {
        let offer = |versions: &[&'static str]| {
            let offered: Vec<_> = versions.iter().map(|version| ("x-stream-protocol-version", *version)).collect();
            agreed(&[&TO_SPDY[..], &offered].concat())
        };
        assert_eq!(offer(&["v5.channel.k8s.io", "v4.channel.k8s.io"]), Ok(Protocol::Spdy(Version::V5)));
        assert_eq!(offer(&["v9.channel.k8s.io", "v4.channel.k8s.io, channel.k8s.io"]), Ok(Protocol::Spdy(Version::V4)));
        assert_eq!(offer(&[]), Ok(Protocol::Spdy(Version::V1)));
        let refused = offer(&["v9.channel.k8s.io"]).unwrap_err();
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
        assert_eq!(refused.headers().get_all(ACCEPTED_STREAM_PROTOCOLS).iter().count(), 5);
    }

    #[test]
    fn web_sockets_agree_on_encoding_too() {
        let offer = |name| agreed(&[&TO_WEB_SOCKET[..], &[("sec-websocket-protocol", name)]].concat());
        assert_eq!(offer("v5.channel.k8s.io"), Ok(Protocol::WebSocket(Version::V5, Encoding::Binary)));
        assert_eq!(offer("base64.channel.k8s.io"), Ok(Protocol::WebSocket(Version::V1, Encoding::Base64)));
        assert_eq!(agreed(&TO_WEB_SOCKET), Ok(Protocol::WebSocket(Version::V1, Encoding::Binary)));
        assert!(matches!(offer("graphql-ws"), Err(UpgradeError::NoCommonProtocol { .. })));
    }

    /// The example of RFC 6455, section 1.3.
    #[test]
    fn the_answer_proves_that_the_key_was_read() {
        let offer = [&TO_WEB_SOCKET[..], &[("sec-websocket-protocol", "v4.channel.k8s.io")]].concat();
        let upgrade = Upgrade::negotiate(&Method::GET, &headers(&offer)).unwrap();
        let response: Response<()> = upgrade.response();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(response.headers()[SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(response.headers()[SEC_WEBSOCKET_PROTOCOL], "v4.channel.k8s.io");
    }

    #[test]
    fn what_is_no_upgrade_is_refused_with_a_reason() {
        assert_eq!(agreed(&[]), Err(UpgradeError::NotWanted));
        assert_eq!(agreed(&[("connection", "upgrade"), ("upgrade", "h2c")]), Err(UpgradeError::NotWanted));
        assert!(matches!(agreed(&TO_WEB_SOCKET[..2]), Err(UpgradeError::Handshake(_))));
        let posted = Upgrade::negotiate(&Method::POST, &headers(&TO_WEB_SOCKET)).unwrap_err();
        assert_eq!(posted.status(), StatusCode::BAD_REQUEST);
    }
}
