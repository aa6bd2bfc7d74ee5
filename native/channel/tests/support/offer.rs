//! An inside without a sandbox around it: a directory as its tree, and a seed that never answers.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::rc::Rc;

use glovebox_channel::{Figures, Identity, Jail, Offer, Seed, Wall};
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
