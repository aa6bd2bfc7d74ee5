//! Limits of each process (getrlimit(2)), which the program cannot raise again.

use rustix::io::Errno;
use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};

use crate::fault::{Outcome, Step};

pub struct Set(Vec<(Resource, u64)>);

impl Set {
    pub fn new(open_files: u64) -> Set {
        Set(vec![
            // Cores are the host's core_pattern's, outside. 1 is below the smallest file, and the one value
            // that also keeps the kernel from a handler behind a pipe, for which 0 means nothing (core(5)
            // and fs/coredump.c). The filter keeps the program from lowering it.
            (Resource::Core, 1),
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
            let set = match setrlimit(*resource, exactly(*value)) {
                // Above the hard limit that we were given.
                Err(Errno::PERM) => {
                    let given = getrlimit(*resource).maximum.unwrap_or(*value);
                    setrlimit(*resource, exactly(given.min(*value)))
                }
                set => set,
            };
            set.step("limits", || format!("limit {resource:?}"))?;
        }
        Ok(())
    }
}

fn exactly(value: u64) -> Rlimit {
    Rlimit {
        current: Some(value),
        maximum: Some(value),
    }
}
