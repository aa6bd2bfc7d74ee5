//! What stands between the host and this inside, and decides which services it has.

use std::rc::Rc;
use std::time::Duration;

use glovebox_wire::inside::SERVICES;

use crate::caps;
use crate::guest::Guest;
use crate::seed::Seed;

pub enum Wall {
    Jail(Jail),
    Guest(Rc<Guest>),
}

/// A sandbox in a jail, which shares the machine with its host.
pub struct Jail {
    pub seed: Rc<Seed>,
    /// The environment of the sandbox's program.
    pub env: Rc<Vec<Vec<u8>>>,
    /// Where it was started.
    pub directory: Rc<[u8]>,
}

impl Wall {
    /// What of all calls together may wait here.
    pub fn window(&self) -> u32 {
        match self {
            Wall::Jail(_) => caps::CONNECTION_WINDOW,
            Wall::Guest(_) => caps::GUEST_WINDOW,
        }
    }

    /// How long a connection may take to say who it is.
    pub fn hello(&self) -> Duration {
        match self {
            Wall::Jail(_) => caps::HELLO,
            Wall::Guest(_) => caps::GUEST_HELLO,
        }
    }

    /// As Hello names them.
    pub fn services(&self) -> Vec<String> {
        // A guest's programs are the sandboxes', whose launchers have channels of their own for them.
        let others: &[&str] = match self {
            Wall::Jail(_) => &["Machine", "Guest"],
            Wall::Guest(_) => &["Exec", "Egress"],
        };
        let is_ours = |name: &&&str| !others.iter().any(|other| name.ends_with(other));
        SERVICES
            .iter()
            .filter(is_ours)
            .map(|name| (*name).to_owned())
            .collect()
    }
}
