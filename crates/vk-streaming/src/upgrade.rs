//! From an HTTP request to an agreed protocol.

mod protocols;

use http::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY};
use http::header::{SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{Method, Response, StatusCode};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use protocols::{Names, PORT_FORWARD, REMOTE_COMMAND};
pub use protocols::{PortForwardProtocol, Protocol, Version};

const STREAM_PROTOCOL: HeaderName = HeaderName::from_static("x-stream-protocol-version");
const ACCEPTED_STREAM_PROTOCOLS: HeaderName = HeaderName::from_static("x-accepted-stream-protocol-versions");
const SPDY: &str = "SPDY/3.1";

/// An upgrade that both sides want.
#[derive(Debug, Clone)]
pub struct Upgrade<P> {
    protocol: P,
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

impl Upgrade<Protocol> {
    /// Agrees with the client of a remote command on transport and version: the first of its own that is known here.
    ///
    /// # Errors
    /// [`UpgradeError`], with the status to answer with.
    pub fn remote_command(method: &Method, headers: &HeaderMap) -> Result<Self, UpgradeError> {
        negotiate(method, headers, &REMOTE_COMMAND)
    }
}

impl Upgrade<PortForwardProtocol> {
    /// The same with the client of a port-forward.
    ///
    /// # Errors
    /// [`UpgradeError`], with the status to answer with.
    pub fn port_forward(method: &Method, headers: &HeaderMap) -> Result<Self, UpgradeError> {
        negotiate(method, headers, &PORT_FORWARD)
    }
}

impl<P: Copy> Upgrade<P> {
    /// What was agreed on.
    pub fn protocol(&self) -> P {
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

fn negotiate<P: Copy>(method: &Method, headers: &HeaderMap, names: &Names<P>) -> Result<Upgrade<P>, UpgradeError> {
    if !has_token(headers, &CONNECTION, "upgrade") {
        return Err(UpgradeError::NotWanted);
    }
    if has_token(headers, &UPGRADE, "websocket") {
        web_socket(method, headers, names)
    } else if has_token(headers, &UPGRADE, SPDY) {
        spdy(headers, names)
    } else {
        Err(UpgradeError::NotWanted)
    }
}

fn spdy<P: Copy>(headers: &HeaderMap, names: &Names<P>) -> Result<Upgrade<P>, UpgradeError> {
    let agreed = first_known(list(headers, &STREAM_PROTOCOL), names.over_spdy)?;
    let mut headers = upgraded_to(HeaderValue::from_static(SPDY));
    let protocol = match agreed {
        Some((name, protocol)) => {
            headers.insert(STREAM_PROTOCOL, HeaderValue::from_static(name));
            protocol
        }
        None => names.nameless_over_spdy,
    };
    Ok(Upgrade { protocol, headers })
}

fn web_socket<P: Copy>(method: &Method, headers: &HeaderMap, names: &Names<P>) -> Result<Upgrade<P>, UpgradeError> {
    if method != Method::GET {
        return Err(UpgradeError::Handshake("a WebSocket is asked for with GET"));
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(UpgradeError::Handshake("Sec-WebSocket-Version has to be 13"));
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).ok_or(UpgradeError::Handshake("Sec-WebSocket-Key is missing"))?;
    let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes()))
        .map_err(|_| UpgradeError::Handshake("Sec-WebSocket-Key cannot be used"))?;
    let agreed = first_known(list(headers, &SEC_WEBSOCKET_PROTOCOL), names.over_web_socket)?;
    let mut headers = upgraded_to(HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    let protocol = match agreed {
        Some((name, protocol)) => {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(name));
            protocol
        }
        None => names.nameless_over_web_socket,
    };
    Ok(Upgrade { protocol, headers })
}

/// The first of the offered protocols that is known; `None` if none was offered.
fn first_known<P: Copy>(
    offered: Vec<String>,
    known: &'static [(&'static str, P)],
) -> Result<Option<(&'static str, P)>, UpgradeError> {
    let agreed = offered.iter().find_map(|name| known.iter().find(|(known, _)| known == name)).copied();
    if agreed.is_none() && !offered.is_empty() {
        let server = known.iter().map(|(name, _)| *name).collect();
        return Err(UpgradeError::NoCommonProtocol { client: offered, server });
    }
    Ok(agreed)
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
    use crate::web_socket::Encoding;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        pairs.collect()
    }

    fn agreed(pairs: &[(&'static str, &'static str)]) -> Result<Protocol, UpgradeError> {
        Upgrade::remote_command(&Method::GET, &headers(pairs)).map(|upgrade| upgrade.protocol())
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

    #[test]
    fn port_forward_has_names_of_its_own() {
        type Pairs<'a> = &'a [(&'static str, &'static str)];
        fn offer(upgrade: Pairs<'_>, offered: Pairs<'_>) -> Result<PortForwardProtocol, UpgradeError> {
            Upgrade::port_forward(&Method::GET, &headers(&[upgrade, offered].concat()))
                .map(|upgrade| upgrade.protocol())
        }
        let over_web_socket = |name| offer(&TO_WEB_SOCKET, &[("sec-websocket-protocol", name)]);
        assert_eq!(over_web_socket("SPDY/3.1+portforward.k8s.io"), Ok(PortForwardProtocol::Tunnel));
        let channels = PortForwardProtocol::Channels;
        assert_eq!(over_web_socket("v4.channel.k8s.io"), Ok(channels(Encoding::Binary)));
        assert_eq!(over_web_socket("v4.base64.channel.k8s.io"), Ok(channels(Encoding::Base64)));
        assert_eq!(offer(&TO_WEB_SOCKET, &[]), Ok(channels(Encoding::Binary)));
        assert!(over_web_socket("v5.channel.k8s.io").is_err());
        assert_eq!(
            offer(&TO_SPDY, &[("x-stream-protocol-version", "portforward.k8s.io")]),
            Ok(PortForwardProtocol::Spdy)
        );
        assert_eq!(offer(&TO_SPDY, &[]), Ok(PortForwardProtocol::Spdy));
        let refused = offer(&TO_SPDY, &[("x-stream-protocol-version", "v4.channel.k8s.io")]).unwrap_err();
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
        assert!(refused.to_string().contains("portforward.k8s.io"), "{refused}");
    }

    /// The example of RFC 6455, section 1.3.
    #[test]
    fn the_answer_proves_that_the_key_was_read() {
        let offer = [&TO_WEB_SOCKET[..], &[("sec-websocket-protocol", "v4.channel.k8s.io")]].concat();
        let upgrade = Upgrade::remote_command(&Method::GET, &headers(&offer)).unwrap();
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
        let posted = Upgrade::remote_command(&Method::POST, &headers(&TO_WEB_SOCKET)).unwrap_err();
        assert_eq!(posted.status(), StatusCode::BAD_REQUEST);
    }
}
