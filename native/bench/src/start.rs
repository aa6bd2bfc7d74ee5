//! One start, timed.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Command, Stdio};
use std::time::Instant;

use rustix::io::{fcntl_setfd, FdFlags};

use crate::alternative::Alternative;

/// Nanoseconds from the start to the end of the program, which has to succeed.
pub fn time(alternative: &Alternative) -> Result<u64, String> {
    let mut command = Command::new(&alternative.argv[0]);
    command.args(&alternative.argv[1..]).env_clear();
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit());
    match &alternative.plan {
        None => finish(&alternative.name, command),
        Some(plan) => launch(&alternative.name, command, plan),
    }
}

fn launch(name: &str, mut command: Command, plan: &str) -> Result<u64, String> {
    let (plan_reader, plan_writer) = pipe()?;
    let (status_reader, status_writer) = pipe()?;
    inherit(&plan_reader)?;
    inherit(&status_writer)?;
    command
        .arg("--plan-fd")
        .arg(plan_reader.as_raw_fd().to_string());
    command
        .arg("--status-fd")
        .arg(status_writer.as_raw_fd().to_string());
    // A pipe holds 64 KiB (pipe(7)): a plan fits before its reader exists, and so do the status lines of a short program.
    let mut owner = File::from(plan_writer);
    writeln!(owner, "{plan}").map_err(|error| error.to_string())?;
    let took = finish(name, command)?;
    drop((owner, plan_reader, status_writer));
    let mut status = String::new();
    File::from(status_reader)
        .read_to_string(&mut status)
        .map_err(|error| error.to_string())?;
    if !status.contains("\"started\"") {
        return Err(format!("{name} has started nothing: {status}"));
    }
    Ok(took)
}

fn finish(name: &str, mut command: Command) -> Result<u64, String> {
    let started = Instant::now();
    let mut child = command
        .spawn()
        .map_err(|error| format!("{name}: {error}"))?;
    let status = child.wait().map_err(|error| format!("{name}: {error}"))?;
    let took = started.elapsed();
    if !status.success() {
        return Err(format!("{name} ended with {status}"));
    }
    u64::try_from(took.as_nanos()).map_err(|error| error.to_string())
}

fn pipe() -> Result<(OwnedFd, OwnedFd), String> {
    rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(|error| error.to_string())
}

fn inherit(descriptor: &OwnedFd) -> Result<(), String> {
    fcntl_setfd(descriptor, FdFlags::empty()).map_err(|error| error.to_string())
}
