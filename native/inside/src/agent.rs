//! The agent: serves the channel inside, started by pid 1 when the host first connects.
//!
//! It has the sandbox's identity and is confined by the same Landlock rules, but it is not one of the sandbox's
//! programs: it cannot execute, signal or trace anything, connects nowhere, and starts programs only by asking the seed,
//! whose confinement is theirs. What it reads from the host is hostile to it, and what the sandbox does to the tree too.

use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;
use std::time::Instant;

use glovebox_channel::{caps, serve, Figures, Identity, Jail, Listening, Offer, Seed, Wall};
use glovebox_seccomp::Filter;
use glovebox_wire::inside::{Enforcement, HelloReply};
use rustix::fs::{open, Mode, OFlags};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::net::{accept_with, SocketFlags};
use rustix::process::{
    getrlimit, set_dumpable_behavior, set_parent_process_death_signal, setrlimit, setsid, umask,
    DumpableBehavior, Pid, Resource, Rlimit, Signal,
};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};
use rustix::thread::set_no_new_privs;

use crate::door::Inlet;
use crate::fault::{Fault, Outcome, Step};
use crate::kernel::{close_from_but, exit_now, fork_into, Side};
use crate::landlock;
use crate::news::News;
use crate::sandbox::Terms;

const STAGE: &str = "channel";

/// Pid 1, the seed and the agent: not among the processes that the sandbox counts as its own.
pub const OURS: u32 = 3;

/// What allocates more than that is attacked, or leaks. Its windows are the larger part.
const MEMORY: u64 = 192 << 20;
const OPEN_FILES: u64 = 8192;

/// What pid 1 keeps for agents.
pub struct Keeper<'a> {
    pub terms: &'a Terms,
    pub inlet: Inlet,
    /// Its end of the seed's socket.
    pub seed: OwnedFd,
    pub ruleset: Option<OwnedFd>,
    pub since: Instant,
    agent: Option<Pid>,
    generation: u64,
}

impl<'a> Keeper<'a> {
    pub fn new(
        terms: &'a Terms,
        inlet: Inlet,
        seed: OwnedFd,
        ruleset: Option<OwnedFd>,
    ) -> Keeper<'a> {
        Keeper {
            terms,
            inlet,
            seed,
            ruleset,
            since: Instant::now(),
            agent: None,
            generation: 0,
        }
    }

    /// What pid 1 must not close.
    pub fn descriptors(&self) -> Vec<i32> {
        let mut all = vec![
            self.inlet.listener.as_raw_fd(),
            self.inlet.news.descriptor().as_raw_fd(),
            self.seed.as_raw_fd(),
        ];
        all.extend(self.ruleset.as_ref().map(AsRawFd::as_raw_fd));
        all
    }

    /// While nobody serves it, pid 1 looks at the listening socket.
    pub fn awaited(&self) -> Option<&OwnedFd> {
        match self.agent {
            None => Some(&self.inlet.listener),
            Some(_) => None,
        }
    }

    /// A child of pid 1 has ended: what an agent had started is killed.
    pub fn note_end(&mut self, pid: Pid) {
        if self.agent == Some(pid) {
            self.agent = None;
            glovebox_channel::seed::forget(&self.seed, self.generation);
        }
    }

    /// Somebody connects. Each agent costs a connection, so that one that cannot be started is not tried again and
    /// again: its caller finds the connection closed.
    pub fn answer(&mut self) {
        // Above 0 to 2, which are free in pid 1 and something else's in the agent.
        let accepted = accept_with(&self.inlet.listener, SocketFlags::CLOEXEC);
        let Ok(first) = accepted.and_then(|first| fcntl_dupfd_cloexec(first, 3)) else {
            return;
        };
        self.generation += 1;
        // SAFETY: pid 1 has one thread.
        match unsafe { fork_into(0) } {
            Ok(Side::Child) => self.serve(first),
            Ok(Side::Parent { child, .. }) => self.agent = Some(child),
            // No room for another process: the next connection may find some.
            Err(_) => {}
        }
    }

    fn serve(&self, first: OwnedFd) -> ! {
        // Whom should it be told? The host sees its connection close.
        let _why = self.confine(&first).and_then(|ready| ready.run(first));
        exit_now(1)
    }

    /// Everything is given up here that the work does not need; the rest is opened first.
    fn confine(&self, first: &OwnedFd) -> Outcome<Confined<'_>> {
        set_parent_process_death_signal(Some(Signal::KILL))
            .step(STAGE, || "tie to pid 1".into())?;
        set_dumpable_behavior(DumpableBehavior::NotDumpable).step(STAGE, || "hide".into())?;
        let mut kept = self.descriptors();
        kept.push(first.as_raw_fd());
        // SAFETY: the rest belonged to pid 1's housekeeping, which goes on elsewhere.
        unsafe { close_from_but(0, &kept) }.step(STAGE, || "close descriptors".into())?;
        // Numbers 0 to 2 must not be a peer's: a panic writes there.
        take_lowest_numbers().step(STAGE, || "open /dev/null".into())?;
        setsid().step(STAGE, || "start a session".into())?;
        umask(Mode::from_raw_mode(0o022));
        let news = self
            .inlet
            .news
            .look()
            .step(STAGE, || "hear the news".into())?;
        news.bounds.bind()?;
        limit(Resource::Core, 1)?;
        limit(Resource::Data, MEMORY)?;
        let files = getrlimit(Resource::Nofile).maximum.unwrap_or(OPEN_FILES);
        limit(Resource::Nofile, files.min(OPEN_FILES))?;
        let root = open(
            "/",
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .step(STAGE, || "open /".into())?;
        let identity =
            Identity::draw(self.generation).map_err(|status| Fault::host(STAGE, status.message))?;
        set_no_new_privs(true).step(STAGE, || "set no_new_privs".into())?;
        if let Some(ruleset) = &self.ruleset {
            landlock::restrict_self(ruleset).step(STAGE, || "restrict".into())?;
        }
        Filter::for_agent()
            .install_silently()
            .map_err(|error| Fault::host(STAGE, format!("install the filter: {error}")))?;
        Ok(Confined {
            keeper: self,
            root,
            identity: Rc::new(identity),
            news,
        })
    }
}

