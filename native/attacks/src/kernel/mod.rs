//! What the kernel offers and a sandbox must not use.

mod entry;
mod facilities;
mod instructions;
mod machine;
mod namespaces;
mod posture;
mod privileged;
mod surface;

use crate::report::Attack;

pub fn attacks() -> Vec<Attack> {
    [
        namespaces::ATTACKS,
        privileged::ATTACKS,
        facilities::ATTACKS,
        entry::ATTACKS,
        surface::ATTACKS,
        posture::ATTACKS,
        machine::ATTACKS,
        instructions::ATTACKS,
    ]
    .concat()
}
