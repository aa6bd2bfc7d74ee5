//! All sandboxes of the machine at once: their launchers make each a control group below one of ours (native/limits), and stay
//! outside themselves.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::io::Errno;

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
        let listed = fs::read_to_string(directory.join("cgroup.procs"));
        let Some(listed) = unless_removed(listed)? else {
            continue;
        };
        found.extend(listed.lines().filter_map(|line| line.parse::<u32>().ok()));
        left.extend(unless_removed(groups_in(&directory))?.unwrap_or_default());
    }
    Ok(found)
}

fn groups_in(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut groups = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        // One that is removed takes none of the others along.
        if unless_removed(entry.file_type())?.is_some_and(|kind| kind.is_dir()) {
            groups.push(entry.path());
        }
    }
    Ok(groups)
}

/// A group has no processes any more when it is removed. What had it open is told so by ENODEV (kernfs).
fn unless_removed<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found.as_ref().err().and_then(Errno::from_io_error) {
        Some(Errno::NOENT | Errno::NODEV) => Ok(None),
        _ => found.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_is_removed_while_it_is_looked_at_has_no_processes() {
        let found =
            |errno: Errno| unless_removed::<()>(Err(errno.into())).map_err(|error| error.kind());
        assert_eq!(found(Errno::NODEV), Ok(None));
        assert_eq!(found(Errno::NOENT), Ok(None));
        assert_eq!(found(Errno::ACCESS), Err(io::ErrorKind::PermissionDenied));
    }

    #[test]
    fn a_group_stands_when_its_processes_do_and_not_when_it_has_none() {
        assert!(stands("populated 1\nfrozen 1\n"));
        assert!(!stands("populated 1\nfrozen 0\n"));
        assert!(!stands("populated 0\nfrozen 1\n"));
        assert!(!stands("populated 1\n"));
        assert!(!stands(""));
    }
}
