//! Where things go in the sandbox's tree, by their paths alone.

use glovebox_wire::{Access, Mount, Owner};

use crate::fault::{Fault, Outcome};
use crate::mounts::is_at_or_below;
use crate::who::Files;

/// A directory of the sandbox's own tmpfs.
pub struct OwnDirectory {
    /// Where it is seen.
    pub target: &'static str,
    /// Its name in the tmpfs.
    pub name: &'static str,
    pub mode: u32,
}

/// All that is private and writable; together they share the size of one tmpfs.
pub const OWN_DIRECTORIES: [OwnDirectory; 5] = [
    OwnDirectory {
        target: "/tmp",
        name: "tmp",
        mode: 0o1777,
    },
    OwnDirectory {
        target: "/var/tmp",
        name: "var-tmp",
        mode: 0o1777,
    },
    OwnDirectory {
        target: "/home/user",
        name: "home",
        mode: 0o700,
    },
    OwnDirectory {
        target: "/run",
        name: "run",
        mode: 0o755,
    },
    OwnDirectory {
        target: "/dev/shm",
        name: "shm",
        mode: 0o1777,
    },
];

/// The directory of the tmpfs that becomes the root, read-only from the sandbox's side.
pub const SKELETON: &str = "root";

/// Where a mount point is to be found or made.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// In our tmpfs, at this path below its root: we make it.
    Ours(String),
    /// Inside an earlier mount of the host's: it must be there already.
    Theirs,
}

/// Where the target of `mounts[index]` lies.
pub fn place(mounts: &[Mount], index: usize) -> Place {
    let target = mounts[index].target.as_str();
    let inside_earlier = mounts[..index]
        .iter()
        .any(|earlier| is_at_or_below(target, &earlier.target));
    if inside_earlier {
        return Place::Theirs;
    }
    Place::Ours(in_tmpfs(target))
}

/// The path in our tmpfs of a path that no mount of the plan covers.
pub fn in_tmpfs(path: &str) -> String {
    for own in &OWN_DIRECTORIES {
        if is_at_or_below(path, own.target) {
            return format!("{}{}", own.name, &path[own.target.len()..]);
        }
    }
    format!("{SKELETON}{path}")
}

/// Drawn by the kernel when it is first asked, and never again: of a machine that is cloned later, each clone would have it.
pub const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Refuses targets that would hide or open what the launcher itself mounts. In a guest, a file of init's stands for the kernel's
/// boot id where the plan says so.
pub fn check_targets(mounts: &[Mount], files: Files) -> Outcome<()> {
    for mount in mounts {
        let is_plain = mount.access == Access::Read && mount.owner == Owner::System && !mount.exec;
        if files == Files::Copies && mount.target == BOOT_ID && is_plain {
            continue;
        }
        for reserved in ["/proc", "/dev", "/sys"] {
            if is_at_or_below(&mount.target, reserved) {
                return Err(Fault::plan(format!(
                    "{}: {reserved} is the sandbox's own, nothing can be mounted there",
                    mount.target
                )));
            }
        }
    }
    Ok(())
}

/// The index of the mount that shows what is at a path inside: the last of those that cover it.
pub fn mount_at(mounts: &[Mount], path: &str) -> Option<usize> {
    mounts
        .iter()
        .rposition(|mount| is_at_or_below(path, &mount.target))
}

/// Every path inside at which an object is seen that a `deny` path names, which may be a path inside
/// or the host's: what is denied stays denied where a directory is mounted twice.
pub fn denied_paths(mounts: &[Mount], deny: &str) -> Vec<String> {
    let mut hosts = vec![deny.to_owned()];
    if let Some(index) = mount_at(mounts, deny) {
        hosts.push(rebase(deny, &mounts[index].target, &mounts[index].source));
    }
    let mut inside = Vec::new();
    for host in &hosts {
        for (index, mount) in mounts.iter().enumerate() {
            if !is_at_or_below(host, &mount.source) {
                continue;
            }
            let path = rebase(host, &mount.source, &mount.target);
            if mount_at(mounts, &path) == Some(index) && !inside.contains(&path) {
                inside.push(path);
            }
        }
    }
    inside
}

