//! Connections that wait for their turn, each once, served in a circle.

use std::collections::BTreeSet;

#[derive(Default)]
pub struct Turns {
    ids: BTreeSet<u64>,
    last: u64,
}

impl Turns {
    pub fn add(&mut self, id: u64) {
        self.ids.insert(id);
    }

    pub fn remove(&mut self, id: u64) {
        self.ids.remove(&id);
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// The one after the last that had its turn.
    pub fn next(&mut self) -> Option<u64> {
        let after = self.ids.range(self.last + 1..).next();
        let id = *after.or_else(|| self.ids.first())?;
        self.ids.remove(&id);
        self.last = id;
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_two_turns_while_another_waits() {
        let mut turns = Turns::default();
        [3, 1, 2].into_iter().for_each(|id| turns.add(id));
        let mut served = Vec::new();
        for _ in 0..6 {
            let id = turns.next().expect("somebody waits");
            served.push(id);
            turns.add(id);
        }
        assert_eq!(served, [1, 2, 3, 1, 2, 3]);
        turns.remove(1);
        turns.remove(2);
        assert_eq!((turns.next(), turns.next()), (Some(3), None));
    }
}
