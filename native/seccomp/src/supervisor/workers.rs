//! Connections that may block, each on a thread of its own, so that nobody else waits for them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::connect::Connection;
use super::listener::{checked, Answer, Listener, Notification};

/// As many callers can be blocked in `connect` at a time; the next one is told to try again.
const MOST: usize = 256;

/// How often a blocked connection is looked at, in case its caller died.
pub const CHECK_BLOCKED: Duration = Duration::from_millis(100);

/// A thread without work waits this long for more: starting one costs more than the connection.
const LINGER: Duration = Duration::from_secs(2);

/// A worker makes a few system calls.
const STACK: usize = 128 * 1024;

pub struct Workers {
    shared: Arc<Shared>,
    jobs: Vec<Arc<Job>>,
    looked: Instant,
}

struct Shared {
    listener: Arc<Listener>,
    queue: Mutex<Queue>,
    more: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(Arc<Job>, Connection)>,
    /// Threads that wait for work.
    idle: usize,
    closed: bool,
}

struct Job {
    call: Notification,
    /// 0 until a thread has it.
    thread: AtomicI32,
    cancelled: AtomicBool,
    done: AtomicBool,
    /// The result, if the caller was interrupted and did not take it.
    untaken: Mutex<Option<Answer>>,
}

impl Workers {
    pub fn new(listener: Arc<Listener>) -> Result<Self, Errno> {
        interruptible()?;
        let shared = Shared {
            listener,
            queue: Mutex::default(),
            more: Condvar::new(),
        };
        Ok(Self {
            shared: Arc::new(shared),
            jobs: Vec::new(),
            looked: Instant::now(),
        })
    }

    pub fn start(&mut self, call: &Notification, connection: Connection) -> Result<(), Errno> {
        let job = Arc::new(Job {
            call: *call,
            thread: AtomicI32::new(0),
            cancelled: AtomicBool::new(false),
            done: AtomicBool::new(false),
            untaken: Mutex::new(None),
        });
        if self.jobs.len() >= MOST || self.hand_out(&job, connection).is_err() {
            return self
                .shared
                .listener
                .answer(call.id, Answer::Errno(libc::EAGAIN))
                .map(|_| ());
        }
        self.jobs.push(job);
        Ok(())
    }

    fn hand_out(&self, job: &Arc<Job>, connection: Connection) -> std::io::Result<()> {
        let mut queue = locked(&self.shared.queue);
        if queue.idle > queue.waiting.len() {
            queue.waiting.push_back((Arc::clone(job), connection));
            self.shared.more.notify_one();
            return Ok(());
        }
        drop(queue);
        let (shared, first) = (Arc::clone(&self.shared), (Arc::clone(job), connection));
        thread::Builder::new()
            .stack_size(STACK)
            .spawn(move || work(&shared, first))
            .map(|_| ())
    }

    pub fn busy(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// Results that nobody took, of connections that are over.
    pub fn collect(&mut self) -> Vec<(Notification, Answer)> {
        let (done, running): (Vec<_>, Vec<_>) = std::mem::take(&mut self.jobs)
            .into_iter()
            .partition(|job| job.done.load(Ordering::Acquire));
        self.jobs = running;
        done.iter()
            .filter_map(|job| Some((job.call, locked(&job.untaken).take()?)))
            .collect()
    }

    /// Interrupts the connections of callers that are gone; at most every 100 ms.
    pub fn look_after(&mut self, now: Instant) {
        if now.duration_since(self.looked) < CHECK_BLOCKED {
            return;
        }
        self.looked = now;
        for job in self
            .jobs
            .iter()
            .filter(|job| !self.shared.listener.waits(job.call.id))
        {
            job.cancel();
        }
    }

    /// Interrupts all of them and waits until they are over.
    pub fn shut_down(&mut self) {
        locked(&self.shared.queue).closed = true;
        self.shared.more.notify_all();
        while self.busy() {
            self.jobs.iter().for_each(|job| job.cancel());
            self.jobs.retain(|job| !job.done.load(Ordering::Acquire));
            thread::yield_now();
        }
    }
}

impl Job {
    /// The signal may come before the thread sleeps in `connect`, so this is repeated until it is over.
    fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        let thread = self.thread.load(Ordering::Acquire);
        if thread != 0 && !self.done.load(Ordering::Acquire) {
            // SAFETY: no pointers. A thread of this process with that id gets a signal that does nothing.
            unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, WAKE) };
        }
    }

    fn make(&self, listener: &Listener, connection: &Connection) {
        while !self.cancelled.load(Ordering::Acquire) {
            let answer = connection.make();
            // Another job's signal that came late, or one of ours.
            if answer == Answer::Errno(libc::EINTR) {
                continue;
            }
            // An error of the listener is met by the supervisor itself at its next step.
            if let Ok(false) = listener.answer(self.call.id, answer) {
                *locked(&self.untaken) = Some(answer);
            }
            return;
        }
    }
}

fn work(shared: &Shared, first: (Arc<Job>, Connection)) {
    only_wake();
    let thread = rustix::thread::gettid().as_raw_nonzero().get();
    let mut next = Some(first);
    while let Some((job, connection)) = next {
        job.thread.store(thread, Ordering::Release);
        job.make(&shared.listener, &connection);
        // The descriptors are closed before anybody can believe that it is over.
        drop(connection);
        job.done.store(true, Ordering::Release);
        next = shared.wait();
    }
}

impl Shared {
    fn wait(&self) -> Option<(Arc<Job>, Connection)> {
        let mut queue = locked(&self.queue);
        queue.idle += 1;
        let nothing = |queue: &mut Queue| queue.waiting.is_empty() && !queue.closed;
        let waited = self.more.wait_timeout_while(queue, LINGER, nothing);
        queue = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(queue, _)| queue);
        queue.idle -= 1;
        queue.waiting.pop_front()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Interrupts a system call of a worker. Its default is to be ignored, so that nothing else is lost by taking it.
const WAKE: i32 = libc::SIGURG;

extern "C" fn woken(_signal: i32) {}

/// Without SA_RESTART, so that the system call ends.
fn interruptible() -> Result<(), Errno> {
    // SAFETY: all fields are set or zero; the handler does nothing, which is safe at any moment.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = woken as extern "C" fn(i32) as usize;
        libc::sigemptyset(&mut action.sa_mask);
        checked(libc::sigaction(WAKE, &action, std::ptr::null_mut()))?;
    }
    Ok(())
}

/// Signals of the process are for its other threads.
fn only_wake() {
    // SAFETY: the set is initialized before it is used.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut set);
        libc::sigdelset(&mut set, WAKE);
        libc::pthread_sigmask(libc::SIG_SETMASK, &set, std::ptr::null_mut());
    }
}
