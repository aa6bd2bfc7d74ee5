//! The seed: a process with the very confinement of the sandbox's program, from which further programs are
//! forked. See docs/channel.md, "What ends what".
//!
//! Packets on one seqpacket pair. The agent asks, with descriptors; the seed answers by `write`, since `sendmsg`
//! waits for the supervisor under its filter. A generation in each packet keeps the answers to an agent that is gone
//! from the one after it.

mod child;
mod client;
mod process;
mod words;

pub use client::{End, Made, Program, Seed, Spawn};
pub use process::{fork, Sprout};
pub use words::Answer;

use std::os::fd::OwnedFd;

use rustix::io::Result;
use rustix::net::{send, socketpair, AddressFamily, SendFlags, SocketFlags, SocketType};

/// The seed's end, and that of pid 1, which lends it to each agent.
pub fn pair() -> Result<(OwnedFd, OwnedFd)> {
    socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
}

/// For pid 1: the agent of this generation is gone, its programs are to be killed. Without waiting: a seed
/// that the sandbox has stopped hears it when it goes on, before anything else.
pub fn forget(seed: &OwnedFd, generation: u64) {
    let packet = words::Request::Forget { generation }.to_bytes();
    // A seed that is gone has taken its children along.
    let _sent = send(seed, &packet, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
}
