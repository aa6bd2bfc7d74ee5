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

/// Writes records, and counts equal ones where there are more than this many a second: somebody
/// who asks for the same thing in a loop neither fills the disk nor goes unseen.
const EACH: u32 = 1000;
const WINDOW: Duration = Duration::from_secs(1);

pub struct Recorder<S> {
    sink: S,
    window: Option<Instant>,
    written: u32,
    last: Option<Activity>,
    /// Repetitions of `last` that are not written yet.
    repeated: u32,
}

impl<S: Sink> Recorder<S> {
    pub fn new(sink: S) -> Self {
        Self {
            sink,
            window: None,
            written: 0,
            last: None,
            repeated: 0,
        }
    }

    pub fn record(&mut self, activity: Activity, now: Instant) -> io::Result<()> {
        self.tick(now)?;
        if self.written >= EACH && self.last.as_ref() == Some(&activity) {
            self.repeated += 1;
            return Ok(());
        }
        self.flush()?;
        self.sink.record(&activity)?;
        self.window.get_or_insert(now);
        self.written += 1;
        self.last = Some(activity);
        Ok(())
    }

    /// Ends the window when its time is over.
    pub fn tick(&mut self, now: Instant) -> io::Result<()> {
        if self
            .window
            .is_some_and(|start| now.duration_since(start) >= WINDOW)
        {
            self.flush()?;
            self.window = None;
            self.written = 0;
        }
        Ok(())
    }

    /// When `tick` has something to write.
    pub fn due(&self, now: Instant) -> Option<Duration> {
        let start = self.window.filter(|_| self.repeated > 0)?;
        Some((start + WINDOW).saturating_duration_since(now))
    }

    pub fn flush(&mut self) -> io::Result<()> {
        if let (Some(last), count @ 1..) = (&self.last, self.repeated) {
            self.sink.record(&Activity {
                count,
                ..last.clone()
            })?;
            self.repeated = 0;
        }
        Ok(())
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
    fn a_flood_is_counted_and_nothing_is_lost() {
        let seen = RefCell::new(Vec::new());
        let mut recorder = Recorder::new(|activity: &Activity| {
            seen.borrow_mut()
                .push((activity.address.clone().unwrap(), activity.count));
            Ok(())
        });
        let start = Instant::now();
        for _ in 0..5000 {
            recorder.record(activity("a"), start).unwrap();
        }
        assert_eq!(seen.borrow().len(), 1000);
        assert_eq!(recorder.due(start), Some(WINDOW));
        recorder.record(activity("b"), start).unwrap();
        recorder.record(activity("b"), start).unwrap();
        assert_eq!(
            seen.borrow()[1000..],
            [("a".to_owned(), 4000), ("b".to_owned(), 1)]
        );
        recorder.tick(start + WINDOW).unwrap();
        assert_eq!(seen.borrow().last(), Some(&("b".to_owned(), 1)));
        let total: u32 = seen.borrow().iter().map(|(_, count)| count).sum();
        assert_eq!(total, 5002);
        recorder.record(activity("b"), start + WINDOW).unwrap();
        assert_eq!(
            recorder.due(start + WINDOW),
            None,
            "a new second starts with single records"
        );
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
