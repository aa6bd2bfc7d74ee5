//! A sandbox with a channel, and programs in it.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use glovebox_wire::inside::{
    ExecEndedHow, ExecInput, ExecInputCase, ExecOutput, ExecOutputCase, ExecStart,
};
use serde_json::{json, Value};

use crate::client::{Client, End, Open};
use crate::support::{plan_for, Jail, Scratch, Starter};

/// A program that is there until it is ended.
pub const SLEEPS: &str = "exec sleep 1000";

/// A sandbox with a channel, whose program runs until it is ended.
pub struct Room {
    init_pid: i32,
    landlock_abi: u64,
    pub jail: Jail,
    pub socket: PathBuf,
    _scratch: Scratch,
}

impl Room {
    pub fn new(starter: Starter, script: &str) -> Room {
        Room::with(starter, script, |_, _| {})
    }

    pub fn with(starter: Starter, script: &str, change: impl Fn(&mut Value, &Scratch)) -> Room {
        let scratch = Scratch::new(starter);
        let socket = scratch.directory("channel", starter).join("s");
        let mut plan = plan_for(script);
        plan["channel"] = json!({ "socket": socket });
        change(&mut plan, &scratch);
        let mut jail = Jail::start(starter, &plan);
        let receipt = jail.wait_for("receipt");
        let landlock_abi = receipt["landlockAbi"].as_u64().expect("an ABI");
        let started = jail.wait_for("started");
        let init_pid = started["initPid"].as_i64().expect("a pid") as i32;
        Room {
            jail,
            socket,
            _scratch: scratch,
            init_pid,
            landlock_abi,
        }
    }

    pub fn connect(&self) -> UnixStream {
        UnixStream::connect(&self.socket).expect("somebody listens")
    }

    pub fn init_pid(&self) -> i32 {
        self.init_pid
    }

    pub fn landlock_abi(&self) -> u64 {
        self.landlock_abi
    }

    pub fn jail_is_alive(&self) -> bool {
        std::path::Path::new(&format!("/proc/{}", self.init_pid)).exists()
    }

    pub async fn greet(&self) -> Client {
        Client::greet(self.connect()).await.0
    }
}

impl Drop for Room {
    /// The launcher's end, before the directory of its socket goes.
    fn drop(&mut self) {
        self.jail.plan = None;
        let _ended = self.jail.child.wait();
    }
}

pub fn exec(words: &[&str]) -> ExecInput {
    start(ExecStart {
        argv: words
            .iter()
            .map(|word| Bytes::copy_from_slice(word.as_bytes()))
            .collect(),
        ..ExecStart::default()
    })
}

pub fn start(start: ExecStart) -> ExecInput {
    input(ExecInputCase::Start(start))
}

pub fn input(case: ExecInputCase) -> ExecInput {
    ExecInput { input: Some(case) }
}

#[derive(Debug, Default)]
pub struct Ran {
    pub out: Vec<u8>,
    pub err: Vec<u8>,
    pub how: Option<ExecEndedHow>,
    pub end: Option<End>,
}

impl Ran {
    pub fn of(mut self, output: ExecOutput) -> Ran {
        match output.output {
            Some(ExecOutputCase::Stdout(bytes)) => self.out.extend_from_slice(&bytes),
            Some(ExecOutputCase::Stderr(bytes)) => self.err.extend_from_slice(&bytes),
            Some(ExecOutputCase::Ended(ended)) => self.how = ended.how,
            Some(ExecOutputCase::Started(_)) | None => {}
        }
        self
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }
}

pub async fn finish(mut call: Open) -> Ran {
    let mut ran = Ran::default();
    loop {
        match call.message::<ExecOutput>().await {
            Ok(output) => ran = ran.of(output),
            Err(end) => {
                ran.end = Some(end);
                return ran;
            }
        }
    }
}

pub async fn ran(client: &Client, messages: &[ExecInput]) -> Ran {
    let mut call = client.open("Exec/Exec").await;
    for message in messages {
        call.send(message).await;
    }
    call.finish();
    finish(call).await
}

pub async fn shell(client: &Client, script: &str) -> Ran {
    ran(client, &[exec(&["sh", "-c", script])]).await
}

/// What has to be over in this time, by what each of three tries says that it took. What else runs on the machine only makes a try
/// longer, so the shortest is its own time: one that waits for something does so each time.
pub fn within(limit: Duration, attempt: impl Fn() -> Duration) {
    let mut took = Vec::new();
    while took.len() < 3 {
        let time = attempt();
        if time < limit {
            return;
        }
        took.push(time);
    }
    panic!("not within {limit:?}, but {took:?}");
}
