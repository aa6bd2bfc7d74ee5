//! Gives a user cgroups to put sandboxes in, and takes them back. Run by root, from
//! `glovebox doctor --fix --user U`. Doing it twice changes nothing.

use std::fs;
use std::io;
use std::os::unix::fs::{chown, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{json, Value};

use crate::group::{make_directory, remove};
use crate::hierarchy::{self, Hierarchy};
use crate::identity::Identity;
use crate::request::Control;
use crate::{stale, v1, v2};

/// What was done for a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    pub user: u32,
    pub undone: bool,
    pub actions: Vec<Action>,
    /// Controls that the user's sandboxes can now be given: `memory`, `cpus`, `pids`.
    pub controls: Vec<&'static str>,
    /// Whether it is still there after the next boot.
    pub lasts: bool,
    /// What could not be done, in sentences for people.
    pub problems: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    pub what: &'static str,
    pub path: PathBuf,
    /// `false`: it was so already.
    pub changed: bool,
}

const SCHEMA: &str = "glovebox/delegation/1";

/// Where things are; the tests have a tree of their own.
struct Host {
    hierarchies: Vec<Hierarchy>,
    etc: PathBuf,
    systemd: bool,
}

impl Host {
    fn find() -> io::Result<Self> {
        Ok(Self {
            hierarchies: hierarchy::parse(
                &fs::read_to_string("/proc/self/mountinfo")?,
                &fs::read_to_string("/proc/self/cgroup")?,
            ),
            etc: PathBuf::from("/etc"),
            systemd: Path::new("/run/systemd/system").is_dir(),
        })
    }
}

pub fn delegate(user: u32) -> io::Result<Delegation> {
    let host = Host::find()?;
    let mut done = Delegation::new(user, false);
    done.version_one(&host)?;
    done.version_two(&host)?;
    Ok(done)
}

pub fn undelegate(user: u32) -> io::Result<Delegation> {
    let host = Host::find()?;
    let mut done = Delegation::new(user, true);
    done.undo_version_one(&host)?;
    done.undo_version_two(&host)?;
    Ok(done)
}

impl Delegation {
    /// The document that the command prints.
    pub fn to_json(&self) -> Value {
        let action = |action: &Action| json!({ "what": action.what, "path": action.path.to_string_lossy(), "changed": action.changed });
        json!({
            "schema": SCHEMA,
            "user": self.user,
            "undone": self.undone,
            "actions": self.actions.iter().map(action).collect::<Vec<_>>(),
            "controls": self.controls,
            "lasts": self.lasts,
            "problems": self.problems,
        })
    }

    fn new(user: u32, undone: bool) -> Self {
        Self {
            user,
            undone,
            actions: Vec::new(),
            controls: Vec::new(),
            lasts: true,
            problems: Vec::new(),
        }
    }

    fn act(&mut self, what: &'static str, path: &Path, changed: bool) {
        self.actions.push(Action {
            what,
            path: path.to_owned(),
            changed,
        });
    }

    /// A directory in each tree, owned by the user. The kernel lets its owner move only processes
    /// of the same user into it.
    fn version_one(&mut self, host: &Host) -> io::Result<()> {
        let mut lines = String::new();
        for control in Control::ALL {
            let Some(tree) = v1::with_controller(&host.hierarchies, control.controller()) else {
                continue;
            };
            let home = v1::home(tree, self.user);
            make_directory(&tree.mount.join("glovebox"))?;
            let new = !home.is_dir();
            make_directory(&home)?;
            self.act("directory", &home, new);
            self.own(&home, self.user)?;
            self.controls.push(control.word());
            lines.push_str(&format!(
                "d {} 0755 {user} {user} -\n",
                home.display(),
                user = self.user
            ));
        }
        match (lines.is_empty(), host.systemd) {
            (true, _) => Ok(()),
            (false, true) => self.put(&tmpfiles(host, self.user), &lines),
            (false, false) => {
                self.lasts = false;
                Ok(())
            }
        }
    }

    fn undo_version_one(&mut self, host: &Host) -> io::Result<()> {
        for control in Control::ALL {
            let Some(tree) = v1::with_controller(&host.hierarchies, control.controller()) else {
                continue;
            };
            let home = v1::home(tree, self.user);
            if home.is_dir() {
                stale::reap(&home, &Identity::own()?)?;
                // A sandbox that runs keeps its limits: its directory is not taken from under it.
                if fs::read_dir(&home)?.any(|entry| entry.is_ok_and(|entry| entry.path().is_dir()))
                {
                    self.problems
                        .push(format!("{} still holds running sandboxes", home.display()));
                    continue;
                }
                remove(&home)?;
                self.act("removed directory", &home, true);
                self.remove_if_empty(&tree.mount.join("glovebox"))?;
            }
        }
        self.take(&tmpfiles(host, self.user))
    }

