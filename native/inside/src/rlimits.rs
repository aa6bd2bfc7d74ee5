//! Limits of each process (getrlimit(2)), which the program cannot raise again.

use rustix::process::{setrlimit, Resource, Rlimit};

use crate::fault::{Outcome, Step};

pub struct Set(Vec<(Resource, u64)>);

impl Set {
    pub fn new(open_files: u64) -> Set {
        Set(vec![
            // A core file would be written by the host's core_pattern, outside.
            (Resource::Core, 0),
            (Resource::Nofile, open_files),
            // Enough for a key in locked memory, not for holding the machine's.
            (Resource::Memlock, 8 << 20),
            (Resource::Msgqueue, 0),
            // Queued signals are kernel memory.
            (Resource::Sigpending, 1024),
            (Resource::Nice, 0),
            (Resource::Rtprio, 0),
        ])
    }

    /// Lowers, never raises: where the hard limit that we were given is lower, that stays.
    pub fn apply(&self) -> Outcome<()> {
        for (resource, value) in &self.0 {
            let given = rustix::process::getrlimit(*resource);
            let value = given.maximum.map_or(*value, |hard| hard.min(*value));
            let limit = Rlimit {
                current: Some(value),
                maximum: Some(value),
            };
            setrlimit(*resource, limit).step("limits", || format!("limit {resource:?}"))?;
        }
        Ok(())
    }
}
