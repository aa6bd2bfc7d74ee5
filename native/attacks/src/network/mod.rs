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