    /// Version 2 belongs to systemd, which is asked to hand down all three controllers to the user's
    /// own manager. A login outside of that (ssh) may move its processes there only if the
    /// user can write `cgroup.procs` of the slice that both are in.
    fn version_two(&mut self, host: &Host) -> io::Result<()> {
        let Some(tree) = v2::hierarchy(&host.hierarchies) else {
            return Ok(());
        };
        let there = v2::controllers(tree);
        let missing: Vec<Control> = Control::ALL
            .into_iter()
            .filter(|control| {
                !self.controls.contains(&control.word())
                    && there.iter().any(|name| name == control.controller())
            })
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        if !host.systemd {
            self.problems.push(
                "cgroup v2 without systemd cannot be given to a user from outside: start the login in a cgroup that the user owns".to_owned(),
            );
            return Ok(());
        }
        let slice = v2::user_slice(&tree.mount, self.user);
        let procs = slice.join("cgroup.procs");
        self.put(&drop_in(host, self.user), &drop_in_text(self.user, &procs))?;
        systemctl(&["daemon-reload"])?;
        let service = v2::user_service(&tree.mount, self.user);
        if procs.exists() {
            self.own(&procs, self.user)?;
        }
        for directory in [tree.mount.join("user.slice"), slice, service]
            .iter()
            .filter(|path| path.is_dir())
        {
            let control = directory.join("cgroup.subtree_control");
            let have = fs::read_to_string(&control)?;
            for controller in missing.iter().map(|control| control.controller()) {
                if !have.split_ascii_whitespace().any(|name| name == controller) {
                    fs::write(&control, format!("+{controller}"))?;
                    self.act("handed down a controller", &control, true);
                }
            }
        }
        self.controls
            .extend(missing.iter().map(|control| control.word()));
        Ok(())
    }

    fn undo_version_two(&mut self, host: &Host) -> io::Result<()> {
        let file = drop_in(host, self.user);
        if !file.exists() {
            return Ok(());
        }
        self.take(&file)?;
        systemctl(&["daemon-reload"])?;
        if let Some(tree) = v2::hierarchy(&host.hierarchies) {
            let procs = v2::user_slice(&tree.mount, self.user).join("cgroup.procs");
            if procs.exists() {
                self.own(&procs, 0)?;
            }
        }
        Ok(())
    }

    /// The directory above stays while other users have theirs in it.
    fn remove_if_empty(&mut self, directory: &Path) -> io::Result<()> {
        match fs::remove_dir(directory) {
            Ok(()) => self.act("removed directory", directory, true),
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::BUSY.raw_os_error()) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn own(&mut self, path: &Path, user: u32) -> io::Result<()> {
        let changed = fs::metadata(path)?.uid() != user;
        if changed {
            chown(path, Some(user), None)?;
        }
        self.act(
            if user == 0 {
                "owned by root"
            } else {
                "owned by the user"
            },
            path,
            changed,
        );
        Ok(())
    }

    fn put(&mut self, file: &Path, text: &str) -> io::Result<()> {
        let changed = !fs::read_to_string(file).is_ok_and(|now| now == text);
        if changed {
            if let Some(directory) = file.parent() {
                fs::create_dir_all(directory)?;
            }
            fs::write(file, text)?;
        }
        self.act("file", file, changed);
        Ok(())
    }

    fn take(&mut self, file: &Path) -> io::Result<()> {
        match fs::remove_file(file) {
            Ok(()) => self.act("removed file", file, true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn tmpfiles(host: &Host, user: u32) -> PathBuf {
    host.etc.join(format!("tmpfiles.d/glovebox-{user}.conf"))
}

fn drop_in(host: &Host, user: u32) -> PathBuf {
    host.etc.join(format!(
        "systemd/system/user@{user}.service.d/50-glovebox.conf"
    ))
}

fn drop_in_text(user: u32, procs: &Path) -> String {
    format!(
        "# Written by `glovebox doctor --fix --user {user}`; `--undo` takes it away.\n\
         [Service]\n\
         Delegate=cpu cpuset io memory pids\n\
         # Lets this user's logins move their own processes into sandboxes.\n\
         ExecStartPost=+/bin/chown {user} {}\n",
        procs.display()
    )
}

fn systemctl(arguments: &[&str]) -> io::Result<()> {
    let status = Command::new("/bin/systemctl").args(arguments).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!(
            "systemctl {} failed: {status}",
            arguments.join(" ")
        )))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_drop_in_delegates_all_three_controllers() {
        let text = drop_in_text(
            1000,
            Path::new("/sys/fs/cgroup/user.slice/user-1000.slice/cgroup.procs"),
        );
        assert!(text.contains("Delegate=cpu cpuset io memory pids\n"));
        assert!(text.ends_with("ExecStartPost=+/bin/chown 1000 /sys/fs/cgroup/user.slice/user-1000.slice/cgroup.procs\n"));
    }

    #[test]
    fn a_file_is_written_once_and_taken_once() {
        let etc = std::env::temp_dir().join(format!("glovebox-delegate-{}", std::process::id()));
        let file = etc.join("a/b.conf");
        let mut done = Delegation::new(1000, false);
        done.put(&file, "text").unwrap();
        done.put(&file, "text").unwrap();
        done.take(&file).unwrap();
        done.take(&file).unwrap();
        let changes: Vec<(&str, bool)> = done
            .actions
            .iter()
            .map(|action| (action.what, action.changed))
            .collect();
        assert_eq!(
            changes,
            [("file", true), ("file", false), ("removed file", true)]
        );
        fs::remove_dir_all(&etc).unwrap();
    }
}
