//! The network interface of an engine's default network.

use std::net::Ipv4Addr;
use std::process::{self, Command};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};

/// Test engines take their networks, of 254 addresses each, from 10.213.0.0/16.
const NETWORKS: [u8; 2] = [10, 213];

/// A bridge with this machine's address on it.
#[derive(Debug, Clone)]
pub(super) struct Bridge {
    pub(super) name: String,
    pub(super) address: Ipv4Addr,
}

impl Bridge {
    /// Chooses a name and a network that no interface has.
    pub(super) fn choose() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("vk{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let taken = run_ip(&["-4", "-oneline", "address", "show"])?;
        let address = free_address(&taken, process::id())
            .with_context(|| format!("every network of {}.{}.0.0/16 is taken", NETWORKS[0], NETWORKS[1]))?;
        Ok(Self { name, address })
    }

    /// Makes the interface.
    pub(super) fn create(&self) -> Result<()> {
        let network = format!("{}/24", self.address);
        run_ip(&["link", "add", "name", &self.name, "type", "bridge"])?;
        run_ip(&["address", "add", &network, "dev", &self.name])?;
        run_ip(&["link", "set", "dev", &self.name, "up"])?;
        Ok(())
    }
}

/// The first address of a network that none of the `taken` addresses belongs to, starting somewhere by `seed`.
fn free_address(taken: &str, seed: u32) -> Option<Ipv4Addr> {
    let [a, b] = NETWORKS;
    let start = seed.to_le_bytes()[0];
    (0..=u8::MAX)
        .map(|offset| start.wrapping_add(offset))
        .find(|third| !taken.contains(&format!(" {a}.{b}.{third}.")))
        .map(|third| Ipv4Addr::new(a, b, third, 1))
}

fn run_ip(arguments: &[&str]) -> Result<String> {
    let output = Command::new("ip").args(arguments).output().context("cannot start ip")?;
    if !output.status.success() {
        bail!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_network_is_passed_over() {
        let taken = "4: x    inet 10.213.7.1/24 scope global x\n5: y    inet 10.213.8.9/24 scope global y\n";
        assert_eq!(free_address(taken, 7), Some(Ipv4Addr::new(10, 213, 9, 1)));
        assert_eq!(free_address("", 255), Some(Ipv4Addr::new(10, 213, 255, 1)));
        assert_eq!(free_address("inet 10.213.255.1/24", 255), Some(Ipv4Addr::new(10, 213, 0, 1)));
        let all: String = (0..=255).map(|third| format!(" 10.213.{third}.1/24")).collect();
        assert_eq!(free_address(&all, 3), None);
    }
}
