//! The node's own address, where nobody gave one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::net::{UdpSocket, lookup_host};

/// The address that packets to this server leave from; `None` if that is no address which others can reach. Nothing is
/// sent: connecting a UDP socket only asks the routing table.
pub(crate) async fn towards(host: &str, port: u16) -> Option<IpAddr> {
    let server = lookup_host((host.trim_matches(['[', ']']), port)).await.ok()?.next()?;
    let any = if server.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let socket = UdpSocket::bind((any, 0)).await.ok()?;
    socket.connect(server).await.ok()?;
    let own = socket.local_addr().ok()?.ip();
    (!own.is_loopback() && !own.is_unspecified()).then_some(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn loopback_is_no_address_of_a_node() {
        assert_eq!(towards("127.0.0.1", 6443).await, None);
        assert_eq!(towards("[::1]", 6443).await, None);
    }
}
