//! The messages of sock_diag(7): netlink headers, a request for each kind of socket, and attributes.

use std::io;

use rustix::io::Errno;

/// One question: the request behind the header, and where in an answer its attributes begin.
pub struct Question {
    request: Vec<u8>,
    answer_size: usize,
    /// The attribute with the `SK_MEMINFO_*` numbers.
    memory: u16,
}

const HEADER: usize = 16;
const BY_FAMILY: u16 = 20; // SOCK_DIAG_BY_FAMILY
const ERROR: u16 = 2; // NLMSG_ERROR
const DONE: u16 = 3; // NLMSG_DONE
const REQUEST_DUMP: u16 = 0x301; // NLM_F_REQUEST | NLM_F_DUMP

impl Question {
    pub fn message(&self) -> Vec<u8> {
        let length = HEADER + self.request.len();
        let mut message = (length as u32).to_ne_bytes().to_vec();
        message.extend(BY_FAMILY.to_ne_bytes());
        message.extend(REQUEST_DUMP.to_ne_bytes());
        message.extend([0; 8]); // sequence, port
        message.extend(&self.request);
        message
    }
}

#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    More,
    Over,
    /// This kernel has nothing that answers for the family.
    Unknown,
}

/// Adds up the answers in one datagram.
pub fn read_answers(mut bytes: &[u8], question: &Question, sum: &mut u64) -> io::Result<Progress> {
    while let (Some(length), Some(kind)) = (word(bytes, 0), half(bytes, 4)) {
        let body = bytes.get(HEADER..length as usize).ok_or(Errno::BADMSG)?;
        match kind {
            DONE => return Ok(Progress::Over),
            ERROR => match word(body, 0).map(|error| error as i32) {
                Some(0) => return Ok(Progress::Over),
                Some(error) if Errno::from_raw_os_error(-error) == Errno::NOENT => {
                    return Ok(Progress::Unknown)
                }
                Some(error) => return Err(io::Error::from_raw_os_error(-error)),
                None => return Err(Errno::BADMSG.into()),
            },
            _ => {
                *sum += held(
                    body.get(question.answer_size..).unwrap_or_default(),
                    question.memory,
                )
            }
        }
        bytes = bytes.get(aligned(length as usize)..).unwrap_or_default();
    }
    Ok(Progress::More)
}

/// Finds the attribute with the memory numbers.
fn held(mut attributes: &[u8], wanted: u16) -> u64 {
    while let (Some(length), Some(kind)) = (half(attributes, 0), half(attributes, 2)) {
        let Some(value) = attributes.get(4..usize::from(length)) else {
            break;
        };
        if kind == wanted {
            // SK_MEMINFO_RMEM_ALLOC, WMEM_ALLOC, WMEM_QUEUED, BACKLOG.
            let [received, sending, queued, backlog] =
                [0, 2, 5, 7].map(|i| u64::from(word(value, 4 * i).unwrap_or(0)));
            return received + sending.max(queued) + backlog;
        }
        attributes = attributes
            .get(aligned(usize::from(length))..)
            .unwrap_or_default();
    }
    0
}

fn aligned(length: usize) -> usize {
    (length + 3) & !3
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// How many sockets there are, from `/proc/net/sockstat` and `sockstat6`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InUse {
    pub all: u64,
    pub tcp: u64,
    pub udp: u64,
    pub tcp6: u64,
    pub udp6: u64,
}

/// Unix and netlink sockets, and TCP and UDP where there are any: all that the filter lets anybody
/// make. Asking for TCP walks a table of the whole machine, which takes 0.2 ms.
pub fn questions(in_use: &InUse) -> Vec<Question> {
    let inet_kinds = [
        (in_use.tcp, libc::AF_INET, libc::IPPROTO_TCP),
        (in_use.udp, libc::AF_INET, libc::IPPROTO_UDP),
        (in_use.tcp6, libc::AF_INET6, libc::IPPROTO_TCP),
        (in_use.udp6, libc::AF_INET6, libc::IPPROTO_UDP),
    ];
    let there = inet_kinds.into_iter().filter(|(count, _, _)| *count > 0);
    let inet = there.map(|(_, family, protocol)| inet(family as u8, protocol as u8));
    [unix(), netlink()].into_iter().chain(inet).collect()
}

/// `struct unix_diag_req` (linux/unix_diag.h): all states, UDIAG_SHOW_MEMINFO.
fn unix() -> Question {
    let mut request = vec![libc::AF_UNIX as u8, 0, 0, 0];
    request.extend(u32::MAX.to_ne_bytes());
    request.extend(0u32.to_ne_bytes());
    request.extend(0x20u32.to_ne_bytes());
    request.extend([0; 8]);
    Question {
        request,
        answer_size: 16,
        memory: 5,
    }
}

/// `struct netlink_diag_req` (linux/netlink_diag.h): all protocols, NDIAG_SHOW_MEMINFO.
fn netlink() -> Question {
    let mut request = vec![libc::AF_NETLINK as u8, 255, 0, 0];
    request.extend(0u32.to_ne_bytes());
    request.extend(1u32.to_ne_bytes());
    request.extend([0; 8]);
    Question {
        request,
        answer_size: 28,
        memory: 0,
    }
}

/// `struct inet_diag_req_v2` (linux/inet_diag.h): all states, INET_DIAG_SKMEMINFO.
fn inet(family: u8, protocol: u8) -> Question {
    let mut request = vec![family, protocol, 1 << (7 - 1), 0];
    request.extend(u32::MAX.to_ne_bytes());
    request.extend([0; 48]);
    Question {
        request,
        answer_size: 72,
        memory: 7,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn broken_answers_are_errors_and_not_panics() {
        let question = unix();
        let mut sum = 0;
        for length in 0..64u32 {
            let mut bytes = length.to_ne_bytes().to_vec();
            bytes.extend([20, 0, 1, 3]);
            bytes.resize(48, 0xff);
            // Whatever it says, it comes back.
            let _told = read_answers(&bytes, &question, &mut sum);
        }
        let done = [16u8, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(
            read_answers(&done, &question, &mut sum).unwrap(),
            Progress::Over
        );
    }
}
