//! What all connections together may move: so much a second (a token bucket), and so much at all.

use std::time::{Duration, Instant};

/// A quiet connection may catch up on so much of a second.
const BURST: u64 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    Bytes(u64),
    /// When [`Budget::refill`] has been called after a while.
    Later,
    Never,
}

pub struct Budget {
    rate: Option<Bucket>,
    /// Of all that may ever move.
    left: Option<u64>,
}

struct Bucket {
    per_second: u64,
    tokens: u64,
    filled: Instant,
}

impl Budget {
    pub fn new(per_second: Option<u64>, bytes: Option<u64>, now: Instant) -> Budget {
        Budget {
            rate: per_second.map(|per_second| Bucket {
                per_second,
                tokens: burst(per_second),
                filled: now,
            }),
            left: bytes,
        }
    }

    pub fn ask(&self, wanted: u64) -> Grant {
        let granted = wanted.min(self.left.unwrap_or(u64::MAX));
        if granted == 0 {
            return Grant::Never;
        }
        match self.rate.as_ref().map_or(u64::MAX, |rate| rate.tokens) {
            0 => Grant::Later,
            tokens => Grant::Bytes(granted.min(tokens)),
        }
    }

    /// Not more than was granted.
    pub fn spend(&mut self, bytes: u64) {
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(bytes);
        }
        if let Some(rate) = &mut self.rate {
            rate.tokens = rate.tokens.saturating_sub(bytes);
        }
    }

    pub fn is_spent(&self) -> bool {
        self.left == Some(0)
    }

    /// Until [`Budget::refill`].
    pub fn is_used_up(&self) -> bool {
        self.rate.as_ref().is_some_and(|rate| rate.tokens == 0)
    }

    pub fn refill(&mut self, now: Instant) {
        let Some(rate) = &mut self.rate else {
            return;
        };
        let passed = now.duration_since(rate.filled).as_nanos();
        let tokens = passed * u128::from(rate.per_second) / 1_000_000_000;
        // The rest of a byte is not lost: the clock stands where the last whole one was earned.
        let earned = tokens * 1_000_000_000 / u128::from(rate.per_second);
        rate.filled += Duration::from_nanos(u64::try_from(earned).unwrap_or(u64::MAX));
        let tokens = u64::try_from(tokens).unwrap_or(u64::MAX);
        rate.tokens = rate
            .tokens
            .saturating_add(tokens)
            .min(burst(rate.per_second));
    }
}

fn burst(per_second: u64) -> u64 {
    (per_second / BURST).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_as_many_bytes_as_were_promised() {
        let start = Instant::now();
        let mut budget = Budget::new(Some(1000), None, start);
        let mut moved = 0;
        for step in 0..=1000 {
            budget.refill(start + Duration::from_micros(10_333) * step);
            while let Grant::Bytes(granted) = budget.ask(7) {
                budget.spend(granted);
                moved += granted;
            }
        }
        // 10.333 s, and what was saved up before.
        assert_eq!(moved, 10_333 + 250);
    }

    #[test]
    fn what_was_not_used_is_not_saved_for_ever() {
        let start = Instant::now();
        let mut budget = Budget::new(Some(1000), None, start);
        budget.refill(start + Duration::from_secs(3600));
        assert_eq!(budget.ask(u64::MAX), Grant::Bytes(250));
        budget.spend(250);
        assert_eq!(budget.ask(1), Grant::Later);
    }

    #[test]
    fn the_last_byte_is_the_last() {
        let mut budget = Budget::new(None, Some(10), Instant::now());
        assert_eq!(budget.ask(7), Grant::Bytes(7));
        budget.spend(7);
        assert_eq!(budget.ask(7), Grant::Bytes(3));
        budget.spend(3);
        assert_eq!(budget.ask(1), Grant::Never);
        assert!(budget.is_spent());
    }
}
