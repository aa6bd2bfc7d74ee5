//! The socket pair between the launcher and what it started, until the program runs.
//!
//! Each message is one packet. The launcher keeps one end; pid 1 keeps the other for its whole life,
//! so that a launcher that is gone shows as a hang-up; the program's copy closes with its execve.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use glovebox_seccomp::Filter;
use glovebox_wire::Status;
use rustix::io::{retry_on_intr, Errno};
use rustix::net::{
    recvmsg, sendmsg, sockopt, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};
use rustix::process::Pid;

use crate::bounds::{Bounds, MAX_ENTRIES};
use crate::fault::{Fault, Outcome, Step};
use crate::handover::descriptors_of;
use crate::kernel::packet_pair;
use crate::limits::Held;
use crate::program::GivenUp;

const STAGE: &str = "start";

/// From the launcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Go {
    /// The id maps are written.
    Build = b'b' as isize,
    /// The supervisor listens: the program may be executed.
    Execute = b'x' as isize,
    /// Before the bytes of the bounds, whose entries come with them.
    Bounds = b'l' as isize,
    /// Before the bytes of the system call filter.
    Filter = b'f' as isize,
}

/// To the launcher.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    /// The start failed; the status line is made already.
    Failed(Vec<u8>),
    /// The tree is the root, and the working directory entered.
    Built,
    /// The program's process has nothing left to do but execve.
    Ready(Ready),
    /// `execve` failed.
    NotExecuted { errno: i32, exists: bool },
    /// The program ended, with this status of wait(2).
    Ended(i32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Host pid of the program, as the kernel says.
    pub pid: i32,
    /// Numbers in the program's descriptor table: of the seccomp listener,
    pub listener: i32,
    /// of its terminal's master, where the plan wants one,
    pub terminal: Option<i32>,
    /// and of what a watchdog needs, where there is one.
    pub root: Option<i32>,
    pub diagnosis: Option<i32>,
    /// Device number of the sandbox's own tmpfs.
    pub device: u64,
}

const NONE: i32 = -1;

/// The launcher's end.
pub struct Outer(OwnedFd);

/// The end inside.
pub struct Inner(OwnedFd);

/// Messages name paths, which have up to 4096 bytes.
const MAX_PACKET: usize = 16 << 10;

pub fn pair() -> Outcome<(Outer, Inner)> {
    let make = || {
        let (outer, inner) = packet_pair()?;
        // Each packet then carries the sender's pid, as this side sees it (unix(7)).
        sockopt::set_socket_passcred(&outer, true)?;
        Ok((Outer(outer), Inner(inner)))
    };
    make().step(STAGE, || "make a socket pair".into())
}

impl Outer {
    pub fn tell(&self, go: Go) -> Outcome<()> {
        self.send(&[go as u8])
    }

    fn send(&self, packet: &[u8]) -> Outcome<()> {
        match retry_on_intr(|| rustix::io::write(&self.0, packet)) {
            // Nobody is left inside: what was said before is still to be read, and then the end.
            Ok(_) | Err(Errno::PIPE | Errno::CONNRESET) => Ok(()),
            Err(errno) => Err(Fault::call(STAGE, "talk to pid 1", errno)),
        }
    }

