//! Socket addresses as the bytes that the kernel reads.

use crate::report::Args;
use std::net::IpAddr;

pub struct Address {
    pub family: i32,
    pub bytes: Vec<u8>,
}

impl Address {
    /// `host` an IPv4 or IPv6 address.
    pub fn inet(host: &str, port: u16) -> Option<Address> {
        let (family, bytes) = match host.parse().ok()? {
            IpAddr::V4(v4) => {
                let mut bytes = (libc::AF_INET as u16).to_ne_bytes().to_vec();
                bytes.extend(port.to_be_bytes());
                bytes.extend(v4.octets());
                bytes.extend([0; 8]);
                (libc::AF_INET, bytes)
            }
            IpAddr::V6(v6) => {
                let mut bytes = (libc::AF_INET6 as u16).to_ne_bytes().to_vec();
                bytes.extend(port.to_be_bytes());
                bytes.extend([0; 4]);
                bytes.extend(v6.octets());
                bytes.extend([0; 4]);
                (libc::AF_INET6, bytes)
            }
        };
        Some(Address { family, bytes })
    }

    /// A path, or `@name` for an abstract one. The full 108 bytes may be used, without a NUL at the end.
    pub fn unix(path: &str) -> Address {
        let mut bytes = (libc::AF_UNIX as u16).to_ne_bytes().to_vec();
        match path.strip_prefix('@') {
            Some(name) => {
                bytes.push(0);
                bytes.extend(name.as_bytes());
            }
            None => {
                bytes.extend(path.as_bytes());
                if path.len() < 108 {
                    bytes.push(0);
                }
            }
        }
        Address {
            family: libc::AF_UNIX,
            bytes,
        }
    }

    pub fn of(args: &Args) -> Option<Address> {
        Address::inet(args.get("host"), args.number("port") as u16)
    }

    pub fn pointer(&self) -> *const u8 {
        self.bytes.as_ptr()
    }

    pub fn length(&self) -> usize {
        self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abstract_name_begins_with_a_zero_and_has_no_end() {
        assert_eq!(&Address::unix("@ab").bytes[2..], b"\0ab");
        assert_eq!(&Address::unix("/a").bytes[2..], b"/a\0");
    }

    #[test]
    fn an_ipv4_address_is_sixteen_bytes_in_network_order() {
        let address = Address::inet("127.0.0.1", 258).map(|address| address.bytes);
        assert_eq!(
            address.as_deref().map(|bytes| &bytes[2..8]),
            Some(&[1u8, 2, 127, 0, 0, 1][..])
        );
        assert_eq!(address.map(|bytes| bytes.len()), Some(16));
    }
}
