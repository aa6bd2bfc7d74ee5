//! Between the seed's fork and the program: nothing here decides on confinement, which is all inherited.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use rustix::io::{fcntl_dupfd_cloexec, retry_on_intr, Errno};

use super::words::Words;

/// Above an errno: it is the directory's, and not the program's.
pub const OF_DIRECTORY: i32 = 1 << 16;

/// Above the numbers that the program will have.
const OUT_OF_THE_WAY: RawFd = 10;

/// Becomes a program. Returns when that failed, which it has told.
pub fn program(descriptors: Vec<OwnedFd>, terminal: bool, ours: &[RawFd]) {
    let Ok([words, told, stdin, stdout, stderr]) = <[OwnedFd; 5]>::try_from(descriptors) else {
        return;
    };
    close(ours);
    let Ok(told) = fcntl_dupfd_cloexec(&told, OUT_OF_THE_WAY) else {
        return;
    };
    tell(
        &told,
        become_program(words, [stdin, stdout, stderr], terminal),
    );
}

fn become_program(file: OwnedFd, streams: [OwnedFd; 3], terminal: bool) -> Result<(), i32> {
    let plain = |errno: Errno| errno.raw_os_error();
    fresh_signals();
    // SAFETY: takes no pointer. A session, and so a process group, of its own.
    unsafe { libc::setsid() };
    die_with_the_seed().map_err(plain)?;
    let words = read_words(&file).map_err(plain)?;
    // A memory file that the program's like could open by way of /proc could be filled with code, and executed past every
    // list: it must be gone before we are dumpable.
    drop(file);
    let [stdin, stdout, stderr] = streams.map(|stream| fcntl_dupfd_cloexec(stream, OUT_OF_THE_WAY));
    let (stdin, stdout, stderr) = (
        stdin.map_err(plain)?,
        stdout.map_err(plain)?,
        stderr.map_err(plain)?,
    );
    rustix::stdio::dup2_stdin(&stdin).map_err(plain)?;
    rustix::stdio::dup2_stdout(&stdout).map_err(plain)?;
    rustix::stdio::dup2_stderr(&stderr).map_err(plain)?;
    if terminal {
        rustix::process::ioctl_tiocsctty(rustix::stdio::stdin()).map_err(plain)?;
    }
    let word = |word: &Vec<u8>| CString::new(word.as_slice()).map_err(|_| libc::EINVAL);
    // Our parent's is the program's, which may have changed both.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let directory = word(&words.directory)?;
    rustix::process::chdir(directory.as_c_str()).map_err(|errno| plain(errno) | OF_DIRECTORY)?;
    let argv: Vec<CString> = words.argv.iter().map(word).collect::<Result<_, _>>()?;
    let env: Vec<CString> = words.env.iter().map(word).collect::<Result<_, _>>()?;
    let path = find(argv.first().ok_or(libc::EINVAL)?, &words.env)?;
    // The supervisor reads the path out of our memory, for which we must be dumpable: whoever has our user id may then
    // open what we have by way of /proc, which is the program's own by now, and the pipe for an error.
    // SAFETY: closes at the execve by number; takes no pointer.
    unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    dumpable().map_err(plain)?;
    Err(execute(&path, &argv, &env).raw_os_error())
}

/// Connects a socket under the eyes of the supervisor, as the sandbox's program would.
pub fn connection(descriptors: Vec<OwnedFd>, address: &[u8], ours: &[RawFd]) {
    let Ok([told, socket]) = <[OwnedFd; 2]>::try_from(descriptors) else {
        return;
    };
    close(ours);
    fresh_signals();
    let connect = || {
        die_with_the_seed()?;
        dumpable()?;
        // SAFETY: the kernel reads so many bytes of the address.
        let done = unsafe {
            libc::connect(
                socket.as_raw_fd(),
                address.as_ptr().cast(),
                address.len() as libc::socklen_t,
            )
        };
        match done {
            0 => Ok(()),
            _ => Err(last()),
        }
    };
    // 0 says that it is connected; the end of the pipe alone would also be that of a child that was killed.
    match connect() {
        Ok(()) => write_error(&told, 0),
        Err(errno) => write_error(&told, errno.raw_os_error()),
    }
    // SAFETY: ends the child at once.
    unsafe { libc::_exit(0) }
}

