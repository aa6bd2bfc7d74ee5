use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// All addresses with the same first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpRange {
    pub address: IpAddr,
    pub prefix: u8,
}

impl IpRange {
    /// `ADDRESS/PREFIX`; host bits are zero.
    pub fn parse(text: &str) -> Option<IpRange> {
        let (address, prefix) = text.split_once('/')?;
        let range = IpRange {
            address: address.parse().ok()?,
            prefix: prefix.parse().ok()?,
        };
        let is_range = range.prefix <= range.bits()
            && range.prefix.to_string() == prefix
            && range.masked(range.address) == range.address;
        is_range.then_some(range)
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4() && self.masked(address) == self.address
    }

    /// Can be somebody's address, and is not another spelling of a version 4 one.
    pub fn is_unicast(&self) -> bool {
        match self.address {
            IpAddr::V4(address) => !address.is_multicast() && !address.is_broadcast(),
            IpAddr::V6(address) => !address.is_multicast() && address.to_ipv4_mapped().is_none(),
        }
    }

    fn bits(&self) -> u8 {
        match self.address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        }
    }

    fn masked(&self, address: IpAddr) -> IpAddr {
        let host_bits = u32::from(self.bits() - self.prefix);
        match address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(host_bits).unwrap_or(0);
                IpAddr::V4((u32::from(address) & mask).into())
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from(u128::from(address) & mask))
            }
        }
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_an_address_and_a_number_of_bits() {
        for text in [
            "10.0.0.0/8",
            "10.0.0.5/32",
            "0.0.0.0/0",
            "fd00::/8",
            "::/0",
            "2001:db8::1/128",
        ] {
            let range = IpRange::parse(text).map(|range| range.to_string());
            assert_eq!(range.as_deref(), Some(text));
        }
        for text in [
            "10.0.0.5",
            "10.0.0.5/8",
            "10.0.0.0/33",
            "10.0.0.0/08",
            "10.0.0.0/+8",
            "010.0.0.0/8",
            "fd00::1/8",
            "::/129",
            "::1%lo/128",
            "/8",
            "",
            "::/256",
        ] {
            assert_eq!(IpRange::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_a_range_contains_goes_by_its_first_bits() {
        let contains = |range: &str, address: &str| {
            let address = address.parse().expect("an address");
            IpRange::parse(range).expect("a range").contains(address)
        };
        assert!(contains("198.18.0.0/15", "198.19.255.255"));
        assert!(!contains("198.18.0.0/15", "198.20.0.0"));
        assert!(contains("fd67:6c6f:7665::/64", "fd67:6c6f:7665::5"));
        assert!(!contains("fd67:6c6f:7665::/64", "fd67:6c6f:7665:1::"));
        assert!(contains("0.0.0.0/0", "8.8.8.8"));
        assert!(!contains("0.0.0.0/0", "::1"));
        assert!(!contains("::/0", "127.0.0.1"));
    }
}
