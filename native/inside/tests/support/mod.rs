//! Starts the real launcher with real plans, as root and as an ordinary user.
#![allow(dead_code)] // each test file uses its part

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{json, Value};

/// The ordinary user of tests that root runs; no account has it.
const ORDINARY: u32 = 61_240;

/// Long enough for a busy machine; nothing waits this long when it works.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Starter {
    Root,
    User,
}

/// Runs a test as everyone that we can be: root as both, an ordinary user as itself.
pub fn as_everyone(test: impl Fn(Starter)) {
    if rustix::process::geteuid().is_root() {
        test(Starter::Root);
    }
    test(Starter::User);
}

/// A directory that goes away with the test, readable by the ordinary user.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(starter: Starter) -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let unique = format!(
            "glovebox-test-{}-{}-{:?}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed),
            starter
        );
        let name: String = unique
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
            .collect();
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a scratch directory");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its mode");
        Scratch(path.canonicalize().expect("its real path"))
    }

    /// A directory in it that belongs to the one who starts the sandbox.
    pub fn directory(&self, name: &str, starter: Starter) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(&path).expect("a directory");
        self.give(&path, starter);
        path
    }

    pub fn file(&self, name: &str, content: &str, starter: Starter) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).expect("a file");
        self.give(&path, starter);
        path
    }

    fn give(&self, path: &Path, starter: Starter) {
        if rustix::process::geteuid().is_root() && starter == Starter::User {
            std::os::unix::fs::chown(path, Some(ORDINARY), Some(ORDINARY)).expect("chown");
        }
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            assert!(std::thread::panicking(), "{}: {error}", self.0.display());
        }
    }
}

/// A plan for a shell script, with the system's files and nothing else.
pub fn plan_for(script: &str) -> Value {
    json!({
        "schema": "glovebox/jail-plan/1",
        "id": "test",
        "command": {
            "path": "/bin/sh",
            "argv": ["sh", "-c", script],
            "cwd": "/",
            "env": { "PATH": "/usr/bin:/bin", "HOME": "/home/user" },
            "terminal": false
        },
        "mounts": system_mounts(),
        "deny": [],
        "exec": null,
        "limits": {
            "memory": { "value": 536_870_912, "explicit": false },
            "cpus": { "value": 1, "explicit": false },
            "pids": { "value": 64, "explicit": false },
            "disk": { "value": 16_777_216, "explicit": false },
            "openFiles": { "value": 256, "explicit": false },
            "time": null
        },
        "mode": "enforce",
        "allowDegraded": [],
        "channel": null,
        "hold": false,
        "egress": null,
        "devices": []
    })
}

/// /usr, and what of /bin and the like is a directory of its own on this host.
fn system_mounts() -> Value {
    let mounts: Vec<Value> = ["/usr", "/bin", "/sbin", "/lib", "/lib64"]
        .into_iter()
        .filter(|path| fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()))
        .map(|path| mount_of(path, path, "read", true, "system"))
        .collect();
    Value::Array(mounts)
}

fn mount_of(source: &str, target: &str, access: &str, exec: bool, owner: &str) -> Value {
    json!({ "source": source, "target": target, "access": access, "exec": exec, "owner": owner })
}

pub fn add_mount(plan: &mut Value, source: &Path, target: &str, access: &str) {
    let source = source.to_str().expect("a plain path");
    let mount = mount_of(source, target, access, false, "user");
    plan["mounts"].as_array_mut().expect("a list").push(mount);
}

/// A launcher at work.
pub struct Jail {
    pub child: Child,
    pub plan: Option<UnixStream>,
    pub status: Option<BufReader<UnixStream>>,
}

/// All that it left.
pub struct Outcome {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub status: Vec<Value>,
}

impl Jail {
    pub fn start(starter: Starter, plan: &Value) -> Jail {
        Jail::start_with(starter, plan, |_| {})
    }

    pub fn start_with(starter: Starter, plan: &Value, change: impl FnOnce(&mut Command)) -> Jail {
        let mut jail = Jail::start_before(starter, &[], change);
        jail.say(plan);
        jail
    }

