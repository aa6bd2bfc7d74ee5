//! Finds, for each control, the directory in which its cgroup can be made.

use std::path::PathBuf;

use crate::hierarchy::{self, Hierarchy, Version};
use crate::request::{Asked, Control};
use crate::v2::Base;
use crate::{small, v1, v2};

pub struct Places {
    pub hierarchies: Vec<Hierarchy>,
    uid: u32,
    /// Controllers that were asked for and that version 2 has.
    unified: Vec<&'static str>,
    /// Found once, because they are handed down together.
    unified_base: Option<Result<Base, String>>,
}

pub struct Place {
    pub version: Version,
    pub base: PathBuf,
}

impl Places {
    /// `mountinfo` is the text of /proc/self/mountinfo, if it has been read already.
    pub fn find(wanted: &[Asked], mountinfo: Option<&str>) -> Result<Self, String> {
        let text = |path: &str| {
            small::read_text(path).map_err(|error| format!("{path} cannot be read: {error}"))
        };
        let own = text("/proc/self/cgroup")?;
        let hierarchies = match mountinfo {
            Some(mountinfo) => hierarchy::parse(mountinfo, &own),
            None => hierarchy::parse(&text("/proc/self/mountinfo")?, &own),
        };
        let unified = v2::hierarchy(&hierarchies).map_or_else(Vec::new, |tree| {
            let there = v2::controllers(tree);
            let asked = wanted
                .iter()
                .map(|asked| asked.amount.control().controller());
            asked
                .filter(|name| there.iter().any(|has| has == name))
                .collect()
        });
        Ok(Self {
            hierarchies,
            uid: rustix::process::geteuid().as_raw(),
            unified,
            unified_base: None,
        })
    }

    /// Where the cgroup for `control` goes; the error says why nowhere.
    pub fn of(&mut self, control: Control) -> Result<Place, String> {
        let controller = control.controller();
        if self.unified.contains(&controller) {
            let base = self.unified()?;
            if !base.controllers.iter().any(|handed| handed == controller) {
                return Err(base.missing);
            }
            return Ok(Place {
                version: Version::Two,
                base: base.directory,
            });
        }
        match v1::with_controller(&self.hierarchies, controller) {
            Some(tree) => v1::base(tree, self.uid).map(|base| Place {
                version: Version::One,
                base,
            }),
            None => Err(format!(
                "no cgroup tree with the {controller} controller is mounted"
            )),
        }
    }

    fn unified(&mut self) -> Result<Base, String> {
        let (uid, controllers) = (self.uid, &self.unified);
        let found =
            self.unified_base
                .get_or_insert_with(|| match v2::hierarchy(&self.hierarchies) {
                    Some(tree) => v2::base(tree, uid, controllers),
                    None => Err("no cgroup2 is mounted".to_owned()),
                });
        found.clone()
    }
}
