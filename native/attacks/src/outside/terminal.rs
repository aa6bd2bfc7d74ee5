//! Runs a program on a terminal of its own and tells what was pushed into that terminal's input:
//! `terminal PROGRAM WORD…`. The last line is `{"terminal":{"pushed":N,"code":C}}`. `typed` tells the same of all terminals of
//! this host that somebody has open, for its root.

use super::{become_program, unable};
use crate::sys;
use crate::sys::{Ended, Errno, Res};

const TIOCSPTLCK: i64 = 0x4004_5431;
const TIOCGPTN: i64 = 0x8004_5430u32 as i64;
const FIONREAD: i64 = 0x541b;

pub fn run(words: &[String]) -> i32 {
    match on_terminal(words) {
        Ok((pushed, code)) => {
            println!("{{\"terminal\":{{\"pushed\":{pushed},\"code\":{code}}}}}");
            0
        }
        Err(errno) => unable("terminal", errno),
    }
}

/// Of a guest: nobody types there, so what waits in a terminal was pushed into it.
pub fn typed() -> i32 {
    let Ok(entries) = std::fs::read_dir("/dev/pts") else {
        return unable("typed", "no /dev/pts");
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let (mut waiting, mut terminals) = (0, 0);
    for name in names.filter(|name| name.parse::<u32>().is_ok()) {
        let opened = sys::open(&format!("/dev/pts/{name}"), libc::O_RDWR | libc::O_NOCTTY);
        match opened.and_then(|fd| make_raw(fd).and_then(|()| waiting_in(fd))) {
            Ok(bytes) => waiting += bytes,
            Err(errno) => return unable(&name, errno),
        }
        terminals += 1;
    }
    println!("{{\"terminal\":{{\"pushed\":{waiting},\"terminals\":{terminals}}}}}");
    0
}

fn on_terminal(words: &[String]) -> Res<(i32, i32)> {
    let (master, slave) = open_pair()?;
    let pid = sys::fork_with(|| {
        let started = sys!(libc::SYS_prctl, libc::PR_SET_PDEATHSIG, libc::SIGKILL)
            .and_then(|_| sys!(libc::SYS_setsid))
            .and_then(|_| sys!(libc::SYS_ioctl, slave, libc::TIOCSCTTY, 0))
            .and_then(|_| sys!(crate::older::SYS_dup2, slave, 0))
            .and_then(|_| sys!(crate::older::SYS_dup2, slave, 1))
            .and_then(|_| sys!(crate::older::SYS_dup2, slave, 2))
            .and_then(|_| become_program(words));
        match started {
            Ok(_) => 0,
            Err(errno) => unable("program", errno),
        }
    })?;
    let code = copy_until_end(master, pid)?;
    Ok((waiting_in(slave)?, code))
}

fn waiting_in(terminal: i32) -> Res<i32> {
    let mut waiting = 0i32;
    sys!(
        libc::SYS_ioctl,
        terminal,
        FIONREAD,
        &mut waiting as *mut i32
    )?;
    Ok(waiting)
}

/// Raw and without echo: a pushed byte counts at once, and stays where it was pushed.
fn open_pair() -> Res<(i32, i32)> {
    let master = sys::open("/dev/ptmx", libc::O_RDWR | libc::O_NOCTTY)?;
    let unlocked = 0i32;
    let mut number = 0i32;
    sys!(libc::SYS_ioctl, master, TIOCSPTLCK, &unlocked as *const i32)?;
    sys!(libc::SYS_ioctl, master, TIOCGPTN, &mut number as *mut i32)?;
    let slave = sys::open(&format!("/dev/pts/{number}"), libc::O_RDWR | libc::O_NOCTTY)?;
    make_raw(slave)?;
    Ok((master, slave))
}

/// What waited for the end of its line counts from then on.
fn make_raw(terminal: i32) -> Res<()> {
    // struct termios of the kernel: iflag, oflag, cflag, lflag, then bytes; an unprocessed line has lflag 0.
    let mut settings = [0u32; 16];
    sys!(
        libc::SYS_ioctl,
        terminal,
        libc::TCGETS,
        settings.as_mut_ptr()
    )?;
    settings[0] = 0;
    settings[1] = 0;
    settings[3] = 0;
    sys!(
        libc::SYS_ioctl,
        terminal,
        libc::TCSETS,
        settings.as_mut_ptr()
    )?;
    Ok(())
}

fn copy_until_end(master: i32, pid: i32) -> Res<i32> {
    let child = sys!(libc::SYS_pidfd_open, pid, 0)? as i32;
    loop {
        let mut polls = [
            libc::pollfd {
                fd: master,
                events: libc::POLLIN,
                revents: 0,
            },
            libc::pollfd {
                fd: child,
                events: libc::POLLIN,
                revents: 0,
            },
        ];
        match sys!(crate::older::SYS_poll, polls.as_mut_ptr(), 2, -1) {
            Err(Errno(libc::EINTR)) => continue,
            other => other?,
        };
        if polls[0].revents & libc::POLLIN != 0 {
            let bytes = sys::read_some(master, 65536)?;
            sys::write_all(1, &bytes)?;
        } else if polls[1].revents != 0 {
            return Ok(match sys::wait_for(pid)? {
                Ended::Code(code) => code,
                Ended::Signal(signal, _) => 128 + signal,
            });
        }
    }
}
