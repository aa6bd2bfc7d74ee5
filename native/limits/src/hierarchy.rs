//! Where the cgroup file systems are mounted, and where in them we are.

use std::path::{Path, PathBuf};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    One,
    Two,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    pub version: Version,
    pub mount: PathBuf,
    /// Which part of the tree the mount shows: `/` but in a container.
    pub root: String,
    /// Version 1 only: the controllers that are mounted here.
    pub controllers: Vec<String>,
    /// Our own cgroup in it, from the tree's root.
    pub own: Option<String>,
}

impl Hierarchy {
    /// The directory of our own cgroup, if the mount shows it.
    pub fn own_directory(&self) -> Option<PathBuf> {
        let own = Path::new(self.own.as_deref()?);
        Some(self.mount.join(own.strip_prefix(&self.root).ok()?))
    }
}

/// From the text of `/proc/self/mountinfo` and `/proc/self/cgroup` (proc(5), cgroups(7)).
pub fn parse(mountinfo: &str, own: &str) -> Vec<Hierarchy> {
    let own: Vec<(Vec<&str>, &str)> = own.lines().filter_map(parse_own).collect();
    mountinfo
        .lines()
        .filter_map(|line| parse_mount(line, &own))
        .collect()
}

/// `4:memory:/a/b`; version 2 has no controllers there: `0::/a/b`.
fn parse_own(line: &str) -> Option<(Vec<&str>, &str)> {
    let mut parts = line.splitn(3, ':');
    let _id = parts.next()?;
    let controllers = parts
        .next()?
        .split(',')
        .filter(|name| !name.is_empty())
        .collect();
    Some((controllers, parts.next()?))
}

fn parse_mount(line: &str, own: &[(Vec<&str>, &str)]) -> Option<Hierarchy> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ').skip(3);
    let root = unescape(left.next()?);
    let mount = PathBuf::from(unescape(left.next()?));
    let mut right = right.split(' ');
    let version = match right.next()? {
        "cgroup" => Version::One,
        "cgroup2" => Version::Two,
        _ => return None,
    };
    let options: Vec<&str> = right.nth(1)?.split(',').collect();
    let ours = match version {
        Version::Two => own.iter().find(|(controllers, _)| controllers.is_empty()),
        Version::One => own
            .iter()
            .find(|(controllers, _)| controllers.iter().any(|name| options.contains(name))),
    };
    // Of the mount's options, those that `/proc/self/cgroup` names are controllers.
    let controllers = match (version, ours) {
        (Version::One, Some((controllers, _))) => {
            controllers.iter().map(|&name| name.to_owned()).collect()
        }
        _ => Vec::new(),
    };
    Some(Hierarchy {
        version,
        mount,
        root,
        controllers,
        own: ours.map(|(_, path)| (*path).to_owned()),
    })
}

/// Space, tab, newline and backslash are written in octal.
fn unescape(field: &str) -> String {
    let mut out = String::with_capacity(field.len());
    let mut rest = field;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let code = rest
            .get(at + 1..at + 4)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => {
                out.push(char::from(code));
                rest = &rest[at + 4..];
            }
            None => {
                out.push('\\');
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn controllers_mounted_one_by_one_and_together_are_found() {
        let mountinfo = "\
23 1 254:0 / / rw,relatime - ext4 /dev/vda rw
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
36 31 0:33 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
37 31 0:34 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw";
        let own = "9:name=systemd:/\n4:memory:/a/b\n2:cpuacct,cpu:/\n0::/x";
        let found = parse(mountinfo, own);
        assert_eq!(found.len(), 4);
        assert_eq!(found[0].controllers, ["memory"]);
        assert_eq!(
            found[0].own_directory(),
            Some(PathBuf::from("/sys/fs/cgroup/memory/a/b"))
        );
        assert_eq!(found[1].controllers, ["cpuacct", "cpu"]);
        assert_eq!(found[2].controllers, ["name=systemd"]);
        assert_eq!(
            (found[3].version, found[3].own.as_deref()),
            (Version::Two, Some("/x"))
        );
    }

    #[test]
    fn a_mount_that_shows_a_part_of_the_tree_is_resolved() {
        let mountinfo =
            "41 31 0:38 /docker/1 /sys/fs/cgroup\\040x ro - cgroup2 cgroup2 rw,nsdelegate";
        let inside = parse(mountinfo, "0::/docker/1/init\n");
        assert_eq!(
            inside[0].own_directory(),
            Some(PathBuf::from("/sys/fs/cgroup x/init"))
        );
        let outside = parse(mountinfo, "0::/other\n");
        assert_eq!(outside[0].own_directory(), None);
    }
}
