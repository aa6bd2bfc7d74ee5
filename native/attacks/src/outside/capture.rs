//! What passes on `lo`, counted by where it goes: packets, bytes of payload, and the suite's tokens and names in them.

use crate::network::ETH_P_ALL;
use crate::report::quote;
use crate::sys;
use crate::sys::{Errno, Res};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

/// What the suite marks its bytes with; a token goes on with lower-case letters, digits and `-`.
const TOKEN: &[u8] = b"gbx-";

/// Where the kernel takes the ports of those who connect from (ip_local_port_range); the suite's servers are below.
const FIRST_OWN_PORT: u16 = 32768;

/// Larger than any packet of an interface with an MTU of 65536.
const MAX_PACKET: usize = 128 << 10;

pub struct Capture {
    fd: i32,
    seen: BTreeMap<(u8, String, u16), Seen>,
    buffer: Vec<u8>,
}

#[derive(Default)]
struct Seen {
    packets: u64,
    bytes: u64,
    tokens: BTreeSet<String>,
    names: BTreeSet<String>,
}

impl Capture {
    pub fn open() -> Res<Capture> {
        let every = i32::from(ETH_P_ALL.to_be());
        let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        let fd = sys!(libc::SYS_socket, libc::AF_PACKET, kind, every)? as i32;
        let room = 64i32 << 20;
        for option in [libc::SO_RCVBUF, libc::SO_RCVBUFFORCE] {
            // The second needs a right over all of the machine: then the first is what there is, and losses are told.
            let _ = sys!(
                libc::SYS_setsockopt,
                fd,
                libc::SOL_SOCKET,
                option,
                &room as *const i32,
                4
            );
        }
        Ok(Capture {
            fd,
            seen: BTreeMap::new(),
            buffer: vec![0; MAX_PACKET],
        })
    }

    /// One JSON line about all that came since the last.
    pub fn since(&mut self) -> Res<String> {
        self.drain()?;
        let flows: Vec<String> = std::mem::take(&mut self.seen)
            .into_iter()
            .map(|((protocol, to, port), seen)| {
                format!(
                    "{{\"protocol\":{protocol},\"to\":{},\"port\":{port},\"packets\":{},\"bytes\":{},\"tokens\":{},\"names\":{}}}",
                    quote(&to),
                    seen.packets,
                    seen.bytes,
                    list(&seen.tokens),
                    list(&seen.names)
                )
            })
            .collect();
        Ok(format!(
            "{{\"lost\":{},\"flows\":[{}]}}",
            self.lost()?,
            flows.join(",")
        ))
    }

    pub fn drain(&mut self) -> Res<()> {
        loop {
            let mut from = [0u8; 20];
            let mut length = 20u32;
            let got = sys!(
                libc::SYS_recvfrom,
                self.fd,
                self.buffer.as_mut_ptr(),
                self.buffer.len(),
                0,
                from.as_mut_ptr(),
                &mut length as *mut u32
            );
            match got {
                Ok(count) => {
                    // sockaddr_ll: the type of packet is byte 10. On lo each is seen twice: as it goes, and as it comes.
                    if from[10] != libc::PACKET_OUTGOING {
                        let packet = self.buffer[..count as usize].to_vec();
                        self.note(&packet);
                    }
                }
                Err(Errno(libc::EAGAIN)) => return Ok(()),
                Err(Errno(libc::EINTR)) => {}
                Err(errno) => return Err(errno),
            }
        }
    }

    pub fn descriptor(&self) -> i32 {
        self.fd
    }

    fn lost(&self) -> Res<u32> {
        let mut counts = [0u32; 2];
        let mut length = 8u32;
        sys!(
            libc::SYS_getsockopt,
            self.fd,
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            counts.as_mut_ptr(),
            &mut length as *mut u32
        )?;
        Ok(counts[1])
    }

