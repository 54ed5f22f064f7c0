//! Which addresses belong to everybody: all others lead into somebody's house, and have to be listed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks of IPv4 that are not public, with the lengths of their prefixes: the special-purpose registry of IANA
/// (RFC 6890 and its updates), multicast and what is reserved.
const SPECIAL_V4: [([u8; 4], u8); 15] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    // Link-local, and in it the metadata of clouds at 169.254.169.254.
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// What is public in IPv6 lies in this network.
const GLOBAL_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Networks in it that are not: protocols of the IETF with Teredo, documentation, 6to4, documentation again. Addresses
/// that carry one of IPv4 in them lie here or outside of the global network; NAT64 (64:ff9b::/96) does.
const SPECIAL_V6: [(Ipv6Addr, u8); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Whether an address is one of the open internet.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !SPECIAL_V4
            .into_iter()
            .any(|(base, length)| holds((Ipv4Addr::from(base).into(), length), address.into())),
        IpAddr::V6(address) => {
            let within = |(base, length): (Ipv6Addr, u8)| holds((base.into(), length), address.into());
            within(GLOBAL_V6) && !SPECIAL_V6.into_iter().any(within)
        }
    }
}

/// Whether a network, given by an address and the length of its prefix, holds an address. One of the other family it
/// never holds.
pub(crate) fn holds((base, length): (IpAddr, u8), address: IpAddr) -> bool {
    let (base, address, bits) = match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => (base.to_bits().into(), address.to_bits().into(), 32),
        (IpAddr::V6(base), IpAddr::V6(address)) => (base.to_bits(), address.to_bits(), 128),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
    };
    let differing: u128 = base ^ address;
    differing.checked_shr(bits - u32::from(length)).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_public_is_public() {
        for address in ["1.1.1.1", "8.8.8.8", "100.63.255.255", "172.32.0.1", "2606:4700::1111", "2a00::1"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.8.9.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.168.1.1",
            "198.19.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2001::1",
            "2001:db8::1",
            "2002:0a00:0001::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn a_network_holds_what_begins_like_it() {
        let check = |base: &str, length, address: &str| {
            holds((base.parse().unwrap(), length), address.parse().unwrap())
        };
        assert!(check("10.0.0.0", 8, "10.255.0.1") && !check("10.0.0.0", 8, "11.0.0.1"));
        assert!(check("10.0.0.1", 32, "10.0.0.1") && !check("10.0.0.1", 32, "10.0.0.2"));
        assert!(check("0.0.0.0", 0, "9.9.9.9") && !check("0.0.0.0", 0, "::1"));
        assert!(check("fd00::", 8, "fd12::1") && !check("fd00::", 8, "fe80::1"));
        assert!(check("::", 0, "fe80::1"));
    }
}
