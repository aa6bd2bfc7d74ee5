//! What the sandbox tried, handed to the sink before the answer is given.

use std::io;
use std::time::{Duration, Instant};

/// Strings that came from the sandbox end here.
const MAX_STRING: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivityKind {
    Connect,
    Bind,
    Send,
    Exec,
    Open,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The supervisor decided, on its own copy, and lets it happen.
    Allowed,
    /// The supervisor decided, and it does not happen.
    Denied,
    /// The kernel's own rules decide; this is only the record.
    Recorded,
}

/// What a file was opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    pub kind: ActivityKind,
    /// Process id, as the supervisor's pid namespace numbers it.
    pub pid: u32,
    /// The program's file.
    pub program: String,
    pub address: Option<String>,
    /// As the program spelled it, from the root of its tree: it may have been rewritten since.
    pub path: Option<String>,
    pub access: Option<Access>,
    pub verdict: Verdict,
    pub rule: &'static str,
    /// How many times in a row; more than one only in a flood.
    pub count: u32,
}

/// Takes each record. An error ends the supervisor, and with it the sandbox.
pub trait Sink {
    fn record(&mut self, activity: &Activity) -> io::Result<()>;
}

impl<F: FnMut(&Activity) -> io::Result<()>> Sink for F {
    fn record(&mut self, activity: &Activity) -> io::Result<()> {
        self(activity)
    }
}

/// Lossy text of the sandbox's bytes, cut.
pub fn cut(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    if text.len() > MAX_STRING {
        let end = (0..=MAX_STRING)
            .rev()
            .find(|&at| text.is_char_boundary(at))
            .unwrap_or(0);
        text.truncate(end);
    }
    text
}

/// Writes records, and counts the same ones where there are more of them than this: somebody who asks for the same thing in a
/// loop neither fills the disk nor goes unseen. Of programs that are executed and files each is wanted longer.
const EACH_PLACE: u32 = 50;
const EACH: u32 = 1000;

/// What was counted is written so often.
const WINDOW: Duration = Duration::from_secs(1);

/// So long something has to be unseen, or seldom, until each is written again.
const MEMORY: Duration = Duration::from_secs(10);

/// Different things that are known at a time; whoever asks for more is written down each time.
const KNOWN: usize = 64;

pub struct Recorder<S> {
    sink: S,
    window: Option<Instant>,
    known: Vec<Known>,
}

struct Known {
    /// The last of them.
    activity: Activity,
    since: Instant,
    written: u32,
    /// How many since are not written yet.
    repeated: u32,
}

impl Activity {
    /// Whether another is the same thing again. Of what goes to an address it is enough that the same program wants it: one that
    /// is started for each attempt is a loop too.
    fn is_again(&self, other: &Activity) -> bool {
        let pid = match self.address {
            Some(_) => other.pid,
            None => self.pid,
        };
        (self.kind, pid, self.access, self.verdict, self.rule)
            == (
                other.kind,
                other.pid,
                other.access,
                other.verdict,
                other.rule,
            )
            && self.address == other.address
            && self.path == other.path
            && self.program == other.program
    }

    fn each(&self) -> u32 {
        match self.address {
            Some(_) => EACH_PLACE,
            None => EACH,
        }
    }
}

impl<S: Sink> Recorder<S> {
    pub fn new(sink: S) -> Self {
        Self {
            sink,
            window: None,
            known: Vec::new(),
        }
    }

    pub fn record(&mut self, activity: Activity, now: Instant) -> io::Result<()> {
        self.tick(now)?;
        self.window.get_or_insert(now);
        let same = |known: &&mut Known| known.activity.is_again(&activity);
        if let Some(known) = self.known.iter_mut().find(same) {
            known.activity.pid = activity.pid;
            if known.written >= activity.each() {
                known.repeated += 1;
                return Ok(());
            }
            known.written += 1;
            return self.sink.record(&activity);
        }
        if self.known.len() == KNOWN {
            let oldest = self.known.remove(0);
            oldest.flush(&mut self.sink)?;
        }
        self.sink.record(&activity)?;
        self.known.push(Known {
            activity,
            since: now,
            written: 1,
            repeated: 0,
        });
        Ok(())
    }

    /// Ends the window when its time is over. What was counted in it is counted on: a loop is written once a second.
    pub fn tick(&mut self, now: Instant) -> io::Result<()> {
        if self
            .window
            .is_some_and(|start| now.duration_since(start) >= WINDOW)
        {
            let is_recent = |known: &Known| now.duration_since(known.since) < MEMORY;
            self.known
                .retain(|known| known.repeated > 0 || is_recent(known));
            self.flush()?;
            self.window = (!self.known.is_empty()).then_some(now);
        }
        Ok(())
    }

