//! The host's files that root has opened, on their way to pid 1, which began before they were: it and the program's process
//! have much to do that needs none of them.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use glovebox_wire::FailureCode;
use rustix::io::{retry_on_intr, Errno};
use rustix::net::{
    recvmsg, sendmsg, RecvAncillaryBuffer, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};

use crate::fault::{Fault, Outcome, Step};
use crate::handover::descriptors_of;
use crate::kernel::packet_pair;
use crate::source::Source;

const STAGE: &str = "mount tree";

/// A message carries up to 253 descriptors (unix(7), SCM_RIGHTS).
const IN_A_PACKET: usize = 128;

const DIRECTORY: u8 = b'd';
const FILE: u8 = b'f';

/// The launcher's end.
pub struct Supplier(OwnedFd);

/// Pid 1's end.
pub struct Supplies(OwnedFd);

pub fn pair() -> Outcome<(Supplier, Supplies)> {
    let (outer, inner) = packet_pair().step(STAGE, || "make a socket pair".into())?;
    Ok((Supplier(outer), Supplies(inner)))
}

impl Supplier {
    /// One byte and one descriptor for each, in order. A pid 1 that is gone takes nothing; whoever follows it sees that.
    pub fn send(&self, sources: &[Source]) -> Outcome<()> {
        for part in sources.chunks(IN_A_PACKET) {
            let kinds: Vec<u8> = part.iter().map(kind_of).collect();
            let trees: Vec<BorrowedFd<'_>> =
                part.iter().map(|source| source.tree.as_fd()).collect();
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(IN_A_PACKET))];
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            if !ancillary.push(SendAncillaryMessage::ScmRights(&trees)) {
                return Err(Fault::call(STAGE, "hand over the mounts", Errno::NOBUFS));
            }
            let parts = [IoSlice::new(&kinds)];
            match retry_on_intr(|| sendmsg(&self.0, &parts, &mut ancillary, SendFlags::NOSIGNAL)) {
                Ok(_) => {}
                Err(Errno::PIPE | Errno::CONNRESET) => return Ok(()),
                Err(errno) => return Err(Fault::call(STAGE, "hand over the mounts", errno)),
            }
        }
        Ok(())
    }
}

impl Supplies {
    /// Waits for as many as the plan has mounts: one that is missing would let a later one take its place.
    pub fn take(&self, count: usize) -> Outcome<Vec<Source>> {
        let mut sources = Vec::with_capacity(count);
        while sources.len() < count {
            let (kinds, trees) = self.packet()?;
            if kinds.is_empty() {
                return Err(Fault::new(
                    FailureCode::Internal,
                    STAGE,
                    "the launcher is gone",
                ));
            }
            // Fewer come than were sent where this process may open no more (recv(2), MSG_CTRUNC).
            if kinds.len() != trees.len() || sources.len() + kinds.len() > count {
                return Err(Fault::call(STAGE, "take over the mounts", Errno::PROTO));
            }
            for (kind, tree) in kinds.into_iter().zip(trees) {
                sources.push(Source {
                    tree,
                    is_directory: kind == DIRECTORY,
                });
            }
        }
        Ok(sources)
    }

    fn packet(&self) -> Outcome<(Vec<u8>, Vec<OwnedFd>)> {
        let mut kinds = [0u8; IN_A_PACKET];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(IN_A_PACKET))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut kinds)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = retry_on_intr(|| recvmsg(&self.0, &mut parts, &mut ancillary, flags))
            .step(STAGE, || "wait for the mounts".into())?;
        Ok((
            kinds[..received.bytes].to_vec(),
            descriptors_of(&mut ancillary),
        ))
    }
}

fn kind_of(source: &Source) -> u8 {
    match source.is_directory {
        true => DIRECTORY,
        false => FILE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{fstat, open, Mode, OFlags};

    fn source(path: &str, is_directory: bool) -> Source {
        Source {
            tree: open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).expect("it is there"),
            is_directory,
        }
    }

    #[test]
    fn more_than_a_packet_holds_arrive_in_their_order() {
        let (supplier, supplies) = pair().expect("a pair");
        let sources: Vec<Source> = (0..IN_A_PACKET + 3)
            .map(|index| match index % 3 {
                0 => source("/", true),
                _ => source("/dev/null", false),
            })
            .collect();
        supplier.send(&sources).expect("room");
        let taken = supplies.take(sources.len()).expect("all of them");
        assert_eq!(taken.len(), sources.len());
        for (sent, came) in sources.iter().zip(&taken) {
            let inode = |source: &Source| fstat(&source.tree).map(|stat| stat.st_ino);
            assert_eq!(inode(sent), inode(came));
            assert_eq!(sent.is_directory, came.is_directory);
        }
    }

    #[test]
    fn a_launcher_that_is_gone_or_sends_another_number_ends_the_start() {
        let (supplier, supplies) = pair().expect("a pair");
        supplier
            .send(&[source("/", true), source("/", true)])
            .expect("room");
        assert!(supplies.take(1).is_err(), "more than the plan has");
        supplier.send(&[source("/", true)]).expect("room");
        drop(supplier);
        let failed = supplies.take(2).map(|sources| sources.len());
        assert_eq!(
            failed.map_err(|fault| fault.message),
            Err("the launcher is gone".to_owned())
        );
    }

    #[test]
    fn a_plan_without_mounts_waits_for_nothing() {
        let (supplier, supplies) = pair().expect("a pair");
        supplier.send(&[]).expect("nothing to send");
        assert!(supplies.take(0).is_ok_and(|sources| sources.is_empty()));
    }

    #[test]
    fn a_pid_1_that_is_gone_takes_nothing() {
        let (supplier, supplies) = pair().expect("a pair");
        drop(supplies);
        assert_eq!(supplier.send(&[source("/", true)]), Ok(()));
    }
}
