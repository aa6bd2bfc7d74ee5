//! Everything outside that an attack could touch, in one process: listeners of every kind, shared memory,
//! queues, a victim. `witness dir=DIR token=SECRET` prints where they are; for each line that it reads it
//! prints what was touched since the last; it ends, and cleans up, with its input.

use super::objects::{
    door, posix_objects, read_line, send_descriptor, shared_memory, start_victim, Door, UNIX_KINDS,
};
use super::unable;
use crate::network::Address;
use crate::report::{quote, Args};
use crate::sys;
use crate::sys::{c, close};
use std::os::fd::{AsRawFd, RawFd};
use std::process::Child;

pub fn run(words: &[String]) -> i32 {
    let args = Args::parse(words);
    match Witness::start(&args) {
        Ok(mut witness) => {
            println!("{}", witness.ready());
            let ended = witness.serve();
            witness.clean();
            match ended {
                Ok(()) => 0,
                Err(errno) => unable("witness", errno),
            }
        }
        Err(reason) => unable("witness", reason),
    }
}

struct Witness {
    doors: Vec<Door>,
    touched: Vec<String>,
    accepted: Vec<i32>,
    secret: i32,
    victim: Child,
    address: String,
    before: String,
    key: i32,
    segment: i64,
    memory: *mut u8,
    queue: String,
    files: Vec<String>,
}

impl Witness {
    fn start(args: &Args) -> Result<Witness, String> {
        let (directory, token) = (args.get("dir").to_owned(), args.get("token").to_owned());
        let mut doors = Vec::new();
        let mut files = Vec::new();
        for (name, host, kind) in [
            ("tcp4", "0.0.0.0", libc::SOCK_STREAM),
            ("udp4", "0.0.0.0", libc::SOCK_DGRAM),
            ("tcp6", "::", libc::SOCK_STREAM),
            ("udp6", "::", libc::SOCK_DGRAM),
        ] {
            let address = Address::inet(host, 0).ok_or("address")?;
            // A host without IPv6 has no such door; the suite sees that it is missing.
            if let Ok(door) = door(name, &address, kind) {
                doors.push(door);
            }
        }
        for (path_name, abstract_name, kind) in UNIX_KINDS {
            let path = format!("{directory}/host-{}.sock", &path_name[5..]);
            doors.push(
                door(path_name, &Address::unix(&path), kind)
                    .map_err(|errno| format!("{path}: {errno}"))?,
            );
            files.push(path);
            let name = format!("@host-{}-{}", args.get("name"), &abstract_name[9..]);
            doors.push(
                door(abstract_name, &Address::unix(&name), kind)
                    .map_err(|errno| format!("{name}: {errno}"))?,
            );
        }
        let mut victim = start_victim(&token).map_err(|error| format!("victim: {error}"))?;
        let address = read_line(&mut victim)?;
        let key = 0x6b00_0000 | (std::process::id() as i32 & 0xff_ffff);
        let (segment, memory) =
            shared_memory(key, &token).map_err(|errno| format!("shared memory: {errno}"))?;
        let queue = format!("glovebox-{}", args.get("name"));
        let posix =
            posix_objects(&queue, &token).map_err(|errno| format!("posix queue: {errno}"))?;
        files.extend(posix);
        let secret = sys::open(args.get("secret"), libc::O_RDONLY)
            .map_err(|errno| format!("secret: {errno}"))?;
        let mut witness = Witness {
            doors,
            touched: Vec::new(),
            accepted: Vec::new(),
            secret,
            victim,
            address,
            before: String::new(),
            key,
            segment,
            memory,
            queue,
            files,
        };
        witness.before = witness.state_of_victim();
        Ok(witness)
    }

    fn ready(&self) -> String {
        let ports: Vec<String> = self
            .doors
            .iter()
            .filter(|door| door.port != 0)
            .map(|door| format!("{}:{}", quote(door.name), door.port))
            .collect();
        let victim = self.victim.id();
        format!(
            "{{\"ports\":{{{}}},\"victim\":{victim},\"group\":{victim},\"address\":{},\"key\":{},\"segment\":{},\"queue\":{},\"witness\":{}}}",
            ports.join(","),
            self.address,
            self.key,
            self.segment,
            quote(&self.queue),
            std::process::id(),
        )
    }

    fn serve(&mut self) -> Result<(), sys::Errno> {
        let signals: RawFd = self
            .victim
            .stdout
            .as_ref()
            .map_or(-1, |out| out.as_raw_fd());
        loop {
            let mut polls: Vec<libc::pollfd> = self
                .doors
                .iter()
                .map(|door| door.fd)
                .chain([0, signals])
                .map(|fd| libc::pollfd {
                    fd,
                    events: libc::POLLIN,
                    revents: 0,
                })
                .collect();
            match sys!(crate::older::SYS_poll, polls.as_mut_ptr(), polls.len(), -1) {
                Err(sys::Errno(libc::EINTR)) => continue,
                other => other?,
            };
            self.look(&polls);
            if polls[self.doors.len()].revents != 0 {
                if sys::read_some(0, 4096)?.is_empty() {
                    return Ok(());
                }
                // What came between the poll and the question belongs to this answer.
                self.drain(signals)?;
                let state = self.state_of_victim();
                if state != self.before {
                    self.touched
                        .push(format!("victim changed: {} -> {state}", self.before));
                    self.before = state;
                }
                self.look_at_memory();
                let touched: Vec<String> =
                    self.touched.drain(..).map(|what| quote(&what)).collect();
                println!("{{\"touched\":[{}]}}", touched.join(","));
            } else if polls[self.doors.len() + 1].revents != 0 {
                self.drain(signals)?;
            }
        }
    }