    /// When `tick` has something to write.
    pub fn due(&self, now: Instant) -> Option<Duration> {
        let counts = self.known.iter().any(|known| known.repeated > 0);
        let start = self.window.filter(|_| counts)?;
        Some((start + WINDOW).saturating_duration_since(now))
    }

    pub fn flush(&mut self) -> io::Result<()> {
        for known in &mut self.known {
            known.flush(&mut self.sink)?;
            known.repeated = 0;
        }
        Ok(())
    }
}

impl Known {
    fn flush(&self, sink: &mut impl Sink) -> io::Result<()> {
        if self.repeated == 0 {
            return Ok(());
        }
        sink.record(&Activity {
            count: self.repeated,
            ..self.activity.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::cell::RefCell;

    fn activity(address: &str) -> Activity {
        Activity {
            kind: ActivityKind::Connect,
            pid: 7,
            program: "/usr/bin/x".into(),
            address: Some(address.into()),
            path: None,
            access: None,
            verdict: Verdict::Denied,
            rule: "network.default-deny",
            count: 1,
        }
    }

    #[test]
    fn a_flood_is_counted_whoever_joins_in_and_nothing_is_lost() {
        let seen = RefCell::new(Vec::new());
        let mut recorder = Recorder::new(|activity: &Activity| {
            seen.borrow_mut()
                .push((activity.address.clone().unwrap(), activity.count));
            Ok(())
        });
        let start = Instant::now();
        for turn in 0..20_000 {
            let pid = turn;
            recorder
                .record(
                    Activity {
                        pid,
                        ..activity("a")
                    },
                    start,
                )
                .unwrap();
            if turn % 1000 == 0 {
                recorder.record(activity("b"), start).unwrap();
            }
        }
        assert_eq!(seen.borrow().len(), 50 + 20);
        assert_eq!(recorder.due(start), Some(WINDOW));
        recorder.tick(start + WINDOW).unwrap();
        assert_eq!(seen.borrow().last(), Some(&("a".to_owned(), 19_950)));
        assert_eq!(recorder.due(start + WINDOW), None);
        for _ in 0..100 {
            recorder.record(activity("a"), start + WINDOW).unwrap();
        }
        assert_eq!(seen.borrow().len(), 71, "it goes on, and is counted on");
        recorder.tick(start + 2 * WINDOW).unwrap();
        assert_eq!(seen.borrow().last(), Some(&("a".to_owned(), 100)));
        let later = start + MEMORY + 3 * WINDOW;
        recorder.tick(later).unwrap();
        recorder.record(activity("a"), later).unwrap();
        assert_eq!(
            seen.borrow().last(),
            Some(&("a".to_owned(), 1)),
            "it had ended"
        );
        let total: u32 = seen.borrow().iter().map(|(_, count)| count).sum();
        assert_eq!(total, 20_000 + 20 + 100 + 1);
    }

    #[test]
    fn programs_that_are_executed_are_told_apart() {
        let seen = RefCell::new(0);
        let mut recorder = Recorder::new(|activity: &Activity| {
            *seen.borrow_mut() += activity.count;
            Ok(())
        });
        let program = |pid| Activity {
            pid,
            kind: ActivityKind::Exec,
            address: None,
            path: Some("/usr/bin/y".into()),
            ..activity("")
        };
        for pid in 0..500 {
            recorder.record(program(pid), Instant::now()).unwrap();
        }
        assert_eq!(*seen.borrow(), 500, "each at once");
        assert!(recorder.known.len() <= KNOWN);
    }

    #[test]
    fn among_many_places_nothing_is_lost_and_few_are_kept() {
        let seen = RefCell::new(0);
        let mut recorder = Recorder::new(|activity: &Activity| {
            *seen.borrow_mut() += activity.count;
            Ok(())
        });
        let start = Instant::now();
        for turn in 0..20_000 {
            let place = format!("p{}", turn % 100);
            recorder.record(activity(&place), start).unwrap();
        }
        recorder.flush().unwrap();
        assert_eq!(*seen.borrow(), 20_000);
        assert!(recorder.known.len() <= KNOWN);
    }

    #[test]
    fn a_sink_that_fails_is_told() {
        let mut recorder =
            Recorder::new(|_: &Activity| Err(io::Error::from(io::ErrorKind::BrokenPipe)));
        assert!(recorder.record(activity("a"), Instant::now()).is_err());
    }

    #[test]
    fn strings_are_cut_at_a_character() {
        assert_eq!(cut(b"ab\xff"), "ab\u{fffd}");
        let long = "\u{20ac}".repeat(2000);
        let short = cut(long.as_bytes());
        assert_eq!(short.len(), 4095);
        assert!(long.starts_with(&short));
    }
}
