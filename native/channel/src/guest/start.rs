//! Start: one sandbox, from its plan to its launcher's end.

use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use glovebox_wire::inside::{
    GuestEnded, GuestEndedHow, GuestInput, GuestInputCase, GuestOutput, GuestOutputCase, GuestStart,
};
use glovebox_wire::Plan;

use super::launcher::{self, Commands, Launcher, Started};
use super::{check, Guest};
use crate::futures::{both, either, Either};
use crate::pipe::Pipe;
use crate::rpc::{Inbound, Reply};
use crate::status::{Code, Result, Status};
use crate::streams::{self, Ours, Over, Streams};

/// Field of GuestOutput. The others are those of ExecOutput.
const STATUS: u32 = 1;

impl Guest {
    pub async fn start(&self, inbound: &mut Inbound, reply: &Reply) -> Result<()> {
        self.must_be_identified()?;
        let first = inbound.next::<GuestInput>().await?;
        let Some(GuestInputCase::Start(start)) = first.and_then(|first| first.input) else {
            return Err(Status::invalid("the first message must be `start`"));
        };
        let GuestStart { plan, terminal } = start;
        let plan = one_line(plan)?;
        let id = id_of(&plan)?;
        // Declared first, so that it goes last: the launcher is killed before its directory is removed.
        let _room = self.rooms.take(&id)?;
        let Streams { ours, theirs } = Streams::open(terminal.as_ref())?;
        let started = launcher::start(&self.launcher, &self.children, theirs, terminal.is_some())?;
        let Started {
            launcher,
            commands,
            status,
        } = started;
        let commands = Registered::new(self, &id, commands);
        // The headers say that the launcher has been started.
        reply.begin()?;
        commands.own.write(plan).await.or_else(ended_already)?;
        let ended = follow(inbound, reply, ours, &status, &launcher, &commands.own).await?;
        reply.send(&output(GuestOutputCase::Ended(ended))).await
    }
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

/// A plan descriptor that `Command` finds.
struct Registered<'a> {
    guest: &'a Guest,
    id: &'a str,
    own: Rc<Commands>,
}

impl<'a> Registered<'a> {
    fn new(guest: &'a Guest, id: &'a str, commands: Commands) -> Registered<'a> {
        let own = Rc::new(commands);
        let mut all = guest.commands.borrow_mut();
        all.insert(id.to_owned(), Rc::clone(&own));
        drop(all);
        Registered { guest, id, own }
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.guest.commands.borrow_mut().remove(self.id);
    }
}

/// Carries bytes until the launcher has ended and all that was written is sent.
async fn follow(
    inbound: &mut Inbound,
    reply: &Reply,
    ours: Ours,
    status: &Pipe,
    launcher: &Launcher,
    commands: &Commands,
) -> Result<GuestEnded> {
    let Ours {
        stdin,
        stdout,
        stderr,
        terminal,
    } = ours;
    let over = Over::default();
    let out = async {
        let first = both(
            streams::pump(status, STATUS, reply, &over),
            streams::pump(&stdout, streams::STDOUT, reply, &over),
        );
        match &stderr {
            Some(stderr) => both(first, streams::pump(stderr, streams::STDERR, reply, &over))
                .await
                .map(drop),
            None => first.await.map(drop),
        }
    };
    let end = async {
        let end = launcher.ended().await;
        over.tell();
        end
    };
    let done = both(out, end);
    let input = feed(inbound, stdin, terminal.as_ref(), commands);
    // The input goes on as long as it may; what it finds wrong ends the call.
    let input = async {
        match input.await {
            Ok(()) => std::future::pending().await,
            Err(status) => status,
        }
    };
    match either(done, input).await {
        Either::First(done) => done.map(|((), status)| ended(status)),
        Either::Second(status) => Err(status),
    }
}

/// Takes what the host sends. A program that does not read stops it here, and the host by its window.
async fn feed(
    inbound: &mut Inbound,
    mut stdin: Option<Rc<Pipe>>,
    terminal: Option<&Rc<Pipe>>,
    commands: &Commands,
) -> Result<()> {
    while let Some(message) = inbound.next::<GuestInput>().await? {
        match message.input {
            Some(GuestInputCase::Stdin(bytes)) => streams::feed(&mut stdin, bytes).await?,
            Some(GuestInputCase::StdinEnd(_)) => streams::end_input(&mut stdin, terminal).await,
            Some(GuestInputCase::Command(lines)) => {
                check::lines(&lines)?;
                commands.write(lines).await.or_else(ended_already)?;
            }
            Some(GuestInputCase::Resize(size)) => match terminal {
                Some(terminal) => streams::resize(terminal, &size)?,
                None => return Err(Status::invalid("resize: this launcher has no terminal")),
            },
            Some(GuestInputCase::Start(_)) => return Err(Status::invalid("`start` comes once")),
            // A newer host's; it knows from Hello which protocol this is.
            None => {}
        }
    }
    streams::end_input(&mut stdin, terminal).await;
    Ok(())
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
