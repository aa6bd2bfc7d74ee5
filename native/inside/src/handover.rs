//! What pid 1 and the program's process, which has long been forked, hand to each other: that one the limits, when it is in
//! its namespaces; pid 1 what the program needs of the tree, when that is ready.
//!
//! By descriptors in one packet each, since the two share no memory any more.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{retry_on_intr, Errno};
use rustix::net::{
    recvmsg, sendmsg, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};

use crate::bounds::MAX_ENTRIES;
use crate::fault::{Fault, Outcome, Step};
use crate::kernel::packet_pair;

const STAGE: &str = "start";

/// Written once: the packet by which pid 1 says that the id maps are.
const IDS: u8 = b'i';

/// Each may be missing.
#[derive(Default)]
pub struct Inside {
    /// Landlock's.
    pub ruleset: Option<OwnedFd>,
    /// The master of the program's terminal.
    pub terminal: Option<OwnedFd>,
    /// For a watchdog, the root of the tree: not looked up by the program's pid, whose first thread may end at once and
    /// take the way to its root along.
    pub root: Option<OwnedFd>,
    /// Device number of the sandbox's own tmpfs.
    pub device: u64,
}

const DESCRIPTORS: usize = 3;

pub struct Giver(OwnedFd);
pub struct Taker(OwnedFd);

pub fn pair() -> Outcome<(Giver, Taker)> {
    let (giver, taker) = packet_pair().step(STAGE, || "make a socket pair".into())?;
    Ok((Giver(giver), Taker(taker)))
}

impl Giver {
    /// The id maps are written. One that has failed tells why itself.
    pub fn tell_of_ids(&self) -> Outcome<()> {
        match retry_on_intr(|| rustix::io::write(&self.0, &[IDS])) {
            Ok(_) | Err(Errno::PIPE | Errno::CONNRESET) => Ok(()),
            Err(errno) => Err(Fault::call(STAGE, "tell the program's process", errno)),
        }
    }

    /// Waits until the program's process is in its network namespace and in the cgroups, and takes the latter's entries.
    /// `None`: it has failed, and tells why itself.
    pub fn hear(&self) -> Outcome<Option<Vec<OwnedFd>>> {
        let mut packet = [0u8; 1];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_ENTRIES))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut packet)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = match retry_on_intr(|| recvmsg(&self.0, &mut parts, &mut ancillary, flags)) {
            // It went without having taken what we gave it.
            Err(Errno::CONNRESET) => return Ok(None),
            received => received.step(STAGE, || "wait for the program's process".into())?,
        };
        Ok((received.bytes > 0).then(|| descriptors_of(&mut ancillary)))
    }

    /// One that has failed, and tells why itself, takes nothing: [`Giver::hear`] says so.
    pub fn give(&self, inside: &Inside) -> Outcome<()> {
        let Inside {
            ruleset,
            terminal,
            root,
            device,
        } = inside;
        let all = [ruleset, terminal, root];
        let there: Vec<BorrowedFd<'_>> = all.into_iter().flatten().map(AsFd::as_fd).collect();
        let mut packet = device.to_ne_bytes().to_vec();
        packet.extend(all.map(|descriptor| u8::from(descriptor.is_some())));
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !there.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(&there)) {
            return Err(Fault::call(STAGE, "hand over", Errno::NOBUFS));
        }
        let parts = [IoSlice::new(&packet)];
        match retry_on_intr(|| sendmsg(&self.0, &parts, &mut ancillary, SendFlags::NOSIGNAL)) {
            Ok(_) | Err(Errno::PIPE | Errno::CONNRESET) => Ok(()),
            Err(errno) => Err(Fault::call(STAGE, "hand over", errno)),
        }
    }
}

/// The descriptors that came with a packet.
pub fn descriptors_of(ancillary: &mut RecvAncillaryBuffer<'_>) -> Vec<OwnedFd> {
    let rights = ancillary.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    rights.flatten().collect()
}

