//! Start: one sandbox, from its plan to its launcher's end, or until it is kept for another host (`kept.rs`).

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use glovebox_wire::inside::{
    Empty, GuestEnded, GuestEndedHow, GuestInput, GuestInputCase, GuestOutput, GuestOutputCase,
    GuestStart,
};
use glovebox_wire::Plan;
use tokio::sync::Notify;

use super::launcher::{self, Commands, Launcher, Started};
use super::rooms::Room;
use super::{check, Found, Guest};
use crate::futures::{both, either, Either};
use crate::pipe::Pipe;
use crate::rpc::{Inbound, Reply};
use crate::status::{Code, Result, Status};
use crate::streams::{self, Input, Ours, Over, Streams, Unread};

/// Field of GuestOutput. The others are those of ExecOutput.
const STATUS: u32 = 1;

/// A sandbox, whoever its host is. In this order it is let go of: the launcher is killed before its directory is removed.
pub struct Running {
    launcher: Launcher,
    status: Pipe,
    ours: Ours,
    commands: Registered,
    _room: Room,
}

impl Guest {
    pub async fn start(&self, inbound: &mut Inbound, reply: &Reply) -> Result<()> {
        self.must_be_identified()?;
        self.must_keep_nothing()?;
        self.end_standstill()?;
        let first = inbound.next::<GuestInput>().await?;
        let Some(GuestInputCase::Start(start)) = first.and_then(|first| first.input) else {
            return Err(Status::invalid("the first message must be `start`"));
        };
        let GuestStart { plan, terminal } = start;
        let plan = one_line(plan)?;
        let id = id_of(&plan)?;
        let room = self.rooms.take(&id)?;
        let Streams { ours, theirs } = Streams::open(terminal.as_ref())?;
        let started = launcher::start(&self.launcher, &self.children, theirs, terminal.is_some())?;
        let Started {
            launcher,
            commands,
            status,
        } = started;
        let running = Running {
            launcher,
            status,
            ours,
            commands: Registered::new(&self.running, id, commands),
            _room: room,
        };
        // The headers say that the launcher has been started.
        reply.begin()?;
        let commands = &running.commands.own.commands;
        commands.write(plan).await.or_else(ended_already)?;
        self.carry(running, inbound, reply).await
    }

    /// To its end, or until the host has it kept.
    pub async fn carry(
        &self,
        mut running: Running,
        inbound: &mut Inbound,
        reply: &Reply,
    ) -> Result<()> {
        match self.follow(&mut running, inbound, reply).await? {
            Left::Ended(status) => {
                let ended = GuestOutputCase::Ended(ended(status));
                reply.send(&output(ended)).await
            }
            Left::Standing => {
                // Said first: one whose host has not heard of it goes with the call.
                let kept = GuestOutputCase::Kept(Empty {});
                reply.send(&output(kept)).await?;
                self.keep(running);
                Ok(())
            }
        }
    }

    /// Carries bytes until the launcher has ended, or nothing of the sandbox runs, and all that was written is sent.
    async fn follow(
        &self,
        running: &mut Running,
        inbound: &mut Inbound,
        reply: &Reply,
    ) -> Result<Left> {
        let Running {
            launcher,
            status,
            ours: Ours { input, output },
            commands,
            ..
        } = running;
        let over = Over::default();
        let stands = Notify::new();
        let input = self.feed(inbound, input, &commands.own.commands, &stands);
        let output = async {
            let status = streams::pump(status, STATUS, reply, &over, None);
            let output = output.pump(reply, &over, &commands.own.unread);
            both(status, output).await.map(drop)
        };
        let left = async {
            match either(launcher.ended(), stands.notified()).await {
                Either::First(status) => status.map(Left::Ended),
                Either::Second(()) => Ok(Left::Standing),
            }
        };
        streams::until_ended(output, left, input, &over).await
    }

    /// Takes what the host sends. A program that does not read stops it here, and the host by its window.
    async fn feed(
        &self,
        inbound: &mut Inbound,
        input: &mut Input,
        commands: &Commands,
        stands: &Notify,
    ) -> Result<()> {
        while let Some(message) = inbound.next::<GuestInput>().await? {
            match message.input {
                Some(GuestInputCase::Stdin(bytes)) => input.put(bytes).await?,
                Some(GuestInputCase::StdinEnd(_)) => input.end().await,
                Some(GuestInputCase::Command(lines)) => {
                    check::lines(&lines)?;
                    commands.write(lines).await.or_else(ended_already)?;
                }
                Some(GuestInputCase::Resize(size)) => input.resize(&size)?,
                Some(GuestInputCase::Start(_)) => {
                    return Err(Status::invalid("`start` comes once"))
                }
                Some(GuestInputCase::Keep(_)) => {
                    self.stand_still().await?;
                    stands.notify_one();
                    return Ok(());
                }
                // A newer host's; it knows from Hello which protocol this is.
                None => {}
            }
        }
        input.end().await;
        Ok(())
    }
}

/// How a call leaves its sandbox.
enum Left {
    /// Of wait(2).
    Ended(i32),
    Standing,
}

/// With the newline that ends it.
fn one_line(plan: Bytes) -> Result<Bytes> {
    let line = plan.strip_suffix(b"\n").unwrap_or(&plan);
    if line.contains(&b'\n') {
        return Err(Status::invalid("plan: must be one line"));
    }
    if line.len() < plan.len() {
        return Ok(plan);
    }
    let mut whole = BytesMut::with_capacity(plan.len() + 1);
    whole.extend_from_slice(&plan);
    whole.extend_from_slice(b"\n");
    Ok(whole.freeze())
}

/// The launcher reads the plan again, and believes nobody. Its id is a plain name.
fn id_of(line: &[u8]) -> Result<String> {
    match Plan::parse(line) {
        Ok(plan) => Ok(plan.id),
        Err(error) => Err(Status::invalid(format!("plan: {error}"))),
    }
}

/// A launcher that has ended says why on its status.
fn ended_already(status: Status) -> Result<()> {
    match status.code {
        Code::NotFound => Ok(()),
        _ => Err(status),
    }
}

type AllFound = Rc<RefCell<HashMap<String, Rc<Found>>>>;

/// A launcher that `Command` and `CloseOutput` find.
struct Registered {
    all: AllFound,
    id: String,
    own: Rc<Found>,
}

impl Registered {
    fn new(all: &AllFound, id: String, commands: Commands) -> Registered {
        let unread = Unread::default();
        let own = Rc::new(Found { commands, unread });
        all.borrow_mut().insert(id.clone(), Rc::clone(&own));
        Registered {
            all: Rc::clone(all),
            id,
            own,
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.all.borrow_mut().remove(&self.id);
    }
}

fn ended(status: i32) -> GuestEnded {
    let how = match libc::WIFEXITED(status) {
        true => GuestEndedHow::Code(libc::WEXITSTATUS(status)),
        false => GuestEndedHow::Signal(libc::WTERMSIG(status)),
    };
    GuestEnded { how: Some(how) }
}

fn output(case: GuestOutputCase) -> GuestOutput {
    GuestOutput { output: Some(case) }
}
