//! An inside without a sandbox around it: a directory as its tree, and a seed that never answers. And one of a guest
//! whose machine does nothing, and whose launcher says its plan again.
#![allow(dead_code)] // each test file uses its part

use std::os::fd::OwnedFd;
use std::path::Path;
use std::rc::Rc;

use glovebox_channel::{
    Children, Figures, Guest, Identity, Jail, Machine, Offer, Program, Seed, Status, Wall,
};
use glovebox_wire::inside::HelloReply;

pub fn offer(tree: &Path) -> (Rc<Offer>, OwnedFd) {
    let root = std::fs::File::open(tree).expect("a directory");
    let (theirs, ours) = glovebox_channel::seed::pair().expect("a pair");
    let offer = Offer {
        hello: HelloReply::default(),
        identity: Rc::new(Identity::draw(1).expect("random bytes")),
        wall: Wall::Jail(Jail {
            seed: Seed::new(ours, 1).expect("a socket"),
            env: Rc::new(vec![b"PATH=/bin".to_vec()]),
            directory: Rc::from(&b"/"[..]),
        }),
        root: root.into(),
        figures: Box::new(Figures::default()),
    };
    // Held, and never read: the seed of a sandbox that has stopped it.
    (Rc::new(offer), theirs)
}

/// Beside the tree, once a launcher has run.
pub const STARTED: &str = "started";
/// The directory of launchers' sockets, beside it too: one in the tree would go with a directory that somebody removes, and no
/// launcher would start any more.
pub const SOCKETS: &str = "sockets";

pub fn guest(tree: &Path, children: &Rc<Children>) -> Rc<Offer> {
    let root = std::fs::File::open(tree).expect("a directory");
    let identity = Rc::new(Identity::nobody().expect("random bytes"));
    let sockets = tree.with_file_name(SOCKETS);
    std::fs::create_dir_all(&sockets).expect("a directory");
    let launcher = Program {
        path: "/bin/sh".into(),
        arguments: vec![
            "-c".into(),
            ": > \"$0\"; cat <&3 >&4; cat".into(),
            tree.with_file_name(STARTED).into(),
        ],
    };
    let guest = Guest::new(
        Box::new(Idle),
        Rc::clone(&identity),
        launcher,
        Rc::clone(children),
        sockets,
    );
    Rc::new(Offer {
        hello: HelloReply::default(),
        identity,
        wall: Wall::Guest(Rc::new(guest)),
        root: root.into(),
        figures: Box::new(Figures::default()),
    })
}

struct Idle;

impl Machine for Idle {
    fn set_clock(&self, _: i64) -> Result<(), Status> {
        Ok(())
    }

    fn reseed(&self, _: &[u8]) -> Result<(), Status> {
        Ok(())
    }

    fn name(&self, _: &str, _: &[u8]) -> Result<(), Status> {
        Ok(())
    }

    fn mount_given(&self) -> Result<(), Status> {
        Ok(())
    }

    fn freeze(&self, _: bool) -> Result<(), Status> {
        Ok(())
    }

    fn is_frozen(&self) -> Result<bool, Status> {
        Ok(true)
    }

    fn power_off(&self) -> Result<(), Status> {
        Ok(())
    }
}