    /// Reads the victim's bytes (one for each signal) without waiting, and looks at the doors once more.
    fn drain(&mut self, signals: RawFd) -> Result<(), sys::Errno> {
        loop {
            let mut polls: Vec<libc::pollfd> = self
                .doors
                .iter()
                .map(|door| door.fd)
                .chain([signals])
                .map(|fd| libc::pollfd {
                    fd,
                    events: libc::POLLIN,
                    revents: 0,
                })
                .collect();
            if sys!(crate::older::SYS_poll, polls.as_mut_ptr(), polls.len(), 0)? == 0 {
                return Ok(());
            }
            self.look(&polls);
            if polls[self.doors.len()].revents != 0 {
                let count = sys::read_some(signals, 4096)?.len();
                self.touched.push(if count == 0 {
                    "victim died".into()
                } else {
                    "victim signalled".into()
                });
                if count == 0 {
                    return Ok(());
                }
            }
        }
    }

    /// Takes what arrived at the doors.
    fn look(&mut self, polls: &[libc::pollfd]) {
        for (door, poll) in self.doors.iter().zip(polls) {
            if poll.revents & libc::POLLIN == 0 {
                continue;
            }
            self.touched.push(door.name.to_owned());
            if !door.stream {
                let _ = sys::read_some(door.fd, 65536);
                continue;
            }
            if let Ok(fd) = sys!(
                libc::SYS_accept4,
                door.fd,
                0,
                0,
                libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK
            ) {
                if door.name == "unix-stream" {
                    // An open secret for whoever asks: what a careless service of the host might do.
                    let _ = send_descriptor(fd as i32, self.secret);
                }
                self.accepted.push(fd as i32);
            }
        }
        if self.accepted.len() > 64 {
            self.accepted.drain(..).for_each(close);
        }
    }

    fn look_at_memory(&mut self) {
        // struct shmid_ds: the number of attachments is one of its words; ours is the only one.
        // SAFETY: all zeros is a valid shmid_ds, and the kernel fills it.
        let mut about: libc::shmid_ds = unsafe { std::mem::zeroed() };
        if sys!(
            libc::SYS_shmctl,
            self.segment,
            libc::IPC_STAT,
            &mut about as *mut libc::shmid_ds
        )
        .is_ok()
            && about.shm_lpid as u32 != std::process::id()
        {
            self.touched.push("shared memory".into());
            // Attaching anew makes us the last one again.
            if let Ok(address) = sys!(libc::SYS_shmat, self.segment, 0, libc::SHM_RDONLY) {
                let _ = sys!(libc::SYS_shmdt, address);
            }
        }
        let _ = self.memory;
    }

    /// What others could change about the victim.
    fn state_of_victim(&self) -> String {
        let pid = self.victim.id();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let keep = |line: &&str| {
            ["TracerPid", "Cpus_allowed:", "State"]
                .iter()
                .any(|name| line.starts_with(name))
        };
        let lines: Vec<&str> = status
            .lines()
            .filter(keep)
            .map(|line| {
                if line.starts_with("State") {
                    if line.contains('T') || line.contains('Z') {
                        "stopped"
                    } else {
                        "alive"
                    }
                } else {
                    line
                }
            })
            .collect();
        let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
        let files = limits
            .lines()
            .find(|line| line.starts_with("Max open files"))
            .unwrap_or_default()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let nice = sys!(libc::SYS_getpriority, 0, pid).unwrap_or(-1);
        let policy = sys!(libc::SYS_sched_getscheduler, pid).unwrap_or(-1);
        format!(
            "{} | {files} | nice {nice} | policy {policy}",
            lines.join(" | ")
        )
    }

    fn clean(&mut self) {
        // The victim ends with its input; it is ours, and not yet waited for.
        drop(self.victim.stdin.take());
        let _ = self.victim.kill();
        let _ = self.victim.wait();
        let _ = sys!(libc::SYS_shmctl, self.segment, libc::IPC_RMID, 0);
        let queue = c(&self.queue);
        let _ = sys!(libc::SYS_mq_unlink, queue.as_ptr());
        for (get, remove) in [
            (libc::SYS_msgget, libc::SYS_msgctl),
            (libc::SYS_semget, libc::SYS_semctl),
        ] {
            let id = if get == libc::SYS_msgget {
                sys!(get, self.key, 0)
            } else {
                sys!(get, self.key, 0, 0)
            };
            if let Ok(id) = id {
                let _ = if remove == libc::SYS_msgctl {
                    sys!(remove, id, libc::IPC_RMID, 0)
                } else {
                    sys!(remove, id, 0, libc::IPC_RMID, 0)
                };
            }
        }
        for path in &self.files {
            // Gone already when the suite removed its directory first.
            let _ = std::fs::remove_file(path);
        }
    }
}
