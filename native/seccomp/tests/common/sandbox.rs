//! A child with a network and a mount namespace of its own, under the filter, with the supervisor
//! in this process.

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use glovebox_seccomp::{
    Activity, Ended, Filter, FilterOptions, Supervisor, SupervisorError, SupervisorOptions,
};

use super::{wait, End};

/// An address that the kernel would route to the sandbox itself, and that the policy refuses.
pub const FORBIDDEN: [u8; 4] = [10, 9, 9, 9];

pub struct Sandbox {
    pub filter: FilterOptions,
    pub exec_allow: Option<Vec<PathBuf>>,
    /// Fails with this record, counted from 0.
    pub sink_fails_at: Option<usize>,
}

impl Default for Sandbox {
    fn default() -> Self {
        let filter = FilterOptions {
            memory_accounted: true,
            ..FilterOptions::default()
        };
        Self {
            filter,
            exec_allow: None,
            sink_fails_at: None,
        }
    }
}

pub struct Outcome {
    pub end: End,
    pub activities: Vec<Activity>,
    pub supervisor: Result<Ended, SupervisorError>,
}

impl Outcome {
    /// `connect denied network.default-deny 10.0.0.1:80`
    pub fn lines(&self) -> Vec<String> {
        self.activities.iter().map(line).collect()
    }

    pub fn has(&self, line: &str) -> bool {
        self.lines().iter().any(|seen| seen == line)
    }
}

fn line(activity: &Activity) -> String {
    let object = activity
        .address
        .as_ref()
        .or(activity.path.as_ref())
        .map_or("", String::as_str);
    format!(
        "{:?} {:?} {} {object}",
        activity.kind, activity.verdict, activity.rule
    )
    .to_lowercase()
}

impl Sandbox {
    /// Runs `body` inside; it gets the directory where the sandbox's own tmpfs is.
    pub fn run(self, body: impl FnOnce(&Path) -> i32) -> Outcome {
        let place = TemporaryDirectory::new();
        let filter = Filter::compile(&self.filter);
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        // SAFETY: the child runs `inside` and exits without returning here.
        let child = match unsafe { libc::fork() } {
            -1 => panic!("fork: {}", io::Error::last_os_error()),
            0 => {
                let code = super::unwound(|| inside(&filter, &place.0, &mut theirs, body));
                // SAFETY: ends the child at once.
                unsafe { libc::_exit(code) }
            }
            child => child,
        };
        drop(theirs);
        let mut told = [0; 16];
        ours.read_exact(&mut told)
            .expect("the child did not come as far as its filter");
        let device = u64::from_ne_bytes(told[..8].try_into().unwrap());
        let listener = i64::from_ne_bytes(told[8..].try_into().unwrap()) as i32;
        let listener = descriptor_of(child, listener);

        let activities = Arc::new(Mutex::new(Vec::new()));
        let sink = {
            let activities = Arc::clone(&activities);
            let fails_at = self.sink_fails_at;
            move |activity: &Activity| {
                let mut seen = activities.lock().unwrap();
                if Some(seen.len()) == fails_at {
                    return Err(io::Error::from(io::ErrorKind::BrokenPipe));
                }
                seen.push(activity.clone());
                Ok(())
            }
        };
        let options = SupervisorOptions {
            own_devices: vec![device],
            exec_allow: self.exec_allow,
            runs_machines: false,
            egress: None,
            processors: None,
        };
        let supervisor = Supervisor::new(listener, options, sink).unwrap();
        let (stop, _keep_open) = UnixStream::pair().unwrap();
        let serving = std::thread::spawn(move || supervisor.run(stop.as_fd()));
        ours.write_all(b"!").unwrap();
        let end = wait(child);
        let supervisor = serving.join().unwrap();
        let activities = activities.lock().unwrap().clone();
        Outcome {
            end,
            activities,
            supervisor,
        }
    }
}

fn inside(
    filter: &Filter,
    place: &Path,
    parent: &mut UnixStream,
    body: impl FnOnce(&Path) -> i32,
) -> i32 {
    let device = match separate(place) {
        Ok(device) => device,
        Err(error) => {
            eprintln!("the test's sandbox cannot be made: {error}");
            return 240;
        }
    };
    let Ok(listener) = super::confine(filter) else {
        return 241;
    };
    let told = [
        device.to_ne_bytes(),
        i64::from(listener.as_raw_fd()).to_ne_bytes(),
    ]
    .concat();
    if parent.write_all(&told).is_err() || parent.read_exact(&mut [0]).is_err() {
        return 242;
    }
    drop(listener);
    body(place)
}

/// New namespaces, the loopback with one more address, a tmpfs. Returns the tmpfs's device.
fn separate(place: &Path) -> io::Result<u64> {
    // SAFETY: plain system calls on strings and structures that live long enough.
    unsafe {
        let (uid, gid) = (libc::getuid(), libc::getgid());
        let user = if uid == 0 { 0 } else { libc::CLONE_NEWUSER };
        checked(libc::unshare(user | libc::CLONE_NEWNS | libc::CLONE_NEWNET))?;
        if user != 0 {
            fs::write("/proc/self/setgroups", "deny")?;
            fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
            fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"))?;
        }
        let none = std::ptr::null();
        checked(libc::mount(
            none,
            b"/\0".as_ptr().cast(),
            none,
            libc::MS_REC | libc::MS_PRIVATE,
            none.cast(),
        ))?;
        let target = std::ffi::CString::new(place.as_os_str().as_bytes())?;
        let tmpfs = b"tmpfs\0".as_ptr().cast();
        checked(libc::mount(
            tmpfs,
            target.as_ptr(),
            tmpfs,
            libc::MS_NOSUID | libc::MS_NODEV,
            none.cast(),
        ))?;
        interface(b"lo", [127, 0, 0, 1])?;
        interface(b"lo:1", FORBIDDEN)?;
    }
    Ok(fs::metadata(place)?.dev())
}

/// Gives an interface an address and brings it up.
fn interface(name: &[u8], ip: [u8; 4]) -> io::Result<()> {
    // SAFETY: `request` is a zeroed ifreq, filled within its arrays.
    unsafe {
        let socket =
            OwnedFd::from_raw_fd(checked(libc::socket(libc::AF_INET, libc::SOCK_DGRAM, 0))?);
        let mut request: libc::ifreq = std::mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().zip(name) {
            *to = *from as libc::c_char;
        }
        let address =
            std::ptr::addr_of_mut!(request.ifr_ifru.ifru_addr).cast::<libc::sockaddr_in>();
        (*address).sin_family = libc::AF_INET as u16;
        (*address).sin_addr.s_addr = u32::from_ne_bytes(ip);
        checked(libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFADDR, &request))?;
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as i16;
        checked(libc::ioctl(
            socket.as_raw_fd(),
            libc::SIOCSIFFLAGS,
            &request,
        ))?;
    }
    Ok(())
}

fn checked(result: i32) -> io::Result<i32> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn descriptor_of(child: i32, number: i32) -> OwnedFd {
    let pid = rustix::process::Pid::from_raw(child).unwrap();
    let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
    rustix::process::pidfd_getfd(pidfd, number, rustix::process::PidfdGetfdFlags::empty()).unwrap()
}

/// Removed when the test is over.
pub struct TemporaryDirectory(pub PathBuf);

impl TemporaryDirectory {
    pub fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("glovebox-seccomp-{}-{count}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// How many rounds a race runs.
pub fn rounds() -> usize {
    match std::env::var("GLOVEBOX_LONG").as_deref() {
        Ok("1") => 1_000_000,
        _ => 20_000,
    }
}
