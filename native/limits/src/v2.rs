//! Version 2: one tree, where a subtree must be ours. A group that hands controllers down may hold
//! no processes itself (cgroups(7), "no internal processes"), and a process moves only with write
//! access to the common ancestor of where it was and where it goes.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::group::{make_directory, writable, Group};
use crate::hierarchy::{Hierarchy, Version};
use crate::request::{Amount, Asked};
use crate::{small, v1};

pub fn hierarchy(hierarchies: &[Hierarchy]) -> Option<&Hierarchy> {
    hierarchies.iter().find(|h| h.version == Version::Two)
}

/// The controllers that the tree has at all: on mixed hosts most are in version 1.
pub fn controllers(hierarchy: &Hierarchy) -> Vec<String> {
    let text = small::read_text(hierarchy.mount.join("cgroup.controllers"));
    text.map_or_else(
        |_| Vec::new(),
        |text| text.split_ascii_whitespace().map(str::to_owned).collect(),
    )
}

/// The slice and the service that systemd keeps for a user.
pub fn user_slice(mount: &Path, uid: u32) -> PathBuf {
    mount.join(format!("user.slice/user-{uid}.slice"))
}

pub fn user_service(mount: &Path, uid: u32) -> PathBuf {
    user_slice(mount, uid).join(format!("user@{uid}.service"))
}

/// The directory under which sandboxes of one user are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    pub directory: PathBuf,
    /// The controllers that it hands down to them.
    pub controllers: Vec<String>,
    /// Why others are not among them.
    pub missing: String,
}

/// The first place that can be had with at least one of `controllers`; the error says why none.
pub fn base(hierarchy: &Hierarchy, uid: u32, controllers: &[&str]) -> Result<Base, String> {
    let Some(own) = hierarchy.own_directory() else {
        // Nothing can be moved from where the mount does not reach.
        return Err(format!(
            "{} does not show the cgroup that we are in",
            hierarchy.mount.display()
        ));
    };
    let mut reasons = Vec::new();
    for candidate in candidates(&hierarchy.mount, &own, uid) {
        match prepare(&hierarchy.mount, &own, &candidate, controllers) {
            Ok(base) => return Ok(base),
            Err(reason) => reasons.push(reason),
        }
    }
    Err(if reasons.is_empty() {
        "no cgroup of this user can be written".to_owned()
    } else {
        reasons.join("; ")
    })
}

struct Candidate {
    directory: PathBuf,
    /// Directories of ours above it, outermost first, that are made when they are missing.
    make: Vec<PathBuf>,
}

fn candidates(mount: &Path, own: &Path, uid: u32) -> Vec<Candidate> {
    let mut found = Vec::new();
    if uid == 0 {
        let parent = mount.join("glovebox");
        let home = parent.join("0");
        found.push(Candidate {
            directory: home.clone(),
            make: vec![parent, home],
        });
    } else {
        let service = user_service(mount, uid);
        if writable(&service) {
            let home = service.join("glovebox");
            found.push(Candidate {
                directory: home.clone(),
                make: vec![home],
            });
        }
    }
    // Whatever else was delegated to us: the nearest ancestor of our own cgroup that can be written.
    let ancestors = own
        .ancestors()
        .skip(1)
        .take_while(|path| path.starts_with(mount));
    let delegated = ancestors.filter(|path| writable(path));
    found.extend(delegated.map(|path| Candidate {
        directory: path.to_owned(),
        make: Vec::new(),
    }));
    found
}

fn prepare(
    mount: &Path,
    own: &Path,
    candidate: &Candidate,
    controllers: &[&str],
) -> Result<Base, String> {
    may_move(own, &candidate.directory)?;
    for directory in &candidate.make {
        make_directory(directory)
            .map_err(|error| format!("{} cannot be made: {error}", directory.display()))?;
    }
    // What a group can hand down is what its parent hands down to it, so this goes from the top.
    let above = candidate
        .make
        .first()
        .and_then(|first| first.parent())
        .filter(|path| path.starts_with(mount));
    let chain: Vec<&Path> = above
        .into_iter()
        .chain(
            candidate
                .make
                .iter()
                .map(PathBuf::as_path)
                .filter(|path| *path != candidate.directory),
        )
        .chain([candidate.directory.as_path()])
        .collect();
    let (mut handed, mut reasons) = (Vec::new(), Vec::new());
    for &controller in controllers {
        match chain
            .iter()
            .try_for_each(|directory| hand_down(directory, controller))
        {
            Ok(()) => handed.push(controller.to_owned()),
            Err(reason) => reasons.push(reason),
        }
    }
    let missing = reasons.join("; ");
    if handed.is_empty() {
        return Err(missing);
    }
    Ok(Base {
        directory: candidate.directory.clone(),
        controllers: handed,
        missing,
    })
}

fn hand_down(directory: &Path, controller: &str) -> Result<(), String> {
    let control = directory.join("cgroup.subtree_control");
    if listed(&control, controller) {
        return Ok(());
    }
    let asked = format!("+{controller}");
    let written = OpenOptions::new()
        .append(true)
        .open(&control)
        .and_then(|mut open| open.write_all(asked.as_bytes()));
    written.map_err(|error| format!("{} does not take {asked}: {error}", control.display()))
}

fn may_move(from: &Path, to: &Path) -> Result<(), String> {
    let common = to
        .ancestors()
        .find(|path| from.starts_with(path))
        .unwrap_or(to);
    let procs = common.join("cgroup.procs");
    if writable(&procs) {
        Ok(())
    } else {
        Err(format!(
            "{} cannot be written, so that no process of this login may move",
            procs.display()
        ))
    }
}

/// Whether a space-separated list in a file has the word.
fn listed(file: &Path, word: &str) -> bool {
    fs::read_to_string(file)
        .is_ok_and(|text| text.split_ascii_whitespace().any(|name| name == word))
}

/// Writes a limit into a fresh group; the words say with what it is held.
pub fn configure(group: &Group, asked: Asked) -> io::Result<&'static str> {
    match asked.amount {
        Amount::Memory(bytes) => {
            group.write("memory.max", &bytes.to_string())?;
            group.write_if_there("memory.swap.max", "0")?;
            // One process of a sandbox that ran out of memory is as good as none: all of it ends.
            group.write_if_there("memory.oom.group", "1")?;
            Ok("cgroup v2 memory.max")
        }
        Amount::Cpus(cpus) => {
            let (quota, period) = v1::quota(cpus);
            let bound = format!("{quota} {period}");
            group.write("cpu.max", &bound)?;
            // As in version 1.
            if !asked.explicit && group.write_if_there("cpu.max.burst", &quota.to_string())? {
                group.write("cpu.max", &bound)?;
                return Ok("cgroup v2 cpu.max with a burst of one period");
            }
            Ok("cgroup v2 cpu.max")
        }
        Amount::Pids(most) => {
            group.write("pids.max", &most.to_string())?;
            Ok("cgroup v2 pids.max")
        }
    }
}

#[cfg(test)]
mod tests;