    /// All of this is there before the launcher is.
    pub fn start_before(
        starter: Starter,
        lines: &[&Value],
        change: impl FnOnce(&mut Command),
    ) -> Jail {
        let (mut plan_ours, plan_theirs) = UnixStream::pair().expect("a socket pair");
        let (status_ours, status_theirs) = UnixStream::pair().expect("a socket pair");
        let plan_theirs: OwnedFd = plan_theirs.into();
        let status_theirs: OwnedFd = status_theirs.into();
        for line in lines {
            let said = plan_ours.write_all(format!("{line}\n").as_bytes());
            said.expect("room in the socket");
        }
        let mut command = Command::new(binary());
        command
            .args(["jail", "--plan-fd", "3", "--status-fd", "4"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if rustix::process::geteuid().is_root() && starter == Starter::User {
            command.uid(ORDINARY).gid(ORDINARY);
        }
        change(&mut command);
        let descriptors = [plan_theirs.as_raw_fd(), status_theirs.as_raw_fd()];
        // SAFETY: between fork and exec, only dup and close-on-exec-free copies are made; by way of
        // numbers that are neither of the two targets.
        unsafe {
            command.pre_exec(move || {
                let high: Vec<i32> = descriptors
                    .iter()
                    .map(|descriptor| libc::fcntl(*descriptor, libc::F_DUPFD, 100))
                    .collect();
                for (target, source) in [3, 4].into_iter().zip(high) {
                    if libc::dup2(source, target) < 0 {
                        return Err(std::io::Error::last_os_error());
                    }
                    libc::close(source);
                }
                Ok(())
            });
        }
        let child = command.spawn().expect("the launcher starts");
        drop((plan_theirs, status_theirs));
        Jail {
            child,
            plan: Some(plan_ours),
            status: Some(BufReader::new(status_ours)),
        }
    }

    /// One line on the plan descriptor. A launcher that is gone already tells by its exit.
    pub fn say(&mut self, line: &Value) {
        if let Some(plan) = &mut self.plan {
            let _sent = plan.write_all(format!("{line}\n").as_bytes());
        }
    }

    pub fn next_status(&mut self) -> Option<Value> {
        let mut line = String::new();
        let status = self.status.as_mut().expect("the status is open");
        status
            .get_mut()
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout");
        match status.read_line(&mut line).expect("a status in time") {
            0 => None,
            _ => Some(serde_json::from_str(&line).expect("status lines are JSON")),
        }
    }

    /// Reads status lines up to one of a kind.
    pub fn wait_for(&mut self, event: &str) -> Value {
        while let Some(status) = self.next_status() {
            if status["event"] == event {
                return status;
            }
            assert_ne!(status["event"], "error", "{status}");
        }
        panic!("the status ended without {event}");
    }

    pub fn read_line(&mut self) -> String {
        let mut line = Vec::new();
        let stdout = self.child.stdout.as_mut().expect("stdout is piped");
        let mut byte = [0u8; 1];
        while stdout.read(&mut byte).expect("stdout is readable") == 1 && byte[0] != b'\n' {
            line.push(byte[0]);
        }
        String::from_utf8_lossy(&line).into_owned()
    }

    pub fn finish(mut self) -> Outcome {
        let mut status = Vec::new();
        while self.status.is_some() {
            match self.next_status() {
                Some(line) => status.push(line),
                None => self.status = None,
            }
        }
        let mut stdout = String::new();
        let mut stderr = String::new();
        if let Some(pipe) = &mut self.child.stdout {
            pipe.read_to_string(&mut stdout).expect("stdout is text");
        }
        if let Some(pipe) = &mut self.child.stderr {
            pipe.read_to_string(&mut stderr).expect("stderr is text");
        }
        let exit = self.child.wait().expect("the launcher ends");
        Outcome {
            code: exit.code(),
            signal: exit.signal(),
            stdout,
            stderr,
            status,
        }
    }
}

impl std::fmt::Debug for Outcome {
    /// Without the receipt, which is long and the same.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(formatter, "code {:?} signal {:?}", self.code, self.signal)?;
        writeln!(
            formatter,
            "stdout {:?}\nstderr {:?}",
            self.stdout, self.stderr
        )?;
        for line in self.status.iter().filter(|line| line["event"] != "receipt") {
            writeln!(formatter, "{line}")?;
        }
        Ok(())
    }
}

impl Outcome {
    pub fn event(&self, name: &str) -> &Value {
        let found = self.status.iter().find(|status| status["event"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {self:#?}"))
    }

    pub fn has(&self, name: &str) -> bool {
        self.status.iter().any(|status| status["event"] == name)
    }
}

pub fn run(starter: Starter, plan: &Value) -> Outcome {
    Jail::start(starter, plan).finish()
}

/// Runs a script and returns what it printed; it must end well.
pub fn output_of(starter: Starter, script: &str) -> String {
    let outcome = run(starter, &plan_for(script));
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    outcome.stdout
}

/// The launcher where the ordinary user can start it.
pub fn binary() -> PathBuf {
    static COPY: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    COPY.get_or_init(|| {
        let name = format!("glovebox-inside-test-{}", std::process::id());
        let copy = std::env::temp_dir().join(name);
        fs::copy(env!("CARGO_BIN_EXE_glovebox-inside"), &copy).expect("a copy of the launcher");
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).expect("its mode");
        // SAFETY: a plain function that removes one file when the tests end.
        unsafe { libc::atexit(remove_copy) };
        copy
    })
    .clone()
}

extern "C" fn remove_copy() {
    let name = format!("glovebox-inside-test-{}", std::process::id());
    let _removed = fs::remove_file(std::env::temp_dir().join(name));
}

/// Waits for something to become true.
pub fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        std::thread::yield_now();
    }
}

/// Host pids of the processes whose command line has this marker.
pub fn processes_with(marker: &str) -> Vec<i32> {
    let own = std::process::id();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else {
            continue;
        };
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if pid as u32 != own && String::from_utf8_lossy(&command).contains(marker) {
            found.push(pid);
        }
    }
    found
}

/// Host pids of the children of a process.
pub fn children_of(parent: i32) -> Vec<i32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{parent}/task")) else {
        return Vec::new();
    };
    let lists = tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .flat_map(str::parse)
                .collect::<Vec<i32>>()
        })
        .collect()
}

/// The cgroups of a launcher, in whatever hierarchy.
pub fn leftovers_of(launcher: u32) -> Vec<PathBuf> {
    let name = format!("glovebox-{launcher}-");
    let mut found = Vec::new();
    let mut directories = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if entry.file_name().to_string_lossy().starts_with(&name) {
                found.push(entry.path());
            } else {
                directories.push(entry.path());
            }
        }
    }
    found
}
