//! Reading and writing what was not given.

mod deny;
mod devices;
mod exec;
mod handles;
mod links;
mod magic;
mod mark;
mod mounts;
mod readonly;
mod setuid;

use crate::report::Attack;

pub use exec::MARK;
pub use links::split;
pub use mark::{mark, FORBIDDEN};

pub fn attacks() -> Vec<Attack> {
    [
        links::ATTACKS,
        magic::ATTACKS,
        mounts::ATTACKS,
        devices::ATTACKS,
        readonly::ATTACKS,
        exec::ATTACKS,
        setuid::ATTACKS,
        handles::ATTACKS,
        deny::ATTACKS,
    ]
    .concat()
}