    fn note(&mut self, packet: &[u8]) {
        let Some((protocol, to, rest)) = internet(packet) else {
            return;
        };
        let word = |at: usize| Some(u16::from_be_bytes(rest.get(at..at + 2)?.try_into().ok()?));
        let (ports, payload) = match i32::from(protocol) {
            libc::IPPROTO_TCP => {
                let head = rest
                    .get(12)
                    .map_or(0, |offset| usize::from(offset >> 4) * 4);
                (word(0).zip(word(2)), rest.get(head..))
            }
            libc::IPPROTO_UDP => (word(0).zip(word(2)), rest.get(8..)),
            _ => (Some((0, 0)), Some(rest)),
        };
        let (Some((from_port, port)), Some(payload)) = (ports, payload) else {
            return;
        };
        // "Unreachable" (RFC 792, RFC 4443): the host's own answer to a datagram for a port without a listener.
        let unreachable = match i32::from(protocol) {
            libc::IPPROTO_ICMP => payload.first() == Some(&3),
            libc::IPPROTO_ICMPV6 => payload.first() == Some(&1),
            _ => false,
        };
        if unreachable {
            return;
        }
        // An answer of the suite's servers.
        if from_port < FIRST_OWN_PORT && port >= FIRST_OWN_PORT {
            return;
        }
        let seen = self.seen.entry((protocol, to, port)).or_default();
        seen.packets += 1;
        seen.bytes += payload.len() as u64;
        seen.tokens.extend(tokens_in(payload));
        if port == 53 && i32::from(protocol) == libc::IPPROTO_UDP {
            seen.names.insert(name_in(payload));
        }
    }
}

/// Protocol, destination and what comes behind the addresses; extension headers count as protocols of their own.
fn internet(packet: &[u8]) -> Option<(u8, String, &[u8])> {
    match packet.first()? >> 4 {
        4 => {
            let head = usize::from(packet[0] & 15) * 4;
            let whole = usize::from(u16::from_be_bytes(packet.get(2..4)?.try_into().ok()?));
            // Zero for those that are put together from several (GSO).
            let end = if whole == 0 {
                packet.len()
            } else {
                whole.min(packet.len())
            };
            let to: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
            let rest = packet.get(head..end)?;
            Some((*packet.get(9)?, Ipv4Addr::from(to).to_string(), rest))
        }
        6 => {
            let to: [u8; 16] = packet.get(24..40)?.try_into().ok()?;
            let rest = packet.get(40..)?;
            Some((*packet.get(6)?, Ipv6Addr::from(to).to_string(), rest))
        }
        _ => None,
    }
}

fn tokens_in(payload: &[u8]) -> Vec<String> {
    let is_word = |byte: &&u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || **byte == b'-';
    payload
        .windows(TOKEN.len())
        .enumerate()
        .filter(|(_, window)| *window == TOKEN)
        .map(|(at, _)| payload[at..].iter().take_while(is_word).take(63))
        .map(|bytes| bytes.map(|byte| char::from(*byte)).collect())
        .collect()
}

/// Of a question to a resolver (RFC 1035, 4.1.2); what is none is told as that.
fn name_in(payload: &[u8]) -> String {
    let mut labels = Vec::new();
    let mut at = 12;
    while let Some(length) = payload.get(at).map(|length| usize::from(*length)) {
        if length == 0 {
            return labels.join(".").to_lowercase();
        }
        let Some(label) = payload.get(at + 1..at + 1 + length) else {
            break;
        };
        labels.push(String::from_utf8_lossy(label).into_owned());
        at += 1 + length;
    }
    "no question".into()
}

fn list(words: &BTreeSet<String>) -> String {
    let quoted: Vec<String> = words.iter().map(|word| quote(word)).collect();
    format!("[{}]", quoted.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_found_wherever_they_are() {
        let found = tokens_in(b"x gbx-one-1/gbx-two\0gbx-");
        assert_eq!(found, ["gbx-one-1", "gbx-two", "gbx-"]);
    }

    #[test]
    fn the_name_of_a_question_is_read() {
        let mut question = vec![0u8; 12];
        question.extend(b"\x03API\x04test\0\0\x01\0\x01");
        assert_eq!(name_in(&question), "api.test");
        assert_eq!(name_in(&question[..14]), "no question");
    }

    #[test]
    fn a_datagram_goes_where_its_header_says() {
        let mut packet = vec![
            0x45, 0, 0, 29, 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 10, 1, 2, 3,
        ];
        packet.extend([0x9c, 0x40, 0, 80, 0, 9, 0, 0, b'!', b'p']);
        let (protocol, to, rest) = internet(&packet).expect("a packet");
        assert_eq!((protocol, to.as_str(), rest.len()), (17, "10.1.2.3", 9));
    }
}
