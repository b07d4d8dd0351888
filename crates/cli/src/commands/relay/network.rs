//! Networks of trusted hosts.

use std::{net::IpAddr, str::FromStr};

/// `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// An IPv4 address is itself, however a socket shows it.
    pub(crate) fn contains(&self, host: IpAddr) -> bool {
        match (self.address, host.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(host)) => {
                same(network.to_bits().into(), host.to_bits().into(), 32, self.bits)
            }
            (IpAddr::V6(network), IpAddr::V6(host)) => same(network.to_bits(), host.to_bits(), 128, self.bits),
            _ => false,
        }
    }
}

/// Whether two addresses of `width` bits begin with the same `bits`.
fn same(one: u128, other: u128, width: u8, bits: u8) -> bool {
    // A shift by the whole width is no shift at all: nothing is left to differ.
    (one ^ other).checked_shr(u32::from(width - bits)).unwrap_or(0) == 0
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "write a network or an address, for example 10.0.0.0/8";
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| RULE)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(width), str::parse).map_err(|_| RULE)?;
        if bits > width { Err(RULE) } else { Ok(Self { address, bits }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, host: &str) -> bool {
        network.parse::<Network>().unwrap().contains(host.parse().unwrap())
    }

    #[test]
    fn a_network_holds_the_hosts_that_begin_like_it() {
        assert!(contains("10.0.0.0/8", "10.255.1.2") && !contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("192.168.4.0/22", "192.168.7.255") && !contains("192.168.4.0/22", "192.168.8.0"));
        assert!(contains("10.1.2.3", "10.1.2.3") && !contains("10.1.2.3", "10.1.2.4"));
        assert!(contains("0.0.0.0/0", "8.8.8.8") && !contains("0.0.0.0/0", "::1"));
        assert!(contains("fd00::/8", "fd12::1") && !contains("fd00::/8", "fe80::1"));
        assert!(contains("::/0", "fe80::1"));
        assert!(contains("10.0.0.0/8", "::ffff:10.1.1.1"));
    }

    #[test]
    fn anything_else_is_no_network() {
        for odd in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "10.0.0.0/-1", "host", "10.0.0.0/8/8"] {
            assert!(odd.parse::<Network>().is_err(), "{odd}");
        }
    }
}
