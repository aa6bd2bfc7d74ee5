//! The processor time that answering takes. The sandbox causes it, and it is not the sandbox's: a program with a fifth of a
//! processor that tries one thing after the other would have us and the reader of our record use one and a half.

use std::time::{Duration, Instant};

use rustix::time::{clock_gettime, ClockId};

/// Half of the sandbox's own share, since whoever reads what we record has about as much to do with it as we.
const OF_ITS_SHARE: f64 = 0.5;

/// So much is saved up while little is asked for, as of a start, which asks for many things at once: some ten thousand answers.
const SAVED: Duration = Duration::from_millis(500);

/// How much answering may take.
pub struct Pace {
    /// Seconds of a processor in a second; `None`: no limit.
    share: Option<f64>,
    /// Seconds of a processor; below zero is debt.
    left: f64,
    last: Option<Reading>,
}

#[derive(Clone, Copy)]
struct Reading {
    time: Instant,
    used: Duration,
}

impl Pace {
    /// `processors`: how many the sandbox may use, above zero; a fraction of one, too.
    pub fn new(processors: Option<f64>) -> Pace {
        Pace {
            share: processors.map(|processors| processors * OF_ITS_SHARE),
            left: SAVED.as_secs_f64(),
            last: None,
        }
    }

    /// How long nobody is answered, so that what this thread has used is paid back. To be called by that thread alone.
    pub fn pause(&mut self) -> Option<Duration> {
        self.share?;
        let used = clock_gettime(ClockId::ThreadCPUTime);
        let used = Duration::new(
            u64::try_from(used.tv_sec).unwrap_or(0),
            u32::try_from(used.tv_nsec).unwrap_or(0),
        );
        self.pause_at(Reading {
            time: Instant::now(),
            used,
        })
    }

    fn pause_at(&mut self, now: Reading) -> Option<Duration> {
        let share = self.share?;
        let before = self.last.replace(now).unwrap_or(now);
        let earned = now.time.duration_since(before.time).as_secs_f64() * share;
        let spent = now.used.saturating_sub(before.used).as_secs_f64();
        self.left = (self.left + earned - spent).min(SAVED.as_secs_f64());
        // A share that is next to nothing makes it long; whoever waits so long looks again before it is over.
        (self.left < 0.0).then(|| Duration::from_secs_f64((-self.left / share).min(1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(begun: Instant, time_ms: u64, used_ms: u64) -> Reading {
        Reading {
            time: begun + Duration::from_millis(time_ms),
            used: Duration::from_millis(used_ms),
        }
    }

    #[test]
    fn what_was_saved_up_is_used_at_once_and_what_is_over_it_is_paid_back() {
        let begun = Instant::now();
        let mut pace = Pace::new(Some(0.2));
        assert_eq!(pace.pause_at(at(begun, 0, 0)), None);
        assert_eq!(
            pace.pause_at(at(begun, 500, 500)),
            None,
            "550 ms were there"
        );
        let pause = pace
            .pause_at(at(begun, 600, 600))
            .map(|pause| pause.as_millis());
        assert_eq!(pause, Some(400), "40 ms at a tenth of a processor");
        assert_eq!(pace.pause_at(at(begun, 1001, 600)), None);
    }

    #[test]
    fn no_more_is_saved_up_than_a_start_needs() {
        let begun = Instant::now();
        let mut pace = Pace::new(Some(1.0));
        assert_eq!(pace.pause_at(at(begun, 0, 0)), None);
        assert_eq!(pace.pause_at(at(begun, 3_600_000, 0)), None);
        assert!(pace.pause_at(at(begun, 3_600_000, 501)).is_some());
    }

    #[test]
    fn a_debt_that_cannot_be_paid_back_soon_is_looked_at_each_second() {
        let begun = Instant::now();
        let mut pace = Pace::new(Some(1e-9));
        assert_eq!(pace.pause_at(at(begun, 0, 0)), None);
        let pause = pace.pause_at(at(begun, 900, 900));
        assert_eq!(pause, Some(Duration::from_secs(1)));
    }

    #[test]
    fn without_a_limit_nobody_waits() {
        let begun = Instant::now();
        let mut pace = Pace::new(None);
        assert_eq!(pace.pause_at(at(begun, 0, 0)), None);
        assert_eq!(pace.pause_at(at(begun, 1, 3_600_000)), None);
        assert_eq!(pace.pause(), None);
    }
}
