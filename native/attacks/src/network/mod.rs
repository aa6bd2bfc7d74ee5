//! Getting a byte out, or a descriptor in.

mod address;
mod datagrams;
mod families;
mod inet;
mod netlink;
mod unix;
mod uring;

use crate::report::Attack;

pub use address::Address;
pub use inet::{connect, socket};
pub use netlink::{attribute, request, CREATE};

/// Every protocol, for packet sockets.
pub const ETH_P_ALL: u16 = libc::ETH_P_ALL as u16;

pub fn attacks() -> Vec<Attack> {
    [
        inet::ATTACKS,
        datagrams::ATTACKS,
        unix::ATTACKS,
        families::ATTACKS,
        netlink::ATTACKS,
        uring::ATTACKS,
    ]
    .concat()
}
