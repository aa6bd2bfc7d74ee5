//! Other people's processes, those that serve the channel, too many of one's own, and terminals.

mod bombs;
mod memory;
mod objects;
mod objects_bombs;
mod outward;
mod servers;
mod survivors;
mod terminal;

use crate::report::Attack;

pub fn attacks() -> Vec<Attack> {
    [
        outward::ATTACKS,
        servers::ATTACKS,
        objects::ATTACKS,
        bombs::ATTACKS,
        memory::ATTACKS,
        objects_bombs::ATTACKS,
        survivors::ATTACKS,
        terminal::ATTACKS,
    ]
    .concat()
}
