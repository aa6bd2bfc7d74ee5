//! Runs a program under the filter alone, without a jail, and prints what the supervisor records:
//! `cargo run -p glovebox-seccomp --example under -- node -e 1`. For finding out what a program needs.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use glovebox_seccomp::{Activity, Filter, FilterOptions, Supervisor, SupervisorOptions};

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut flag = |name: &str| {
        arguments
            .first()
            .is_some_and(|first| first == name)
            .then(|| arguments.remove(0))
            .is_some()
    };
    let (opens, quiet) = (flag("--opens"), flag("--quiet"));
    let Some((program, rest)) = arguments.split_first() else {
        return Err("which program?".into());
    };
    let options = FilterOptions {
        record_opens: opens,
        memory_accounted: true,
        ..FilterOptions::default()
    };
    let filter = Filter::compile(&options);
    let (number, told) = pipe()?;
    let (go, went) = pipe()?;
    let mut command = Command::new(program);
    command.args(rest);
    // SAFETY: makes only system calls, between fork and exec.
    unsafe {
        command.pre_exec(move || {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            let listener = filter.install()?;
            let fd = listener.as_raw_fd().to_ne_bytes();
            let mut byte = 0u8;
            libc::write(told.as_raw_fd(), fd.as_ptr().cast(), 4);
            libc::read(go.as_raw_fd(), std::ptr::addr_of_mut!(byte).cast(), 1);
            Ok(())
        });
    }
    // `spawn` comes back only after the execve, which the supervisor has to answer.
    let spawned = std::thread::spawn(move || command.status());
    let mut fd = [0; 4];
    rustix::io::read(&number, &mut fd)?;
    let child = child_of_this_process()?;
    let pidfd = rustix::process::pidfd_open(child, rustix::process::PidfdFlags::empty())?;
    let listener = rustix::process::pidfd_getfd(
        pidfd,
        i32::from_ne_bytes(fd),
        rustix::process::PidfdGetfdFlags::empty(),
    )?;
    let print = move |activity: &Activity| {
        if !quiet {
            let object = activity
                .address
                .as_ref()
                .or(activity.path.as_ref())
                .map_or("", String::as_str);
            eprintln!(
                "{:?} {:?} {} {object} by {} {}",
                activity.kind, activity.verdict, activity.rule, activity.program, activity.pid
            );
        }
        io::Result::Ok(())
    };
    let own_devices = vec![rustix::fs::stat("/tmp")?.st_dev];
    let supervisor = Supervisor::new(
        listener,
        SupervisorOptions {
            own_devices,
            exec_allow: None,
            runs_machines: false,
            egress: None,
            processors: None,
        },
        print,
    )?;
    rustix::io::write(&went, b"!")?;
    let (stop, _open) = pipe()?;
    supervisor.run(stop.as_fd())?;
    let status = spawned
        .join()
        .map_err(|_| "the thread that started it died")??;
    Ok(ExitCode::from(status.code().unwrap_or(128) as u8))
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: the kernel fills the array with two descriptors of ours.
    unsafe {
        if libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok((OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])))
    }
}

fn child_of_this_process() -> Result<rustix::process::Pid, Box<dyn std::error::Error>> {
    for task in std::fs::read_dir("/proc/self/task")? {
        let children = std::fs::read_to_string(task?.path().join("children"))?;
        if let Some(pid) = children.split_ascii_whitespace().next() {
            return rustix::process::Pid::from_raw(pid.parse()?).ok_or_else(|| "pid 0".into());
        }
    }
    Err("no child".into())
}
