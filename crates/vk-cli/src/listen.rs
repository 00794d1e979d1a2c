//! Addresses to listen on, as Go writes them: `:10255`, `127.0.0.1:10255`, `[::1]:10255`, `localhost:10255`.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use tokio::net::TcpListener;

/// Host and port to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenAddress {
    /// `None` means all addresses of the machine, of both families.
    pub host: Option<IpAddr>,
    /// 0 takes a free port.
    pub port: u16,
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || {
            format!(
                "{text:?} is not an address to listen on: write it as in \":10255\", \"127.0.0.1:10255\" or \"[::1]:10255\""
            )
        };
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self { host: Some(address.ip()), port: address.port() });
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(invalid)?;
        let host = match host {
            "" => None,
            "localhost" => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            _ => return Err(invalid()),
        };
        Ok(Self { host, port: port.parse().map_err(|_| invalid())? })
    }
}

impl ListenAddress {
    /// The address for a socket; all addresses are written as IPv6's, which takes IPv4 as well.
    pub fn socket_address(self) -> SocketAddr {
        SocketAddr::new(self.host.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)), self.port)
    }

    /// Listens; on a machine without IPv6, all addresses are those of IPv4.
    ///
    /// # Errors
    /// What the operating system says, as for a port in use.
    pub(crate) async fn bind(self) -> io::Result<TcpListener> {
        match TcpListener::bind(self.socket_address()).await {
            Err(error) if self.host.is_none() && error.kind() != io::ErrorKind::AddrInUse => {
                TcpListener::bind((Ipv4Addr::UNSPECIFIED, self.port)).await
            }
            bound => bound,
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            None => write!(f, ":{}", self.port),
            Some(host) => SocketAddr::new(host, self.port).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written_as_go_does() {
        for text in [":10255", "127.0.0.1:80", "[::1]:0"] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
        assert_eq!("localhost:1".parse::<ListenAddress>().unwrap().to_string(), "127.0.0.1:1");
        for text in ["", "10255", "127.0.0.1", "example.com:80", ":70000", "::1:80x"] {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn a_port_in_use_is_an_error_for_all_addresses_too() {
        let first = ListenAddress { host: None, port: 0 }.bind().await.unwrap();
        let port = first.local_addr().unwrap().port();
        let error = ListenAddress { host: None, port }.bind().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