impl Taker {
    /// Waits until the id maps are written. False: pid 1 has failed, and tells why itself.
    pub fn hear_of_ids(&self) -> Outcome<bool> {
        let mut packet = [0u8; 1];
        match retry_on_intr(|| rustix::io::read(&self.0, &mut packet)) {
            Ok(0) | Err(Errno::CONNRESET) => Ok(false),
            Ok(_) if packet == [IDS] => Ok(true),
            Ok(_) => Err(Fault::call(STAGE, "wait for pid 1", Errno::PROTO)),
            Err(errno) => Err(Fault::call(STAGE, "wait for pid 1", errno)),
        }
    }

    /// Tells pid 1 that there are namespaces to follow into, and cgroups. False: it has failed, and tells why itself.
    pub fn tell(&self, entries: &[BorrowedFd<'_>]) -> Outcome<bool> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_ENTRIES))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !entries.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(entries)) {
            return Err(Fault::call(STAGE, "hand over the cgroups", Errno::NOBUFS));
        }
        let parts = [IoSlice::new(b"j")];
        match retry_on_intr(|| sendmsg(&self.0, &parts, &mut ancillary, SendFlags::NOSIGNAL)) {
            Ok(_) => Ok(true),
            Err(Errno::PIPE | Errno::CONNRESET) => Ok(false),
            Err(errno) => Err(Fault::call(STAGE, "tell pid 1", errno)),
        }
    }

    /// Waits until pid 1 is done. `None`: it has failed, and tells why itself.
    pub fn take(&self) -> Outcome<Option<Inside>> {
        let mut packet = [0u8; 8 + DESCRIPTORS];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut packet)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = match retry_on_intr(|| recvmsg(&self.0, &mut parts, &mut ancillary, flags)) {
            // It went without having heard what we told it.
            Err(Errno::CONNRESET) => return Ok(None),
            received => received.step(STAGE, || "take over".into())?,
        };
        let mut descriptors = descriptors_of(&mut ancillary).into_iter();
        if received.bytes == 0 {
            return Ok(None);
        }
        if received.bytes != packet.len() {
            return Err(Fault::call(STAGE, "take over", Errno::PROTO));
        }
        let (device, marks) = packet.split_at(8);
        let mut next = |mark: usize| match marks[mark] {
            0 => Ok(None),
            _ => descriptors.next().map(Some).ok_or(Errno::PROTO),
        };
        let mut take = || {
            Ok(Inside {
                ruleset: next(0)?,
                terminal: next(1)?,
                root: next(2)?,
                device: u64::from_ne_bytes(device.try_into().map_err(|_| Errno::PROTO)?),
            })
        };
        take().map(Some).step(STAGE, || "take over".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::fstat;

    #[test]
    fn what_is_missing_stays_missing_and_the_rest_keeps_its_place() {
        let (giver, taker) = pair().expect("a pair");
        let null = std::fs::File::open("/dev/null").expect("a file");
        let zero = std::fs::File::open("/dev/zero").expect("a file");
        let (expected_null, expected_zero) = (fstat(&null), fstat(&zero));
        let inside = Inside {
            terminal: Some(null.into()),
            root: Some(zero.into()),
            device: 0x1234_5678_9abc,
            ..Inside::default()
        };
        giver.give(&inside).expect("room");
        let taken = taker.take().expect("a packet").expect("it was given");
        assert!(taken.ruleset.is_none());
        let device_of = |descriptor: Option<OwnedFd>| {
            descriptor.map(|descriptor| fstat(descriptor).map(|stat| stat.st_rdev))
        };
        assert_eq!(
            device_of(taken.terminal),
            Some(expected_null.map(|stat| stat.st_rdev))
        );
        assert_eq!(
            device_of(taken.root),
            Some(expected_zero.map(|stat| stat.st_rdev))
        );
        assert_eq!(taken.device, 0x1234_5678_9abc);
    }

    #[test]
    fn a_pid_1_that_is_gone_gives_nothing() {
        let (giver, taker) = pair().expect("a pair");
        drop(giver);
        assert!(matches!(taker.take(), Ok(None)));
        assert_eq!(taker.tell(&[]), Ok(false));
        let (giver, taker) = pair().expect("a pair");
        assert_eq!(taker.tell(&[]), Ok(true));
        drop(giver);
        assert!(matches!(taker.take(), Ok(None)), "it went without hearing");
    }
}
