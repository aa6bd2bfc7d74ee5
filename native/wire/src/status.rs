use serde_json::{json, Value};

use crate::{Access, Enforcement};

/// Strings that came from the sandbox are cut here.
pub const MAX_STRING: usize = 4096;

/// One line on the status descriptor: `receipt`, `started`, activities and limits, `exit`;
/// or `error` before `started`.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    Receipt(Receipt),
    Started(Started),
    Activity(Activity),
    Limit(LimitHit),
    Exit(Exit),
    Error(Failure),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Receipt {
    /// Version of glovebox-inside.
    pub inside: String,
    pub kernel: String,
    pub enforcements: Vec<Enforcement>,
    /// SHA-256 of the seccomp program, hex.
    pub seccomp: String,
    /// ABI in force, 0 when the kernel has none.
    pub landlock_abi: u32,
    /// User id on the host that the sandbox's processes have.
    pub host_uid: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// Host pid of the program.
    pub pid: i32,
    /// Host pid of the sandbox's pid 1.
    pub init_pid: i32,
}

/// Something that the sandbox tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    pub kind: ActivityKind,
    /// Host pid.
    pub pid: i32,
    pub program: String,
    pub address: Option<String>,
    /// As the program spelled it.
    pub path: Option<String>,
    /// What a file was opened for.
    pub access: Option<Access>,
    pub verdict: Verdict,
    /// The rule that decided.
    pub rule: String,
    /// How many times in a row; more than one only in a flood.
    pub count: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivityKind {
    Connect,
    Bind,
    Send,
    Exec,
    Open,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    Denied,
    /// The kernel's own rules decide; this is only the record.
    Recorded,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitHit {
    pub limit: LimitKind,
    /// One sentence for people.
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    Memory,
    Pids,
    Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Exactly one of the two is set.
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub out_of_memory: bool,
    pub timed_out: bool,
    pub wall_ms: u64,
    pub cpu_ms: u64,
    pub peak_memory_bytes: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub code: FailureCode,
    /// Which step failed.
    pub stage: String,
    pub message: String,
    pub fix: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureCode {
    /// The plan asks for what cannot be.
    Plan,
    /// This host cannot enforce what was asked.
    HostCannot,
    /// The program is not there.
    NotFound,
    /// The program cannot be executed.
    NotExecutable,
    /// A step of the start failed.
    Start,
    /// A fault of our own.
    Internal,
}

impl Status {
    /// One line, newline included.
    pub fn to_line(&self) -> Vec<u8> {
        let mut line = self.to_json().to_string().into_bytes();
        line.push(b'\n');
        line
    }

    pub fn to_json(&self) -> Value {
        match self {
            Status::Receipt(receipt) => receipt.to_json(),
            Status::Started(started) => {
                json!({ "event": "started", "pid": started.pid, "initPid": started.init_pid })
            }
            Status::Activity(activity) => activity.to_json(),
            Status::Limit(hit) => {
                json!({ "event": "limit", "limit": hit.limit.name(), "detail": hit.detail })
            }
            Status::Exit(exit) => exit.to_json(),
            Status::Error(failure) => failure.to_json(),
        }
    }
}

impl Receipt {
    fn to_json(&self) -> Value {
        let enforcements: Vec<Value> = self.enforcements.iter().map(Enforcement::to_json).collect();
        json!({
            "event": "receipt",
            "inside": self.inside,
            "kernel": self.kernel,
            "enforcements": enforcements,
            "seccomp": self.seccomp,
            "landlockAbi": self.landlock_abi,
            "hostUid": self.host_uid,
        })
    }
}

impl Activity {
    fn to_json(&self) -> Value {
        let mut value = json!({
            "event": "activity",
            "kind": self.kind.name(),
            "pid": self.pid,
            "program": self.program,
            "verdict": self.verdict.name(),
            "rule": self.rule,
        });
        if let Some(address) = &self.address {
            value["address"] = json!(address);
        }
        if let Some(path) = &self.path {
            value["path"] = json!(path);
        }
        if let Some(access) = self.access {
            value["access"] = json!(match access {
                Access::Read => "read",
                Access::Write => "write",
            });
        }
        if self.count > 1 {
            value["count"] = json!(self.count);
        }
        value
    }
}

impl Exit {
    fn to_json(self) -> Value {
        json!({
            "event": "exit",
            "code": self.code,
            "signal": self.signal,
            "outOfMemory": self.out_of_memory,
            "timedOut": self.timed_out,
            "wallMs": self.wall_ms,
            "cpuMs": self.cpu_ms,
            "peakMemoryBytes": self.peak_memory_bytes,
        })
    }
}

impl Failure {
    /// Reads back a line that [`Status::to_line`] wrote; `None` when it is not one of those.
    pub fn parse(line: &[u8]) -> Option<Failure> {
        let value: Value = serde_json::from_slice(line).ok()?;
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Failure {
            code: FailureCode::from_name(value.get("code")?.as_str()?)?,
            stage: text("stage")?,
            message: text("message")?,
            fix: text("fix"),
        })
    }

    fn to_json(&self) -> Value {
        json!({
            "event": "error",
            "code": self.code.name(),
            "stage": self.stage,
            "message": self.message,
            "fix": self.fix,
        })
    }
}

impl ActivityKind {
    pub fn name(self) -> &'static str {
        match self {
            ActivityKind::Connect => "connect",
            ActivityKind::Bind => "bind",
            ActivityKind::Send => "send",
            ActivityKind::Exec => "exec",
            ActivityKind::Open => "open",
        }
    }
}

impl Verdict {
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Allowed => "allowed",
            Verdict::Denied => "denied",
            Verdict::Recorded => "recorded",
        }
    }
}

impl LimitKind {
    pub fn name(self) -> &'static str {
        match self {
            LimitKind::Memory => "memory",
            LimitKind::Pids => "pids",
            LimitKind::Time => "time",
        }
    }
}

impl FailureCode {
    const ALL: [FailureCode; 6] = [
        FailureCode::Plan,
        FailureCode::HostCannot,
        FailureCode::NotFound,
        FailureCode::NotExecutable,
        FailureCode::Start,
        FailureCode::Internal,
    ];

    fn from_name(name: &str) -> Option<FailureCode> {
        FailureCode::ALL
            .into_iter()
            .find(|code| code.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            FailureCode::Plan => "plan",
            FailureCode::HostCannot => "host-cannot",
            FailureCode::NotFound => "not-found",
            FailureCode::NotExecutable => "not-executable",
            FailureCode::Start => "start",
            FailureCode::Internal => "internal",
        }
    }
}

/// Lossy UTF-8 of at most [`MAX_STRING`] bytes.
pub fn cut(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_STRING)]).into_owned();
    if text.len() > MAX_STRING {
        let mut end = MAX_STRING;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    text
}