fn rebase(path: &str, from: &str, to: &str) -> String {
    let rest = path
        .strip_prefix(from.trim_end_matches('/'))
        .unwrap_or(path);
    format!("{}{rest}", to.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(source: &str, target: &str) -> Mount {
        Mount {
            source: source.to_owned(),
            target: target.to_owned(),
            access: Access::Read,
            exec: false,
            owner: Owner::User,
        }
    }

    #[test]
    fn targets_are_made_in_our_tmpfs_and_looked_up_in_mounts() {
        let mounts = [
            mount("/usr", "/usr"),
            mount("/x", "/usr/local/x"),
            mount("/tmp/work", "/tmp/work"),
            mount("/p", "/home/user/p"),
        ];
        assert_eq!(place(&mounts, 0), Place::Ours("root/usr".into()));
        assert_eq!(place(&mounts, 1), Place::Theirs);
        assert_eq!(place(&mounts, 2), Place::Ours("tmp/work".into()));
        assert_eq!(place(&mounts, 3), Place::Ours("home/p".into()));
    }

    #[test]
    fn what_the_launcher_mounts_cannot_be_covered() {
        for target in ["/proc", "/proc/self", "/dev/sda", "/sys/kernel"] {
            let is_refused = check_targets(&[mount("/x", target)], Files::Copies).is_err();
            assert!(is_refused, "{target}");
        }
        assert!(check_targets(&[mount("/x", "/process")], Files::Theirs).is_ok());
    }

    #[test]
    fn a_boot_id_is_inits_in_a_guest_and_the_kernels_elsewhere() {
        let own = Mount {
            owner: Owner::System,
            ..mount("/run/boot-id", BOOT_ID)
        };
        let allowed = |mount: Mount, files| check_targets(&[mount], files).is_ok();
        assert!(allowed(own.clone(), Files::Copies));
        assert!(!allowed(own.clone(), Files::Theirs));
        let exec = true;
        assert!(!allowed(
            Mount {
                exec,
                ..own.clone()
            },
            Files::Copies
        ));
        let access = Access::Write;
        assert!(!allowed(Mount { access, ..own }, Files::Copies));
    }

    #[test]
    fn a_denied_file_is_denied_at_each_place_where_it_is_seen() {
        let mounts = [
            mount("/home/ada/p", "/home/ada/p"),
            mount("/home/ada/p", "/workspace"),
        ];
        let both = ["/home/ada/p/.env", "/workspace/.env"];
        assert_eq!(denied_paths(&mounts, "/workspace/.env"), both);
        assert_eq!(denied_paths(&mounts, "/home/ada/p/.env"), both);
    }

    #[test]
    fn a_deny_path_of_the_host_is_found_where_it_is_mounted() {
        let mounts = [mount("/srv", "/data")];
        assert_eq!(denied_paths(&mounts, "/srv/key"), ["/data/key"]);
        assert_eq!(denied_paths(&mounts, "/elsewhere"), Vec::<String>::new());
    }

    #[test]
    fn what_a_later_mount_covers_is_not_masked() {
        let mounts = [mount("/a", "/x"), mount("/b", "/x/sub")];
        assert_eq!(denied_paths(&mounts, "/a/sub"), Vec::<String>::new());
        assert_eq!(denied_paths(&mounts, "/x/sub/key"), ["/x/sub/key"]);
    }

    #[test]
    fn a_whole_file_system_as_source_keeps_plain_paths() {
        let mounts = [mount("/", "/host")];
        assert_eq!(denied_paths(&mounts, "/etc/shadow"), ["/host/etc/shadow"]);
    }
}
