//! The limits as the sandbox's first processes need them. They are made while those are already at work on the tree and the
//! namespaces, and so are sent after them: what cannot be known yet is no reason to wait.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use glovebox_limits::InChild;
use glovebox_wire::FailureCode;

use crate::fault::{Fault, Outcome};

const STAGE: &str = "limits";

/// Cgroups that one sandbox can have: one of version 2, or one for each of three controllers of version 1.
pub const MAX_ENTRIES: usize = 3;

pub struct Bounds {
    /// Of the cgroups. The kernel judges by the rights of who opened them, which was the launcher.
    pub entries: Vec<OwnedFd>,
    pub in_child: InChild,
    /// A watchdog will want to look at the tree and at what sockets hold.
    pub watched: bool,
}

impl Bounds {
    pub fn to_bytes(in_child: &InChild, watched: bool) -> Vec<u8> {
        let mut bytes = vec![u8::from(watched)];
        bytes.extend(in_child.to_bytes());
        bytes
    }

    /// `None`: these are no bounds.
    pub fn from_parts(bytes: &[u8], entries: Vec<OwnedFd>) -> Option<Bounds> {
        let (watched, in_child) = bytes.split_first()?;
        Some(Bounds {
            entries,
            in_child: InChild::from_bytes(in_child)?,
            watched: *watched != 0,
        })
    }

    pub fn borrowed(&self) -> Vec<BorrowedFd<'_>> {
        self.entries.iter().map(AsFd::as_fd).collect()
    }

    /// For the program's process, before its filter.
    pub fn bind(&self) -> Outcome<()> {
        join(&self.entries)?;
        let applied = self.in_child.apply();
        applied.map_err(|error| failed("apply the limits", &error))
    }
}

/// From here on what this process does is counted.
pub fn join(entries: &[OwnedFd]) -> Outcome<()> {
    glovebox_limits::join(entries).map_err(|error| failed("join the cgroups", &error))
}

pub fn failed(what: &str, error: &std::io::Error) -> Fault {
    Fault::new(FailureCode::Start, STAGE, format!("{what}: {error}"))
}
