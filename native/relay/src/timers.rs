//! Each connection's next moment, once: what is closed or put off leaves nothing behind, however many come and go.

use std::collections::BTreeSet;
use std::time::Instant;

#[derive(Default)]
pub struct Timers {
    due: BTreeSet<(Instant, u64)>,
}

impl Timers {
    /// Puts a connection's moment from one to another.
    pub fn change(&mut self, id: u64, from: Option<Instant>, to: Option<Instant>) {
        if let Some(from) = from {
            self.due.remove(&(from, id));
        }
        if let Some(to) = to {
            self.due.insert((to, id));
        }
    }

    pub fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Those whose moment has come; they stay until they are changed.
    pub fn due(&self, now: Instant) -> Vec<u64> {
        let come = self.due.iter().take_while(|(at, _)| *at <= now);
        come.map(|(_, id)| *id).collect()
    }
}
