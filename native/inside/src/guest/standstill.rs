//! All sandboxes of the machine at once: their launchers make each a control group below one of ours (native/limits), and stay
//! outside themselves.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The first launcher of root's makes it.
const SANDBOXES: &str = "/sys/fs/cgroup/glovebox";

/// Asks the kernel (cgroup-v2, "cgroup.freeze"); it is done when `is_there` says so.
pub fn set(frozen: bool) -> io::Result<()> {
    // Not `fs::write`, which would try to create the file.
    let path = Path::new(SANDBOXES).join("cgroup.freeze");
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.write_all(if frozen { b"1" } else { b"0" })
}

/// Whether nothing of a sandbox runs.
pub fn is_there() -> io::Result<bool> {
    let events = fs::read_to_string(Path::new(SANDBOXES).join("cgroup.events"))?;
    Ok(stands(&events))
}

/// A group without processes is frozen at once, and says nothing of a sandbox that is somewhere else: where a kernel of the user's has
/// not the controllers, a launcher takes another place (native/limits), or none.
fn stands(events: &str) -> bool {
    let has = |wanted: &str| events.lines().any(|line| line == wanted);
    has("frozen 1") && has("populated 1")
}

/// Of all processes of sandboxes, by the machine's own numbers. None where no sandbox has been started.
pub fn processes() -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    let mut left = vec![PathBuf::from(SANDBOXES)];
    while let Some(directory) = left.pop() {
        let listed = match fs::read_to_string(directory.join("cgroup.procs")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            listed => listed?,
        };
        found.extend(listed.lines().filter_map(|line| line.parse::<u32>().ok()));
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                left.push(entry.path());
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_stands_when_its_processes_do_and_not_when_it_has_none() {
        assert!(stands("populated 1\nfrozen 1\n"));
        assert!(!stands("populated 1\nfrozen 0\n"));
        assert!(!stands("populated 0\nfrozen 1\n"));
        assert!(!stands("populated 1\n"));
        assert!(!stands(""));
    }
}
