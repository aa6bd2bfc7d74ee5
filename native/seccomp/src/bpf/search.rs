//! Finds the rule for a value: the system call number, or an argument's.

use std::collections::BTreeMap;

use libc::{BPF_JEQ, BPF_JGE};

use super::{block, branch, jump, Block};
use crate::rule::Rule;

/// Sorted starts of ranges of equal rules; the first starts at zero.
pub fn ranges<'a>(table: &'a BTreeMap<u32, Rule>, gap: &'a Rule) -> Vec<(u32, &'a Rule)> {
    let mut ranges: Vec<(u32, &Rule)> = Vec::with_capacity(table.len() * 2 + 1);
    let mut push = |start: u32, rule: &'a Rule| match ranges.last() {
        Some((_, last)) if *last == rule => {}
        _ => ranges.push((start, rule)),
    };
    let mut next = 0u32;
    let mut full = false;
    for (&value, rule) in table {
        if value > next {
            push(next, gap);
        }
        push(value, rule);
        match value.checked_add(1) {
            Some(n) => next = n,
            None => full = true,
        }
    }
    if !full {
        push(next, gap);
    }
    ranges
}

/// A balanced search for the accumulator's value. Where everything lies within a conditional jump,
/// ranges with the same rule share its block; otherwise the halves are searched on their own.
pub fn search(ranges: &[(u32, &Rule)]) -> Block {
    let room = usize::from(u8::MAX).saturating_sub(ranges.len());
    let Some(outcomes) = Outcomes::within(room, ranges.iter().map(|(_, rule)| *rule)) else {
        let (low, high) = ranges.split_at(ranges.len() / 2);
        return branch(BPF_JGE, high[0].0, search(high), search(low));
    };
    let mut out = Block::with_capacity(ranges.len() + outcomes.blocks.len());
    compare(ranges, ranges.len() - 1, &outcomes, &mut out);
    out.extend(outcomes.blocks);
    out
}

/// The comparisons of a search, each followed by those of its lower half; `all` of them come before
/// the outcomes.
fn compare(ranges: &[(u32, &Rule)], all: usize, outcomes: &Outcomes<'_>, out: &mut Block) {
    let (low, high) = ranges.split_at(ranges.len() / 2);
    let (Some(first_high), false) = (high.first(), low.is_empty()) else {
        return;
    };
    let behind = all - out.len() - 1;
    let to_outcome = |rule| near(behind + outcomes.start(rule));
    let over_low = near(low.len() - 1);
    let jt = if high.len() == 1 {
        to_outcome(first_high.1)
    } else {
        over_low
    };
    let jf = if low.len() == 1 {
        to_outcome(low[0].1)
    } else {
        0
    };
    out.push(jump(BPF_JGE, first_high.0, jt, jf));
    compare(low, all, outcomes, out);
    compare(high, all, outcomes, out);
}

/// The blocks of distinct rules, one after another.
struct Outcomes<'a> {
    rules: Vec<(&'a Rule, usize)>,
    blocks: Block,
}

impl<'a> Outcomes<'a> {
    /// `None` if their blocks need more than `room` instructions.
    fn within(room: usize, rules: impl Iterator<Item = &'a Rule>) -> Option<Self> {
        let mut outcomes = Self {
            rules: Vec::new(),
            blocks: Block::new(),
        };
        for rule in rules {
            if outcomes.rules.iter().all(|(known, _)| *known != rule) {
                outcomes.rules.push((rule, outcomes.blocks.len()));
                outcomes.blocks.extend(block(rule));
            }
            if outcomes.blocks.len() > room {
                return None;
            }
        }
        Some(outcomes)
    }

    fn start(&self, rule: &Rule) -> usize {
        let found = self.rules.iter().find(|(known, _)| *known == rule);
        found
            .expect("every rule that is searched for has its block")
            .1
    }
}

fn near(distance: usize) -> u8 {
    u8::try_from(distance).expect("what is searched together lies within a conditional jump")
}

/// Few values are compared one by one, so that those with the same outcome share its block; more are halved first.
/// Installing a program costs 0.1 us an instruction.
pub fn match_values(cases: &[(u32, &Rule)], otherwise: &Rule) -> Block {
    const ONE_BY_ONE: usize = 12;
    if cases.len() > ONE_BY_ONE {
        let (low, high) = cases.split_at(cases.len() / 2);
        return branch(
            BPF_JGE,
            high[0].0,
            match_values(high, otherwise),
            match_values(low, otherwise),
        );
    }
    // Behind the comparisons comes the block of `otherwise`, where they fall through to.
    let rules = std::iter::once(otherwise).chain(cases.iter().map(|(_, rule)| *rule));
    let outcomes = Outcomes::within(usize::MAX, rules).expect("there is room for everything");
    let mut out = Block::with_capacity(cases.len() + outcomes.blocks.len());
    for (at, (value, rule)) in cases.iter().enumerate() {
        out.push(jump(
            BPF_JEQ,
            *value,
            near(cases.len() - at - 1 + outcomes.start(rule)),
            0,
        ));
    }
    out.extend(outcomes.blocks);
    out
}
