//! The host's mount table, `/proc/self/mountinfo` (proc(5)).

use crate::fault::{say, Fault, Outcome};
use crate::kernel::read_file;

pub struct MountTable {
    /// Mount point and file system type, in the order in which they were mounted.
    entries: Vec<(String, String)>,
    text: String,
}

/// File systems through which the kernel or other processes are seen and steered. A bind of the host's
/// would undo the namespaces: the host's /proc shows, and for a user of the same id opens, every process.
const OF_THE_KERNEL: &[&str] = &[
    "proc",
    "sysfs",
    "cgroup",
    "cgroup2",
    "debugfs",
    "tracefs",
    "securityfs",
    "bpf",
    "devpts",
    "mqueue",
    "nsfs",
    "configfs",
    "efivarfs",
    "pstore",
    "binfmt_misc",
    "fusectl",
    "selinuxfs",
    "resctrl",
    "rpc_pipefs",
    "nfsd",
    "xenfs",
];

impl MountTable {
    pub fn read() -> Outcome<MountTable> {
        match read_file("/proc/self/mountinfo") {
            Ok(text) => Ok(MountTable::parse(text)),
            Err(errno) => Err(Fault::host(
                "mount tree",
                format!("/proc/self/mountinfo: {}", say(errno)),
            )
            .fix("mount proc at /proc")),
        }
    }

    fn parse(text: String) -> MountTable {
        let entries = text.lines().filter_map(entry).collect();
        MountTable { entries, text }
    }

    /// As it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The type of the file system that a path is on.
    pub fn type_of(&self, path: &str) -> &str {
        self.entries
            .iter()
            // Of two at one point the later one is on top.
            .filter(|(point, _)| is_at_or_below(path, point))
            .max_by_key(|(point, _)| point.len())
            .map_or("unknown", |(_, kind)| kind)
    }

    /// A mount of the kernel's own file systems at or below a path, which must not be shown to a sandbox.
    pub fn kernel_mount_in(&self, path: &str) -> Option<(&str, &str)> {
        let is_of_the_kernel = |kind: &str| OF_THE_KERNEL.contains(&kind);
        let kind = self.type_of(path);
        if is_of_the_kernel(kind) {
            let (point, kind) = self
                .entries
                .iter()
                .filter(|(point, _)| is_at_or_below(path, point))
                .max_by_key(|(point, _)| point.len())?;
            return Some((point, kind));
        }
        self.entries
            .iter()
            .find(|(point, kind)| is_at_or_below(point, path) && is_of_the_kernel(kind))
            .map(|(point, kind)| (point.as_str(), kind.as_str()))
    }
}

/// Whether a path is another one or below it; both absolute and plain.
pub fn is_at_or_below(path: &str, ancestor: &str) -> bool {
    ancestor == "/"
        || path
            .strip_prefix(ancestor)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// `36 35 98:0 /root /mount\040point rw,noatime master:1 - ext3 /dev/root rw`
fn entry(line: &str) -> Option<(String, String)> {
    let (left, right) = line.split_once(" - ")?;
    let point = left.split(' ').nth(4)?;
    let kind = right.split(' ').next()?;
    Some((unescape(point), kind.to_owned()))
}

/// Space, tab, newline and backslash are written as three octal digits.
fn unescape(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut plain = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part
            .get(..3)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok())
        {
            Some(byte) => {
                plain.push(byte);
                plain.extend_from_slice(&part.as_bytes()[3..]);
            }
            None => {
                plain.push(b'\\');
                plain.extend_from_slice(part.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n\
23 22 0:5 / /proc rw - proc proc rw\n\
24 22 0:6 / /home rw master:3 propagate_from:2 - btrfs /dev/vdb rw,subvol=/h\n\
25 24 0:7 / /home/ada/my\\040disk rw - fuse.sshfs ada@x rw\n\
26 22 0:8 / /run/snapd/ns rw - nsfs nsfs rw\n\
27 24 0:9 / /home rw - xfs /dev/vdc rw\n";

    #[test]
    fn a_path_is_on_the_topmost_of_the_nearest_mounts() {
        let table = MountTable::parse(TABLE.to_owned());
        assert_eq!(table.type_of("/usr"), "ext4");
        assert_eq!(table.type_of("/home/ada"), "xfs");
        assert_eq!(table.type_of("/home/ada/my disk/x"), "fuse.sshfs");
        assert_eq!(table.type_of("/homestead"), "ext4");
    }

    #[test]
    fn file_systems_of_the_kernel_are_found_above_at_and_below() {
        let table = MountTable::parse(TABLE.to_owned());
        assert_eq!(table.kernel_mount_in("/proc/1"), Some(("/proc", "proc")));
        assert_eq!(table.kernel_mount_in("/proc"), Some(("/proc", "proc")));
        assert_eq!(
            table.kernel_mount_in("/run"),
            Some(("/run/snapd/ns", "nsfs"))
        );
        assert_eq!(table.kernel_mount_in("/home"), None);
    }
}
