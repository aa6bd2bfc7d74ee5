//! Memory, names and descriptors that change while somebody else decides about them.

mod connect;
mod exec;
mod newborn;
mod pressure;
mod supervisor;

use crate::report::Attack;

pub fn attacks() -> Vec<Attack> {
    [
        connect::ATTACKS,
        exec::ATTACKS,
        newborn::ATTACKS,
        supervisor::ATTACKS,
    ]
    .concat()
}
