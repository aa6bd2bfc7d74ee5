//! Running what may not be run. Our own program with the word `mark` as its argument ends with code 42,
//! which is how an attack knows that the kernel executed it.

use super::mark::FORBIDDEN;
use crate::report::{first, Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::{c, close, Ended, Res};

pub const MARK: i32 = 42;

pub const ATTACKS: &[Attack] = &[
    ("exec-path", exec_path),
    ("exec-copy", exec_copy),
    ("exec-script", exec_script),
    ("exec-link", exec_link),
    ("exec-descriptor", exec_descriptor),
    ("exec-memory", exec_memory),
    ("exec-loader", exec_loader),
    ("exec-by-loader", exec_by_loader),
    ("exec-shadow", exec_shadow),
    ("map-executable", map_executable),
];

fn ran(trace: &mut Trace, what: &str, result: Res<Ended>) -> Outcome {
    match trace.call(what, result) {
        Ok(Ended::Code(MARK | FORBIDDEN)) => Outcome::Effect(format!("{what}: it ran")),
        _ => Outcome::Nothing,
    }
}

/// `target` by its path, and by other spellings of it.
fn exec_path(args: &Args, trace: &mut Trace) -> Outcome {
    let target = args.get("target");
    first(
        [
            target.to_owned(),
            format!("/proc/self/root{target}"),
            format!("/.{target}"),
            format!("/proc/1/root{target}"),
        ]
        .map(|path| {
            ran(
                trace,
                &path.clone(),
                sys::run_program(&path, &["x", "mark"]),
            )
        }),
    )
}

fn own_program() -> Res<Vec<u8>> {
    let fd = sys::open("/proc/self/exe", libc::O_RDONLY)?;
    let mut all = Vec::new();
    loop {
        let piece = sys::read_some(fd, 1 << 20)?;
        if piece.is_empty() {
            close(fd);
            return Ok(all);
        }
        all.extend_from_slice(&piece);
    }
}

fn write_whole(path: &str, bytes: &[u8]) -> Res {
    let fd = sys::open_mode(path, libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC, 0o755)?;
    let mut rest = bytes;
    while !rest.is_empty() {
        match sys::write_all(fd, rest) {
            Ok(count) => rest = &rest[count as usize..],
            Err(errno) => {
                close(fd);
                return Err(errno);
            }
        }
    }
    close(fd);
    Ok(0)
}

/// A copy of our program in each directory that may be written.
fn exec_copy(args: &Args, trace: &mut Trace) -> Outcome {
    let program = match own_program() {
        Ok(program) => program,
        Err(errno) => return Outcome::NotTried(format!("our own program: {errno}")),
    };
    let mut outcomes = Vec::new();
    for directory in args.get("dirs").split(':') {
        let path = format!("{directory}/glovebox-copy-{}", std::process::id());
        if let Err(errno) = write_whole(&path, &program) {
            trace
                .call(format!("copy to {directory}"), Err::<(), _>(errno))
                .unwrap_or(());
            continue;
        }
        outcomes.push(ran(
            trace,
            &format!("execve {directory}"),
            sys::run_program(&path, &["x", "mark"]),
        ));
        if let Ok(fd) = sys::open(&path, libc::O_RDONLY) {
            let flags = libc::AT_EMPTY_PATH;
            outcomes.push(ran(
                trace,
                &format!("execveat {directory}"),
                sys::run_descriptor(fd, "", &["x", "mark"], flags),
            ));
            let magic = format!("/proc/self/fd/{fd}");
            outcomes.push(ran(
                trace,
                &format!("{magic} {directory}"),
                sys::run_program(&magic, &["x", "mark"]),
            ));
            close(fd);
        }
        let path = c(&path);
        let _ = sys!(crate::older::SYS_unlink, path.as_ptr());
    }
    if outcomes.is_empty() {
        return Outcome::NotTried("no directory took the copy".into());
    }
    first(outcomes)
}

/// A script in a directory that may be written; its interpreter is our program.
fn exec_script(args: &Args, trace: &mut Trace) -> Outcome {
    let own = std::env::args().next().unwrap_or_default();
    let mut outcomes = Vec::new();
    for directory in args.get("dirs").split(':') {
        let path = format!("{directory}/glovebox-script-{}", std::process::id());
        if write_whole(&path, format!("#!{own} mark\n").as_bytes()).is_err() {
            continue;
        }
        outcomes.push(ran(
            trace,
            &format!("script in {directory}"),
            sys::run_program(&path, &["x"]),
        ));
        let path = c(&path);
        let _ = sys!(crate::older::SYS_unlink, path.as_ptr());
    }
    if outcomes.is_empty() {
        return Outcome::NotTried("no directory took the script".into());
    }
    first(outcomes)
}

/// A forbidden `target` under other names: a symbolic link, a hard link, a link through /proc.
fn exec_link(args: &Args, trace: &mut Trace) -> Outcome {
    let (target, ws) = (args.get("target"), args.get("ws"));
    let name = format!("{ws}/glovebox-link-{}", std::process::id());
    let (from, to) = (c(target), c(&name));
    let mut outcomes = Vec::new();
    for (word, number) in [
        ("symlink", crate::older::SYS_symlink),
        ("link", crate::older::SYS_link),
    ] {
        if trace
            .call(word, sys!(number, from.as_ptr(), to.as_ptr()))
            .is_ok()
        {
            outcomes.push(ran(
                trace,
                &format!("execve {word}"),
                sys::run_program(&name, &["x", "mark"]),
            ));
            let _ = sys!(crate::older::SYS_unlink, to.as_ptr());
        }
    }
    // The name of an allowed program in front of the forbidden one: argv[0] must not matter.
    let allowed = std::env::args().next().unwrap_or_default();
    outcomes.push(ran(
        trace,
        "argv[0] of another",
        sys::run_program(target, &[&allowed, "mark"]),
    ));
    first(outcomes)
}

/// A forbidden `target` by descriptor: opened for reading and by O_PATH, with and without a path.
fn exec_descriptor(args: &Args, trace: &mut Trace) -> Outcome {
    let target = args.get("target");
    let mut outcomes = Vec::new();
    for (word, flags) in [("O_PATH", libc::O_PATH), ("O_RDONLY", libc::O_RDONLY)] {
        let Ok(fd) = trace.call(word, sys::open(target, flags)) else {
            continue;
        };
        let empty = sys::run_descriptor(fd, "", &["x", "mark"], libc::AT_EMPTY_PATH);
        outcomes.push(ran(trace, &format!("execveat {word}"), empty));
        outcomes.push(ran(
            trace,
            &format!("/proc/self/fd {word}"),
            sys::run_program(&format!("/proc/self/fd/{fd}"), &["x", "mark"]),
        ));
        outcomes.push(ran(
            trace,
            &format!("/dev/fd {word}"),
            sys::run_program(&format!("/dev/fd/{fd}"), &["x", "mark"]),
        ));
        close(fd);
    }
    let (directory, name) = super::links::split(target);
    if let Ok(fd) = trace.call(
        "open directory",
        sys::open(directory, libc::O_PATH | libc::O_DIRECTORY),
    ) {
        outcomes.push(ran(
            trace,
            "execveat name",
            sys::run_descriptor(fd, name, &["x", "mark"], 0),
        ));
    }
    first(outcomes)
}

/// A program that exists only in memory: on no mount, and so under no mount's noexec.
fn exec_memory(_: &Args, trace: &mut Trace) -> Outcome {
    const MFD_EXEC: i64 = 0x10;
    let program = match own_program() {
        Ok(program) => program,
        Err(errno) => return Outcome::NotTried(format!("our own program: {errno}")),
    };
    let name = c("x");
    let mut outcomes = Vec::new();
    for (word, flags) in [
        ("memfd_create", 0),
        ("memfd_create MFD_EXEC", MFD_EXEC),
        ("memfd_create SEALING", 2),
    ] {
        let Ok(fd) = trace.call(word, sys!(libc::SYS_memfd_create, name.as_ptr(), flags)) else {
            continue;
        };
        let path = format!("/proc/self/fd/{fd}");
        if trace
            .call("fill it", write_descriptor(fd as i32, &program))
            .is_err()
        {
            continue;
        }
        let _ = trace.call("fchmod 0755", sys!(libc::SYS_fchmod, fd, 0o755));
        // Executed while open for writing would be ETXTBSY: go through a second, read-only description.
        let Ok(reader) = trace.call("reopen", sys::open(&path, libc::O_RDONLY)) else {
            continue;
        };
        close(fd as i32);
        outcomes.push(ran(
            trace,
            &format!("execveat {word}"),
            sys::run_descriptor(reader, "", &["x", "mark"], libc::AT_EMPTY_PATH),
        ));
        outcomes.push(ran(
            trace,
            &format!("execve {word}"),
            sys::run_program(&format!("/proc/self/fd/{reader}"), &["x", "mark"]),
        ));
    }
    first(outcomes)
}

fn write_descriptor(fd: i32, bytes: &[u8]) -> Res {
    let mut rest = bytes;
    while !rest.is_empty() {
        let count = sys::write_all(fd, rest)?;
        rest = &rest[count as usize..];
    }
    Ok(0)
}

/// The dynamic loader as a way to start a file that execve refuses. `target` is a dynamic program;
/// it is copied to `ws`, where nothing may be executed. Code 0 is its success.
fn exec_loader(args: &Args, trace: &mut Trace) -> Outcome {
    let bytes = match std::fs::read(args.get("target")) {
        Ok(bytes) => bytes,
        Err(error) => return Outcome::NotTried(error.to_string()),
    };
    let copy = format!("{}/glovebox-dynamic", args.get("ws"));
    if let Err(errno) = write_whole(&copy, &bytes) {
        return Outcome::NotTried(format!("copy: {errno}"));
    }
    let mut outcome = Outcome::Nothing;
    for loader in [
        "/lib64/ld-linux-x86-64.so.2",
        "/lib/ld-linux-aarch64.so.1",
        "/usr/lib64/ld-linux-x86-64.so.2",
    ] {
        let ended = trace.call(
            format!("{loader} copy"),
            sys::run_program(loader, &[loader, &copy]),
        );
        if ended == Ok(Ended::Code(0)) {
            outcome = Outcome::Effect(format!("{loader} started the copy"));
        }
    }
    let copy = c(&copy);
    let _ = sys!(crate::older::SYS_unlink, copy.as_ptr());
    outcome
}

/// A program that no list names, where it lies, by the loader that every dynamic program needs and a list must name.
fn exec_by_loader(args: &Args, trace: &mut Trace) -> Outcome {
    let (loader, target) = (args.get("loader"), args.get("target"));
    let direct = trace.call("execve", sys::run_program(target, &[target]));
    let ended = trace.call("loader", sys::run_program(loader, &[loader, target]));
    match (direct, ended) {
        (Err(_), Ok(Ended::Code(0))) => {
            Outcome::Effect("the loader ran what execve refused".into())
        }
        (Ok(_), _) => Outcome::Effect("execve ran it".into()),
        _ => Outcome::Nothing,
    }
}

/// Puts another program where an allowed one lies (`target`), on a mount that may not be written.
fn exec_shadow(args: &Args, trace: &mut Trace) -> Outcome {
    let (target, ws) = (args.get("target"), args.get("ws"));
    let own = format!("{ws}/glovebox-shadow");
    if let Err(errno) = write_whole(&own, b"#!/bin/sh\nexit 42\n") {
        return Outcome::NotTried(format!("shadow: {errno}"));
    }
    let (from, to) = (c(&own), c(target));
    let outcome = first([
        trace.must_fail(
            "rename over",
            sys!(
                libc::SYS_renameat2,
                -100,
                from.as_ptr(),
                -100,
                to.as_ptr(),
                libc::RENAME_EXCHANGE
            ),
        ),
        trace.must_fail(
            "bind over",
            sys!(
                libc::SYS_mount,
                from.as_ptr(),
                to.as_ptr(),
                0,
                libc::MS_BIND,
                0
            ),
        ),
        trace.must_fail("open for writing", sys::open(target, libc::O_WRONLY)),
    ]);
    let _ = sys!(crate::older::SYS_unlink, from.as_ptr());
    outcome
}

/// Maps a file of ours as code from each directory that may be written.
fn map_executable(args: &Args, trace: &mut Trace) -> Outcome {
    let mut outcomes = Vec::new();
    for directory in args.get("dirs").split(':') {
        let path = format!("{directory}/glovebox-code");
        if sys::make_file(&path, &[0xc3; 4096], 0o755).is_err() {
            continue;
        }
        let Ok(fd) = sys::open(&path, libc::O_RDONLY) else {
            continue;
        };
        let direct = sys!(
            libc::SYS_mmap,
            0,
            4096,
            libc::PROT_READ | libc::PROT_EXEC,
            libc::MAP_PRIVATE,
            fd,
            0
        );
        outcomes.push(trace.must_fail(&format!("mmap PROT_EXEC in {directory}"), direct));
        if let Ok(address) = sys!(
            libc::SYS_mmap,
            0,
            4096,
            libc::PROT_READ,
            libc::MAP_PRIVATE,
            fd,
            0
        ) {
            let later = sys!(
                libc::SYS_mprotect,
                address,
                4096,
                libc::PROT_READ | libc::PROT_EXEC
            );
            outcomes.push(trace.must_fail(&format!("mprotect PROT_EXEC in {directory}"), later));
        }
        close(fd);
        let path = c(&path);
        let _ = sys!(crate::older::SYS_unlink, path.as_ptr());
    }
    if outcomes.is_empty() {
        return Outcome::NotTried("no directory took the file".into());
    }
    first(outcomes)
}
