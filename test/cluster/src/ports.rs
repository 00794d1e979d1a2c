//! Free TCP ports.

use std::fs;
use std::net::{IpAddr, TcpListener};
use std::ops::Range;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, bail};

/// Below it ports are well known, or taken by what people commonly run.
const LOWEST: u16 = 20_000;

/// Ports on `address` that nothing listens on; none is handed out twice by this process until all were.
///
/// They lie below the range from which the kernel takes the local ports of outgoing connections: a server that is stopped for
/// a while finds its port free again.
pub(crate) fn free_ports<const N: usize>(address: IpAddr) -> Result<[u16; N]> {
    static HANDED_OUT: AtomicU32 = AtomicU32::new(0);
    let range = LOWEST..first_ephemeral_port().max(LOWEST + 1);
    // Processes that look for ports at the same time start from different places.
    let start = process::id().wrapping_mul(31);
    let mut found = Vec::new();
    for _ in range.clone() {
        if found.len() == N {
            break;
        }
        let port = nth_port(&range, start.wrapping_add(HANDED_OUT.fetch_add(1, Ordering::Relaxed)));
        if TcpListener::bind((address, port)).is_ok() {
            found.push(port);
        }
    }
    match found.try_into() {
        Ok(ports) => Ok(ports),
        Err(_) => bail!("fewer than {N} free TCP ports on {address} in {range:?}"),
    }
}

/// The n-th port of the range, beginning again at its end.
fn nth_port(range: &Range<u16>, n: u32) -> u16 {
    let offset = n % u32::from(range.end - range.start);
    range.start + u16::try_from(offset).unwrap_or_default()
}

/// The lower bound of `net.ipv4.ip_local_port_range`, or Linux's default for it.
fn first_ephemeral_port() -> u16 {
    fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok())
        .unwrap_or(32_768)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn ports_are_free_and_handed_out_once() {
        let address = IpAddr::from(Ipv4Addr::LOCALHOST);
        let mut ports: Vec<u16> = (0..20).flat_map(|_| free_ports::<3>(address).unwrap()).collect();
        let listeners: Vec<_> = ports.iter().map(|port| TcpListener::bind((address, *port)).unwrap()).collect();
        assert_eq!(listeners.len(), 60);
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 60);
    }

    #[test]
    fn the_range_begins_again_at_its_end() {
        assert_eq!([0, 1, 2, 3, 4].map(|n| nth_port(&(5..8), n)), [5, 6, 7, 5, 6]);
    }
}
