//! Addresses of mock pods.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// 198.18.0.0/15 is set aside for benchmarks (RFC 2544): nobody routes it, and Kubernetes takes it as a pod's address.
const FIRST: u32 = u32::from_be_bytes([198, 18, 0, 1]);
const COUNT: u32 = (1 << 17) - 2;

/// Hands out each address once at a time, beginning at a place that depends on the node's name.
#[derive(Debug)]
pub(crate) struct Addresses {
    next: u32,
    taken: BTreeSet<Ipv4Addr>,
}

impl Addresses {
    pub(crate) fn of_node(name: &str) -> Self {
        // FNV-1a: nodes of one cluster begin far from each other, and the same node always at the same place.
        let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        Self { next: hash % COUNT, taken: BTreeSet::new() }
    }

    /// A free address; `None` if all are taken.
    pub(crate) fn take(&mut self) -> Option<Ipv4Addr> {
        for _ in 0..COUNT {
            let address = Ipv4Addr::from(FIRST + self.next);
            self.next = (self.next + 1) % COUNT;
            if self.taken.insert(address) {
                return Some(address);
            }
        }
        None
    }

    /// Marks an address that a pod from an earlier run has.
    pub(crate) fn keep(&mut self, address: Ipv4Addr) {
        self.taken.insert(address);
    }

    pub(crate) fn release(&mut self, address: Ipv4Addr) {
        self.taken.remove(&address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_differ_and_stay_in_the_range() {
        let mut addresses = Addresses::of_node("vk");
        let first = addresses.take().unwrap();
        addresses.keep(Ipv4Addr::from(u32::from(first) + 1));
        let second = addresses.take().unwrap();
        assert_eq!(u32::from(second), u32::from(first) + 2);
        assert_eq!(first.octets()[..1], [198]);
        assert!([18, 19].contains(&first.octets()[1]));
    }

    #[test]
    fn a_full_range_is_no_endless_loop() {
        let mut addresses = Addresses::of_node("vk");
        let taken = std::iter::from_fn(|| addresses.take()).count();
        assert_eq!(taken, COUNT as usize);
        addresses.release(Ipv4Addr::new(198, 19, 0, 7));
        assert_eq!(addresses.take(), Some(Ipv4Addr::new(198, 19, 0, 7)));
    }
}
