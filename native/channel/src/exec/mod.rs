//! Exec: a further program in the sandbox. Its confinement is the seed's; here are its streams.

mod check;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Instant;

use crate::rpc::{Inbound, Reply};
use crate::seed::{Made, Program, Seed};
use crate::status::{Code, Result, Status};
use crate::streams::{self, Input, Ours, Over, Streams, Unread};
use crate::wall::Jail;
use glovebox_wire::inside::{
    ExecEnded, ExecEndedHow, ExecInput, ExecInputCase, ExecOutput, ExecOutputCase, ExecStarted,
    SignalRequest,
};

/// What Exec works with; one for each connection.
pub struct Exec {
    pub seed: Rc<Seed>,
    /// The sandbox's own environment.
    pub env: Rc<Vec<Vec<u8>>>,
    /// Where it runs its own program.
    pub directory: Rc<[u8]>,
    running: RefCell<HashMap<i32, Rc<RefCell<Program>>>>,
}

impl Exec {
    pub fn new(jail: &Jail) -> Exec {
        Exec {
            seed: Rc::clone(&jail.seed),
            env: Rc::clone(&jail.env),
            directory: Rc::clone(&jail.directory),
            running: RefCell::default(),
        }
    }

    /// A signal past whatever is in line for stdin.
    pub fn signal(&self, request: &SignalRequest) -> Result<()> {
        let signal = check::signal(request.signal)?;
        let running = self.running.borrow();
        let program = running.get(&request.pid).ok_or_else(|| {
            Status::new(
                Code::NotFound,
                "no call of this connection runs that program",
            )
        })?;
        let sent = program.borrow().signal(signal);
        sent
    }

    pub async fn run(&self, inbound: &mut Inbound, reply: &Reply) -> Result<()> {
        let start = match inbound
            .next::<ExecInput>()
            .await?
            .and_then(|first| first.input)
        {
            Some(ExecInputCase::Start(start)) => start,
            _ => return Err(Status::invalid("the first message must be `start`")),
        };
        let words = check::words(&start, &self.env, &self.directory)?;
        let begun = Instant::now();
        let Streams { ours, theirs } = Streams::open(start.terminal.as_ref())?;
        let made = self.seed.spawn(words.spawn(theirs)).await?;
        let program = match made {
            Made::Started(program) => program,
            Made::NotExecuted(errno) => {
                let ended = ExecEnded {
                    how: Some(ExecEndedHow::NotExecuted(errno)),
                    ..ExecEnded::default()
                };
                return reply.send(&output(ExecOutputCase::Ended(ended))).await;
            }
        };
        let pid = program.pid;
        let registered = Registered::new(self, program);
        reply
            .send(&output(ExecOutputCase::Started(ExecStarted { pid })))
            .await?;
        let ended = follow(inbound, reply, ours, &registered.program).await?;
        let wall_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        reply
            .send(&output(ExecOutputCase::Ended(ExecEnded {
                wall_ms,
                ..ended
            })))
            .await
    }
}

/// A program that `signal` finds.
struct Registered<'a> {
    exec: &'a Exec,
    pid: i32,
    program: Rc<RefCell<Program>>,
}

impl<'a> Registered<'a> {
    fn new(exec: &'a Exec, program: Program) -> Registered<'a> {
        let pid = program.pid;
        let program = Rc::new(RefCell::new(program));
        exec.running.borrow_mut().insert(pid, Rc::clone(&program));
        Registered { exec, pid, program }
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.exec.running.borrow_mut().remove(&self.pid);
    }
}

fn output(case: ExecOutputCase) -> ExecOutput {
    ExecOutput { output: Some(case) }
}

/// Carries bytes until the program has ended and all that it wrote is sent.
async fn follow(
    inbound: &mut Inbound,
    reply: &Reply,
    ours: Ours,
    program: &RefCell<Program>,
) -> Result<ExecEnded> {
    let Ours { input, mut output } = ours;
    let over = Over::default();
    let input = feed(inbound, input, program);
    // A host that does not read any more ends the call, or signals the program.
    let unread = Unread::default();
    let output = output.pump(reply, &over, &unread);
    let end = streams::until_ended(output, wait(program), input, &over).await?;
    let how = match libc::WIFEXITED(end.status) {
        true => ExecEndedHow::Code(libc::WEXITSTATUS(end.status)),
        false => ExecEndedHow::Signal(libc::WTERMSIG(end.status)),
    };
    Ok(ExecEnded {
        how: Some(how),
        wall_ms: 0,
        cpu_ms: end.cpu_ms,
        peak_memory_bytes: end.peak_memory_bytes,
    })
}

/// Waits without keeping the program borrowed, which signals need meanwhile.
async fn wait(program: &RefCell<Program>) -> Result<crate::seed::End> {
    let ended = program.borrow_mut().take_end();
    let end = match ended {
        Some(ended) => ended.await,
        None => return Err(Status::new(Code::Internal, "awaited twice")),
    };
    match end {
        Ok(end) => Ok(end),
        Err(_) => Err(Status::new(
            Code::Unavailable,
            "the process that starts programs is gone, and the program with it",
        )),
    }
}

/// Takes what the peer sends.
async fn feed(inbound: &mut Inbound, mut input: Input, program: &RefCell<Program>) -> Result<()> {
    while let Some(message) = inbound.next::<ExecInput>().await? {
        match message.input {
            Some(ExecInputCase::Stdin(bytes)) => input.put(bytes).await?,
            Some(ExecInputCase::StdinEnd(_)) => input.end().await,
            Some(ExecInputCase::Signal(signal)) => {
                let signal = check::signal(signal)?;
                program.borrow().signal(signal)?;
            }
            Some(ExecInputCase::Resize(size)) => input.resize(&size)?,
            Some(ExecInputCase::Start(_)) => return Err(Status::invalid("`start` comes once")),
            // A newer host's; it knows from Hello which protocol this is.
            None => {}
        }
    }
    input.end().await;
    Ok(())
}
