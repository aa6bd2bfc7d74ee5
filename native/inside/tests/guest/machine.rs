//! A machine that only notes what is done to it, and an inside that takes it for its own.

use std::cell::{Cell, RefCell};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::rc::Rc;

use bytes::Bytes;
use glovebox_channel::{
    connection, Children, Figures, Guest, Identity, Machine, Offer, Program, Status, Wall,
};
use glovebox_wire::inside::{
    GuestEndedHow, GuestInput, GuestInputCase, GuestOutput, GuestOutputCase, GuestStart,
    HelloReply, IdentifyRequest, TerminalSize,
};
use glovebox_wire::message::Message;
use serde_json::Value;

use crate::client::{Client, End, Open, OK};
use crate::support::{binary, Scratch, Starter};

pub type Log = Rc<RefCell<Vec<String>>>;

struct Notes {
    log: Log,
    frozen: Cell<bool>,
    /// Whether what is frozen stands.
    stands: Rc<Cell<bool>>,
}

impl Notes {
    fn note(&self, what: String) -> Result<(), Status> {
        self.log.borrow_mut().push(what);
        Ok(())
    }
}

impl Machine for Notes {
    fn set_clock(&self, unix_ns: i64) -> Result<(), Status> {
        self.note(format!("clock {unix_ns}"))
    }

    fn reseed(&self, entropy: &[u8]) -> Result<(), Status> {
        self.note(format!("reseed {}", entropy.len()))
    }

    fn name(&self, hostname: &str, machine_id: &[u8]) -> Result<(), Status> {
        self.note(format!("name {hostname} {}", machine_id.len()))
    }

    fn mount_given(&self) -> Result<(), Status> {
        self.note("given".into())
    }

    fn freeze(&self, frozen: bool) -> Result<(), Status> {
        self.frozen.set(frozen);
        self.note(if frozen { "freeze" } else { "thaw" }.into())
    }

    fn is_frozen(&self) -> Result<bool, Status> {
        Ok(self.frozen.get() && self.stands.get())
    }

    fn power_off(&self) -> Result<(), Status> {
        self.note("off".into())
    }
}

/// An inside of a guest, and one host.
pub struct Room {
    pub client: Client,
    pub hello: HelloReply,
    pub log: Log,
    stands: Rc<Cell<bool>>,
    pub sockets: PathBuf,
    offer: Rc<Offer>,
    _scratch: Scratch,
}

impl Room {
    pub async fn new() -> Room {
        let scratch = Scratch::new(Starter::Root);
        let sockets = scratch.path().join("s");
        std::fs::create_dir(&sockets).expect("a directory");
        let log = Log::default();
        let stands = Rc::new(Cell::new(true));
        let identity = Rc::new(Identity::nobody().expect("random bytes"));
        let launcher = Program {
            path: binary().into(),
            arguments: vec!["jail".into()],
        };
        let guest = Guest::new(
            Box::new(Notes {
                log: Rc::clone(&log),
                frozen: Cell::default(),
                stands: Rc::clone(&stands),
            }),
            Rc::clone(&identity),
            launcher,
            Rc::new(Children::default()),
            sockets.clone(),
        );
        let root = std::fs::File::open("/").expect("a directory");
        let offer = Rc::new(Offer {
            hello: HelloReply::default(),
            identity,
            wall: Wall::Guest(Rc::new(guest)),
            root: root.into(),
            figures: Box::new(Figures::default()),
        });
        let (client, hello) = host(&offer).await;
        Room {
            client,
            hello,
            log,
            stands,
            sockets,
            offer,
            _scratch: scratch,
        }
    }

    /// One that starts sandboxes.
    pub async fn identified() -> Room {
        let room = Room::new().await;
        let (_, end) = room.client.unary("Guest/Identify", &identify(1)).await;
        assert_eq!(end.code, OK, "{end:?}");
        room
    }

    /// A process of it waits for a disk, say.
    pub fn never_stands(&self) {
        self.stands.set(false);
    }

    /// Another connection of the host's.
    pub async fn again(&self) -> (Client, HelloReply) {
        host(&self.offer).await
    }

    pub async fn start(&self, plan: &Value) -> Open {
        self.start_on(plan, None).await
    }

    pub async fn start_on(&self, plan: &Value, terminal: Option<TerminalSize>) -> Open {
        let mut open = self.client.open("Guest/Start").await;
        let plan = Bytes::from(plan.to_string());
        let start = GuestStart { plan, terminal };
        open.send(&input(GuestInputCase::Start(start))).await;
        open
    }
}

async fn host(offer: &Rc<Offer>) -> (Client, HelloReply) {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    theirs.set_nonblocking(true).expect("a socket");
    let stream = tokio::net::UnixStream::from_std(theirs).expect("a socket");
    tokio::task::spawn_local(connection(stream, Rc::clone(offer)));
    Client::greet(ours).await
}

pub fn identify(generation: u64) -> IdentifyRequest {
    IdentifyRequest {
        entropy: Bytes::from_static(&[7; 64]),
        generation,
        unix_ns: 1_800_000_000_000_000_000,
        hostname: "gb-1".into(),
        machine_id: Bytes::from_static(&[1; 16]),
    }
}

pub fn input(case: GuestInputCase) -> GuestInput {
    GuestInput { input: Some(case) }
}

/// What a call has said.
#[derive(Debug, Default)]
pub struct Said {
    pub status: String,
    pub stdout: String,
    pub stderr: String,
    pub how: Option<GuestEndedHow>,
    pub is_kept: bool,
}

impl Said {
    /// Hears until `enough`, or the end of the call.
    pub async fn until(
        &mut self,
        open: &mut Open,
        enough: impl Fn(&Said) -> bool,
    ) -> Result<(), End> {
        while !enough(self) {
            let output = GuestOutput::decode(open.next().await?).expect("a message");
            let text = |bytes: Bytes| String::from_utf8_lossy(&bytes).into_owned();
            let is_over = self.how.is_some() || self.is_kept;
            assert!(!is_over, "nothing comes after the end");
            match output.output.expect("an output") {
                GuestOutputCase::Status(bytes) => self.status.push_str(&text(bytes)),
                GuestOutputCase::Stdout(bytes) => self.stdout.push_str(&text(bytes)),
                GuestOutputCase::Stderr(bytes) => self.stderr.push_str(&text(bytes)),
                GuestOutputCase::Ended(ended) => self.how = ended.how,
                GuestOutputCase::Kept(_) => self.is_kept = true,
            }
        }
        Ok(())
    }

    /// To the end of a call that goes well.
    pub async fn all(mut self, open: &mut Open) -> Said {
        let end = self.until(open, |_| false).await.expect_err("its end");
        assert_eq!(end.code, OK, "{end:?} {self:?}");
        self
    }

    pub fn has(&self, event: &str) -> bool {
        self.status.contains(&format!("\"event\":\"{event}\""))
    }
}