fn tell(told: &OwnedFd, done: Result<(), i32>) {
    if let Err(errno) = done {
        write_error(told, errno);
    }
}

fn write_error(told: impl AsFd, errno: i32) {
    // Nobody listens any more: then nobody waits for it.
    let _written = retry_on_intr(|| rustix::io::write(&told, &errno.to_ne_bytes()));
}

/// The seed's own descriptors, first of all.
fn close(ours: &[RawFd]) {
    for descriptor in ours {
        // SAFETY: copies of the seed's, which nothing in this process uses.
        unsafe { libc::close(*descriptor) };
    }
}

/// What the seed blocked; everything else is as the first program's process had set it.
fn fresh_signals() {
    // SAFETY: an all-zero sigset_t is valid storage, which sigemptyset makes a set.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigprocmask(libc::SIG_SETMASK, &set, std::ptr::null_mut());
    }
}

fn die_with_the_seed() -> Result<(), Errno> {
    // SAFETY: takes a number.
    if unsafe {
        libc::prctl(
            libc::PR_SET_PDEATHSIG,
            libc::SIGKILL as libc::c_ulong,
            0,
            0,
            0,
        )
    } == -1
    {
        return Err(last());
    }
    // The seed was killed before that: pid 1 is our parent by now.
    match rustix::process::getppid().map(|parent| parent.as_raw_nonzero().get()) {
        Some(1) => Err(Errno::SRCH),
        _ => Ok(()),
    }
}

fn dumpable() -> Result<(), Errno> {
    // SAFETY: takes a number.
    match unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) } {
        -1 => Err(last()),
        _ => Ok(()),
    }
}

fn read_words(file: &OwnedFd) -> Result<Words, Errno> {
    let length = usize::try_from(rustix::fs::fstat(file)?.st_size).map_err(|_| Errno::PROTO)?;
    let mut bytes = vec![0; length];
    let mut at = 0;
    while at < length {
        match retry_on_intr(|| rustix::io::pread(file, &mut bytes[at..], at as u64))? {
            0 => return Err(Errno::PROTO),
            read => at += read,
        }
    }
    Words::from_bytes(&bytes)
}

/// As execvp(3) finds it, but without its shell for what has no `#!`. A file that may not be executed is told
/// only when no later directory has one that may.
fn find(name: &CStr, env: &[Vec<u8>]) -> Result<CString, i32> {
    if name.to_bytes().contains(&b'/') {
        return Ok(name.to_owned());
    }
    if name.is_empty() {
        return Err(libc::ENOENT);
    }
    let path = env.iter().find_map(|pair| pair.strip_prefix(b"PATH="));
    let mut error = libc::ENOENT;
    for directory in path.unwrap_or(b"/usr/bin:/bin").split(|byte| *byte == b':') {
        // An empty one is the working directory (execvp(3)), which is nothing that anybody means.
        if directory.is_empty() {
            continue;
        }
        let candidate = [directory, b"/", name.to_bytes()].concat();
        let candidate = CString::new(candidate).map_err(|_| libc::EINVAL)?;
        // SAFETY: a C string.
        if unsafe { libc::access(candidate.as_ptr(), libc::X_OK) } == 0 {
            return Ok(candidate);
        }
        if last() == Errno::ACCESS {
            error = libc::EACCES;
        }
    }
    Err(error)
}

fn execute(path: &CStr, argv: &[CString], env: &[CString]) -> Errno {
    let pointers = |words: &[CString]| {
        let mut pointers: Vec<*const libc::c_char> =
            words.iter().map(|word| word.as_ptr()).collect();
        pointers.push(std::ptr::null());
        pointers
    };
    let (argv, env) = (pointers(argv), pointers(env));
    // SAFETY: both lists end with a null pointer and borrow C strings that outlive the call.
    unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    last()
}

fn last() -> Errno {
    let error = std::io::Error::last_os_error();
    Errno::from_raw_os_error(error.raw_os_error().unwrap_or(libc::EIO))
}