struct Confined<'a> {
    keeper: &'a Keeper<'a>,
    root: OwnedFd,
    identity: Rc<Identity>,
    news: News,
}

impl Confined<'_> {
    fn run(self, first: OwnedFd) -> Outcome<()> {
        let failed = |error: std::io::Error| Fault::host(STAGE, format!("serve: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(failed)?;
        let copy = |descriptor| crate::door::copy(descriptor);
        let (listener, seed) = (copy(&self.keeper.inlet.listener)?, copy(&self.keeper.seed)?);
        let command = &self.keeper.terms.plan.command;
        let pairs = command.env.iter();
        let env = pairs.map(|(name, value)| format!("{name}={value}").into_bytes());
        let env = Rc::new(env.collect());
        let directory = Rc::from(command.cwd.as_bytes());
        let hello = self.hello();
        let work = async move {
            let seed = Seed::new(seed, self.keeper.generation)?;
            let listen = tokio::task::spawn_local(Rc::clone(&seed).listen());
            let offer = Offer {
                hello,
                identity: self.identity,
                wall: Wall::Jail(Jail {
                    seed,
                    env,
                    directory,
                }),
                root: self.root,
                figures: Box::new(Figures {
                    since: Some(self.keeper.since),
                    ours: OURS,
                    ..self.news.figures
                }),
            };
            let listening = Listening {
                first,
                socket: listener,
            };
            let served = serve(Rc::new(offer), listening).await;
            listen.abort();
            served
        };
        tokio::task::LocalSet::new()
            .block_on(&runtime, work)
            .map_err(failed)
    }

    fn hello(&self) -> HelloReply {
        let line = |(control, mechanism, enforced): &(String, String, bool)| Enforcement {
            control: control.clone(),
            mechanism: mechanism.clone(),
            enforced: *enforced,
        };
        HelloReply {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            enforcements: self.news.enforcements.iter().map(line).collect(),
            ..HelloReply::default()
        }
    }
}

const _: () = assert!(caps::CONNECTION_WINDOW as u64 * (caps::CONNECTIONS as u64) < MEMORY);

fn take_lowest_numbers() -> rustix::io::Result<()> {
    let null = open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    // It has got the lowest number itself, which it must not close again.
    let null = fcntl_dupfd_cloexec(null, 3)?;
    dup2_stdin(&null)?;
    dup2_stdout(&null)?;
    dup2_stderr(&null)
}

fn limit(resource: Resource, value: u64) -> Outcome<()> {
    let both = Rlimit {
        current: Some(value),
        maximum: Some(value),
    };
    setrlimit(resource, both).step(STAGE, || format!("limit {resource:?}"))
}