    /// The limits are made while the tree is being built, so they come later than the plan.
    pub fn send_bounds(&self, limits: &Held) -> Outcome<()> {
        let (bytes, entries) = limits.bounds();
        let mut packet = vec![Go::Bounds as u8];
        packet.extend(bytes);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_ENTRIES))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !entries.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(&entries)) {
            return Err(Fault::call(STAGE, "hand over the cgroups", Errno::NOBUFS));
        }
        let parts = [IoSlice::new(&packet)];
        match retry_on_intr(|| sendmsg(&self.0, &parts, &mut ancillary, SendFlags::NOSIGNAL)) {
            Ok(_) | Err(Errno::PIPE | Errno::CONNRESET) => Ok(()),
            Err(errno) => Err(Fault::call(STAGE, "talk to pid 1", errno)),
        }
    }

    /// The filter is made while the tree is being built, so it comes later than the rest of the plan.
    pub fn send_filter(&self, filter: &Filter) -> Outcome<()> {
        let mut packet = vec![Go::Filter as u8];
        packet.extend(filter.to_bytes());
        self.send(&packet)
    }

    /// The next packet; `None` when everyone inside has closed the link.
    pub fn hear(&self) -> rustix::io::Result<Option<Word>> {
        let mut bytes = vec![0u8; MAX_PACKET];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let mut receive = || retry_on_intr(|| recvmsg(&self.0, &mut parts, &mut ancillary, flags));
        // Whoever closes the link without having read all that we sent leaves this error, once, before
        // what was said on it.
        let message = match receive() {
            Err(Errno::CONNRESET) => receive()?,
            received => received?,
        };
        let mut sender: Option<Pid> = None;
        for part in ancillary.drain() {
            if let RecvAncillaryMessage::ScmCredentials(credentials) = part {
                sender = Some(credentials.pid);
            }
        }
        bytes.truncate(message.bytes);
        if bytes.is_empty() {
            return Ok(None);
        }
        decode(&bytes, sender).map(Some).ok_or(Errno::PROTO)
    }
}

impl AsFd for Outer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Inner {
    /// Waits for the launcher's word. A launcher that is gone, or out of step, ends the start.
    pub fn wait_for(&self, go: Go) -> Outcome<()> {
        let mut byte = [0u8; 1];
        let length = retry_on_intr(|| rustix::io::read(&self.0, &mut byte))
            .step(STAGE, || "wait for the launcher".into())?;
        if length == 1 && byte[0] == go as u8 {
            return Ok(());
        }
        Err(Fault::new(
            glovebox_wire::FailureCode::Internal,
            STAGE,
            "the launcher is gone",
        ))
    }

    pub fn take_bounds(&self) -> Outcome<Bounds> {
        let mut packet = [0u8; 512];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_ENTRIES))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut packet)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = retry_on_intr(|| recvmsg(&self.0, &mut parts, &mut ancillary, flags))
            .step(STAGE, || "wait for the limits".into())?;
        let entries = descriptors_of(&mut ancillary);
        let bounds = match packet[..received.bytes].split_first() {
            Some((kind, bytes)) if *kind == Go::Bounds as u8 => Bounds::from_parts(bytes, entries),
            _ => None,
        };
        bounds.ok_or_else(|| Fault::call(STAGE, "take the limits", Errno::PROTO))
    }

    pub fn take_filter(&self) -> Outcome<Filter> {
        let mut packet = vec![0u8; MAX_PACKET];
        let length = retry_on_intr(|| rustix::io::read(&self.0, &mut packet[..]))
            .step(STAGE, || "wait for the filter".into())?;
        let filter = match packet[..length].split_first() {
            Some((kind, bytes)) if *kind == Go::Filter as u8 => Filter::from_bytes(bytes),
            _ => None,
        };
        filter.ok_or_else(|| Fault::call(STAGE, "take the filter", Errno::PROTO))
    }

    pub fn fail(&self, fault: Fault) {
        let line = Status::Error(fault.into_failure()).to_line();
        let room = MAX_PACKET - 1;
        self.send(b'E', &line[..line.len().min(room)]);
    }

    pub fn ready(&self, given_up: &GivenUp) {
        let GivenUp {
            listener,
            inside,
            diagnosis,
            watched,
            seed: _,
        } = given_up;
        let number =
            |descriptor: &Option<OwnedFd>| descriptor.as_ref().map_or(NONE, AsRawFd::as_raw_fd);
        let numbers = [
            listener.as_raw_fd(),
            number(&inside.terminal),
            if *watched { number(&inside.root) } else { NONE },
            number(diagnosis),
        ];
        let mut bytes: Vec<u8> = numbers.into_iter().flat_map(i32::to_ne_bytes).collect();
        bytes.extend_from_slice(&inside.device.to_ne_bytes());
        self.send(b'R', &bytes);
    }

    pub fn built(&self) {
        self.send(b'B', &[]);
    }

    pub fn not_executed(&self, errno: i32, exists: bool) {
        let mut bytes = errno.to_ne_bytes().to_vec();
        bytes.push(u8::from(exists));
        self.send(b'N', &bytes);
    }

    pub fn ended(&self, status: i32) {
        self.send(b'X', &status.to_ne_bytes());
    }

    /// A launcher that cannot be told is dead, and its death is acted on elsewhere.
    fn send(&self, kind: u8, body: &[u8]) {
        let mut packet = Vec::with_capacity(body.len() + 1);
        packet.push(kind);
        packet.extend_from_slice(body);
        let _told = retry_on_intr(|| rustix::io::write(&self.0, &packet));
    }
}

