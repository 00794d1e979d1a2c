//! The node's own address, where nobody gave one, and whether its name leads to one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tokio::net::{UdpSocket, lookup_host};

/// How long a name may take to be resolved.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(2);

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

/// Whether the node's name leads to one of its addresses. A name that leads nowhere, or elsewhere, must not be published: the
/// API server prefers it over all addresses.
pub(crate) async fn is_name_of(name: &str, addresses: &[IpAddr]) -> bool {
    match tokio::time::timeout(RESOLVE_TIMEOUT, lookup_host((name, 0))).await {
        Ok(Ok(mut found)) => found.any(|found| addresses.contains(&found.ip())),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn loopback_is_no_address_of_a_node() {
        assert_eq!(towards("127.0.0.1", 6443).await, None);
        assert_eq!(towards("[::1]", 6443).await, None);
    }

    #[tokio::test]
    async fn a_name_counts_only_if_it_leads_to_the_node() {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert!(is_name_of("localhost", &[loopback]).await);
        assert!(!is_name_of("localhost", &[IpAddr::from([192, 0, 2, 1])]).await);
    }
}
