//! `glovebox-inside`: starts one program in a jail, and ends it with its owner.
//!
//! Without Rust's runtime around `main`, which would read /proc/self/maps and set signal handlers: that
//! takes longer than a third of the namespaces. What it would have done for us is done where it matters:
//! `jail` ignores SIGPIPE and sees to it that descriptors 0 to 2 are open.
#![cfg_attr(not(test), no_main)]

mod agent;
mod args;
mod bounds;
mod course;
mod datagrams;
mod door;
mod explain;
mod fault;
mod follow;
mod guest;
mod handover;
mod idmap;
mod init;
mod jail;
mod kernel;
mod landlock;
mod layout;
mod limits;
mod link;
mod loopback;
mod mounts;
mod news;
mod outlet;
mod own;
mod owner;
mod probe;
mod program;
mod reader;
mod receipt;
mod relay;
mod report;
mod rlimits;
mod routes;
mod sandbox;
mod source;
mod supervise;
mod supply;
mod terminal;
mod title;
mod tree;
mod watch;
mod who;

use args::Action;

/// The C runtime calls this; `std::env::args_os` has its arguments nevertheless.
#[cfg(not(test))]
#[no_mangle]
pub extern "C" fn main(_count: libc::c_int, _arguments: *const *const libc::c_char) -> libc::c_int {
    start()
}

/// What people run is built to abort (Cargo.toml); what tests run unwinds, and must end as well, whichever thread it is.
#[cfg(panic = "unwind")]
#[cfg_attr(test, allow(dead_code))]
fn end_with_any_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tell(panic);
        std::process::abort();
    }));
}

#[cfg_attr(test, allow(dead_code))]
fn start() -> i32 {
    #[cfg(panic = "unwind")]
    end_with_any_panic();
    if guest::is_init() {
        return guest::run();
    }
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match args::parse(&arguments) {
        Ok(Action::Jail {
            plan,
            status,
            files,
        }) => jail::run(plan, status, files),
        Ok(Action::Probe { canary }) => probe::run(&canary),
        Ok(Action::TakeMemory { bytes }) => probe::take_memory(bytes),
        Ok(Action::TakeTime) => probe::take_time(),
        Ok(Action::Delegate { user, undo }) => delegate(user, undo),
        Ok(Action::AwaitReader { of }) => reader::await_end(&of),
        Ok(Action::Print(text)) => {
            println!("{text}");
            0
        }
        Err(message) => {
            eprintln!("glovebox-inside: {message}");
            args::USAGE_ERROR
        }
    }
}

/// Prints what was done as one JSON document; 0 only when nothing is left to do.
#[cfg_attr(test, allow(dead_code))]
fn delegate(user: u32, undo: bool) -> i32 {
    let done = if undo {
        glovebox_limits::undelegate(user)
    } else {
        glovebox_limits::delegate(user)
    };
    match done {
        Ok(done) => {
            println!("{}", done.to_json());
            i32::from(!done.problems.is_empty())
        }
        Err(error) => {
            eprintln!("glovebox-inside: {error}");
            1
        }
    }
}
