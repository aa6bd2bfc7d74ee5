//! What is asked for, and the answer when it cannot be had.

use std::fmt;

/// A number, and whether the user wrote it down. A number of the user's needs a cgroup
/// (or, for whole CPUs, an affinity); a default may fall to the second mechanism.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit<T> {
    pub value: T,
    pub explicit: bool,
}

/// The limits of one sandbox. `None`: that control was given up by the user and is left alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// Bytes, of everything the sandbox holds, shared memory and its tmpfs included.
    pub memory: Option<Limit<u64>>,
    /// CPUs; 0.5 is half of one.
    pub cpus: Option<Limit<f64>>,
    /// Processes and threads together, the sandbox's own pid 1 among them.
    pub pids: Option<Limit<u64>>,
}

impl Request {
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let memory = self.memory.map(|limit| Asked {
            amount: Amount::Memory(limit.value),
            explicit: limit.explicit,
        });
        let cpus = self.cpus.map(|limit| Asked {
            amount: Amount::Cpus(limit.value),
            explicit: limit.explicit,
        });
        let pids = self.pids.map(|limit| Asked {
            amount: Amount::Pids(limit.value),
            explicit: limit.explicit,
        });
        [memory, cpus, pids].into_iter().flatten().collect()
    }
}

/// One limit of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub amount: Amount,
    pub explicit: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Amount {
    Memory(u64),
    Cpus(f64),
    Pids(u64),
}

impl Amount {
    pub fn control(self) -> Control {
        match self {
            Self::Memory(_) => Control::Memory,
            Self::Cpus(_) => Control::Cpus,
            Self::Pids(_) => Control::Pids,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    Memory,
    Cpus,
    Pids,
}

impl Control {
    pub const ALL: [Self; 3] = [Self::Memory, Self::Cpus, Self::Pids];

    /// The word of the policy.
    pub fn word(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpus => "cpus",
            Self::Pids => "pids",
        }
    }

    /// The kernel's name of the controller.
    pub(crate) fn controller(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Cpus => "cpu",
            Self::Pids => "pids",
        }
    }
}

/// A limit that nothing on this host can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unenforceable {
    pub control: Control,
    pub why: String,
    pub fix: String,
}

impl fmt::Display for Unenforceable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.control.word(), self.why, self.fix)
    }
}

impl std::error::Error for Unenforceable {}