impl AsFd for Inner {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn decode(packet: &[u8], sender: Option<Pid>) -> Option<Word> {
    let (kind, body) = packet.split_first()?;
    let number = |bytes: Option<&[u8]>| bytes?.try_into().ok().map(i32::from_ne_bytes);
    let some = |number: i32| Some(number).filter(|number| *number != NONE);
    Some(match kind {
        b'E' => Word::Failed(body.to_vec()),
        b'B' => Word::Built,
        b'R' => Word::Ready(Ready {
            pid: sender?.as_raw_nonzero().get(),
            listener: number(body.get(..4))?,
            terminal: some(number(body.get(4..8))?),
            root: some(number(body.get(8..12))?),
            diagnosis: some(number(body.get(12..16))?),
            device: u64::from_ne_bytes(body.get(16..)?.try_into().ok()?),
        }),
        b'N' => Word::NotExecuted {
            errno: number(body.get(..4))?,
            exists: *body.get(4)? != 0,
        },
        b'X' => Word::Ended(number(Some(body))?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handover::Inside;

    #[test]
    fn words_arrive_with_their_senders_pid() {
        let (outer, inner) = pair().expect("a pair");
        let null = || OwnedFd::from(std::fs::File::open("/dev/null").expect("a file"));
        let (listener, terminal) = (null(), null());
        let expected = Ready {
            pid: rustix::process::getpid().as_raw_nonzero().get(),
            listener: listener.as_raw_fd(),
            terminal: Some(terminal.as_raw_fd()),
            root: None,
            diagnosis: None,
            device: 0x1_0000_0001,
        };
        inner.ready(&GivenUp {
            listener,
            inside: Inside {
                terminal: Some(terminal),
                root: Some(null()),
                device: 0x1_0000_0001,
                ..Inside::default()
            },
            diagnosis: None,
            watched: false,
            seed: None,
        });
        assert_eq!(outer.hear(), Ok(Some(Word::Ready(expected))));
        inner.ended(9);
        assert_eq!(outer.hear(), Ok(Some(Word::Ended(9))));
        inner.not_executed(2, true);
        assert_eq!(
            outer.hear(),
            Ok(Some(Word::NotExecuted {
                errno: 2,
                exists: true
            }))
        );
    }

    #[test]
    fn the_end_of_either_side_is_seen_by_the_other() {
        let (outer, inner) = pair().expect("a pair");
        drop(inner);
        assert_eq!(outer.hear(), Ok(None));
        let (outer, inner) = pair().expect("a pair");
        drop(outer);
        assert!(inner.wait_for(Go::Build).is_err());
    }

    #[test]
    fn last_words_are_heard_of_one_who_did_not_listen() {
        let (outer, inner) = pair().expect("a pair");
        outer.tell(Go::Build).expect("room");
        inner.fail(Fault::plan("too late"));
        drop(inner);
        let word = outer.hear().expect("a packet");
        assert!(matches!(word, Some(Word::Failed(_))), "{word:?}");
        assert_eq!(outer.hear(), Ok(None));
    }

    #[test]
    fn a_word_out_of_step_ends_the_start() {
        let (outer, inner) = pair().expect("a pair");
        outer.tell(Go::Execute).expect("room");
        assert!(inner.wait_for(Go::Build).is_err());
    }
}
