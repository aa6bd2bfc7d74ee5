//! Cgroups that a launcher left behind because it was killed together with the machine's patience.

use std::fs;
use std::io;
use std::path::Path;

use crate::group::remove;
use crate::identity::Identity;

/// Ends and removes the groups under `base` whose owner is gone; returns how many there were.
/// Parallel callers may meet: a group that another removed meanwhile counts for one of them.
pub fn reap(base: &Path, own: &Identity) -> io::Result<usize> {
    let mut reaped = 0;
    for entry in fs::read_dir(base)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(owner) = name.to_str().and_then(Identity::parse) else {
            continue;
        };
        if !owner.lives(own)? {
            remove(&entry.path())?;
            reaped += 1;
        }
    }
    Ok(reaped)
}
