//! Which ids the sandbox gets, outside and inside.

use rustix::process::{getegid, geteuid, getpid};

use crate::fault::{Fault, Outcome};
use crate::kernel::read_file;

/// Host ids of sandboxes that root starts are this plus the launcher's pid, so no two living sandboxes
/// share one. systemd gives 0x0008_0000 to 0x6fff_ffff to containers and leaves what is above them,
/// below 2^31, unused (its UIDS-GIDS document).
const ID_BASE: u32 = 0x7000_0000;

/// The user id inside of a sandbox that root started.
const INSIDE_ID: u32 = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who {
    /// Ids on the host that the sandbox's processes have.
    pub host_uid: u32,
    pub host_gid: u32,
    /// The same ids as the sandbox sees them.
    pub inside_uid: u32,
    pub inside_gid: u32,
    /// We are root over the host's ids: mounts are opened and id-mapped outside, groups are dropped.
    pub by_root: bool,
    pub files: Files,
}

/// Whose the plan's writable files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// Somebody's on this host, and stay so.
    Theirs,
    /// Of nobody but the sandbox: a guest's, in whose memory they were put for it.
    Copies,
}

impl Who {
    pub fn find(files: Files) -> Outcome<Who> {
        let uid = geteuid().as_raw();
        let gid = getegid().as_raw();
        if uid != 0 {
            return Ok(Who::ordinary(uid, gid, files));
        }
        let id = ID_BASE + getpid().as_raw_nonzero().get() as u32;
        let maps = ["/proc/self/uid_map", "/proc/self/gid_map"].map(read_file);
        let [Ok(uids), Ok(gids)] = maps else {
            return Err(Fault::host("identity", "/proc is not mounted").fix("mount proc at /proc"));
        };
        if covers(&uids, id) && covers(&gids, id) {
            return Ok(Who {
                host_uid: id,
                host_gid: id,
                inside_uid: INSIDE_ID,
                inside_gid: INSIDE_ID,
                by_root: true,
                files,
            });
        }
        // Root of a small user namespace (a rootless container): an ordinary user of the host.
        Ok(Who {
            inside_uid: INSIDE_ID,
            inside_gid: INSIDE_ID,
            ..Who::ordinary(uid, gid, files)
        })
    }

    fn ordinary(uid: u32, gid: u32, files: Files) -> Who {
        Who {
            host_uid: uid,
            host_gid: gid,
            inside_uid: uid,
            inside_gid: gid,
            by_root: false,
            files,
        }
    }

    pub fn uid_map(&self) -> String {
        format!("{} {} 1\n", self.inside_uid, self.host_uid)
    }

    pub fn gid_map(&self) -> String {
        format!("{} {} 1\n", self.inside_gid, self.host_gid)
    }
}

/// Whether an id map (`user_namespaces(7)`: first inside, first outside, length) has this inside id.
fn covers(map: &str, id: u32) -> bool {
    map.lines().any(|line| {
        let numbers: Vec<u64> = line.split_whitespace().flat_map(str::parse).collect();
        matches!(numbers[..], [first, _, length] if (first..first + length).contains(&u64::from(id)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_initial_namespace_covers_every_id() {
        assert!(covers(
            "         0          0 4294967295\n",
            ID_BASE + 4_194_304
        ));
    }

    #[test]
    fn a_rootless_container_covers_only_its_ranges() {
        let map = "0 1000 1\n1 100000 65536\n";
        assert!(covers(map, 0));
        assert!(covers(map, 65_536));
        assert!(!covers(map, 65_537));
        assert!(!covers(map, ID_BASE));
        assert!(!covers("", 0));
    }
}
