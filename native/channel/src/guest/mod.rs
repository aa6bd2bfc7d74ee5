//! Guest: a machine of its own, in which this inside is /init. It starts sandboxes there by the launcher that it is
//! itself, and carries their streams.

mod accept;
pub mod check;
mod children;
mod kept;
mod launcher;
mod rooms;
mod start;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

use glovebox_wire::inside::{GuestCloseOutput, GuestCommand, IdentifyRequest};

use crate::identity::Identity;
use crate::machine::Machine;
use crate::status::{Code, Result, Status};
use crate::streams::Unread;

pub use accept::Offers;
pub use children::Children;
use launcher::Commands;
pub use launcher::Program;
use rooms::Rooms;
use start::Running;

pub struct Guest {
    pub machine: Box<dyn Machine>,
    pub identity: Rc<Identity>,
    /// What is started for a sandbox.
    launcher: Program,
    children: Rc<Children>,
    rooms: Rc<Rooms>,
    /// The launchers that run, by their plans' ids.
    running: Rc<RefCell<HashMap<String, Rc<Found>>>>,
    /// The sandbox that no call has.
    kept: RefCell<Option<Running>>,
    /// Whether sandboxes have been told to stand still, and not yet to go on.
    stands: Cell<bool>,
    /// The generation that Identify was called for.
    identified: Cell<u64>,
}

/// What other calls find of a launcher that runs.
pub struct Found {
    /// Its plan descriptor.
    commands: Commands,
    unread: Unread,
}

impl Guest {
    /// `sockets` is the directory that has one for each sandbox.
    pub fn new(
        machine: Box<dyn Machine>,
        identity: Rc<Identity>,
        launcher: Program,
        children: Rc<Children>,
        sockets: PathBuf,
    ) -> Guest {
        Guest {
            machine,
            identity,
            launcher,
            children,
            rooms: Rc::new(Rooms::new(sockets)),
            running: Rc::default(),
            kept: RefCell::default(),
            stands: Cell::default(),
            identified: Cell::new(0),
        }
    }

    /// Everything is looked at before anything is done.
    pub fn identify(&self, request: &IdentifyRequest) -> Result<()> {
        check::generation(request.generation, &self.identity)?;
        let entropy = check::entropy(&request.entropy)?;
        let time = check::time(request.unix_ns)?;
        let hostname = check::hostname(&request.hostname)?;
        let machine_id = check::machine_id(&request.machine_id)?;
        // First: whatever is drawn from now on is this machine's alone.
        self.machine.reseed(entropy)?;
        self.identity.renew(request.generation)?;
        self.machine.set_clock(time)?;
        self.machine.name(hostname, machine_id)?;
        self.identified.set(request.generation);
        Ok(())
    }

    fn must_be_identified(&self) -> Result<()> {
        let generation = self.identity.generation();
        match generation > 0 && self.identified.get() == generation {
            true => Ok(()),
            false => Err(Status::new(
                Code::FailedPrecondition,
                "Identify comes first: until then this machine draws the same random bytes as its siblings",
            )),
        }
    }

    pub async fn command(&self, request: GuestCommand) -> Result<()> {
        check::lines(&request.command)?;
        let found = self.found(&request.id)?;
        found.commands.write(request.command).await
    }

    pub fn close_output(&self, request: &GuestCloseOutput) -> Result<()> {
        let found = self.found(&request.id)?;
        match request.is_stderr {
            true => found.unread.stderr.tell(),
            false => found.unread.stdout.tell(),
        }
        Ok(())
    }

    fn found(&self, id: &str) -> Result<Rc<Found>> {
        let running = self.running.borrow().get(id).map(Rc::clone);
        running
            .ok_or_else(|| Status::new(Code::NotFound, "no sandbox with that id has been started"))
    }
}
