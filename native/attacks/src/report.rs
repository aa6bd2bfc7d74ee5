//! What an attack tells: one JSON line, with every call that it made and how the kernel answered.

use crate::sys::{Errno, Res};
use std::collections::BTreeMap;

/// `key=value` words of the command line.
pub struct Args(pub BTreeMap<String, String>);

impl Args {
    pub fn parse(words: &[String]) -> Args {
        Args(
            words
                .iter()
                .filter_map(|word| word.split_once('='))
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    /// Stops the attack when it is missing: the suite then sees an attack that was not attempted.
    pub fn get(&self, key: &str) -> &str {
        match self.0.get(key) {
            Some(value) => value,
            None => {
                eprintln!("attacks: {key}= is missing");
                std::process::exit(64)
            }
        }
    }

    pub fn number(&self, key: &str) -> i64 {
        match self.get(key).parse() {
            Ok(number) => number,
            Err(_) => {
                eprintln!("attacks: {key}= is not a number");
                std::process::exit(64)
            }
        }
    }

    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }
}

pub enum Outcome {
    /// Everything that was tried was refused, or did nothing.
    Nothing,
    /// What it got.
    Effect(String),
    /// It could not even try, and why.
    NotTried(String),
}

/// An attack: its name on the command line and what it does.
pub type Attack = (&'static str, fn(&Args, &mut Trace) -> Outcome);

/// The calls that were made, in order.
#[derive(Default)]
pub struct Trace {
    calls: Vec<(String, Option<Errno>)>,
}

/// Enough to see what happened, however often an attack tries.
const KEPT_CALLS: usize = 64;

impl Trace {
    /// Notes how a call went and hands its result on.
    pub fn call<T>(&mut self, what: impl Into<String>, result: Res<T>) -> Res<T> {
        if self.calls.len() < KEPT_CALLS {
            self.calls
                .push((what.into(), result.as_ref().err().copied()));
        }
        result
    }

    /// The effect of a call that must not work at all.
    pub fn must_fail<T>(&mut self, what: &str, result: Res<T>) -> Outcome {
        match self.call(what, result) {
            Ok(_) => Outcome::Effect(format!("{what} worked")),
            Err(_) => Outcome::Nothing,
        }
    }

    pub fn line(&self, attack: &str, outcome: &Outcome) -> String {
        let (tried, effect, reason) = match outcome {
            Outcome::Nothing => (true, "none".to_owned(), None),
            Outcome::Effect(effect) => (true, effect.clone(), None),
            Outcome::NotTried(reason) => (false, "none".to_owned(), Some(reason)),
        };
        let errno = self.calls.iter().rev().find_map(|(_, errno)| *errno);
        let calls: Vec<String> = self
            .calls
            .iter()
            .map(|(what, errno)| {
                let answer = errno.map_or_else(|| "ok".to_owned(), |errno| errno.to_string());
                format!("[{},{}]", quote(what), quote(&answer))
            })
            .collect();
        format!(
            "{{\"attack\":{},\"attempted\":{},\"effect\":{},\"errno\":{},\"reason\":{},\"calls\":[{}]}}",
            quote(attack),
            tried && !self.calls.is_empty(),
            quote(&effect),
            errno.map_or_else(|| "null".to_owned(), |errno| quote(&errno.to_string())),
            reason.map_or_else(|| "null".to_owned(), |reason| quote(reason)),
            calls.join(",")
        )
    }
}

/// The first effect of several tries wins; all are made.
pub fn first(outcomes: impl IntoIterator<Item = Outcome>) -> Outcome {
    let mut result = Outcome::Nothing;
    for outcome in outcomes {
        if matches!(result, Outcome::Nothing) {
            result = outcome;
        }
    }
    result
}

/// What was read, as an effect: the suite looks for its secrets in it.
pub fn got(what: &str, bytes: &[u8]) -> Outcome {
    let text: String = String::from_utf8_lossy(bytes).chars().take(160).collect();
    Outcome::Effect(format!("{what}: {text}"))
}

/// A JSON string.
pub fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            character if (character as u32) < 0x20 => {
                out.push_str(&format!("\\u{:04x}", character as u32))
            }
            character => out.push(character),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attack_that_made_no_call_was_not_attempted() {
        let line = Trace::default().line("x", &Outcome::Nothing);
        assert!(line.contains("\"attempted\":false"), "{line}");
    }

    #[test]
    fn the_line_names_each_call_with_its_answer() {
        let mut trace = Trace::default();
        let outcome = trace.must_fail::<i64>("mount", Err(Errno(libc::EPERM)));
        let line = trace.line("x", &outcome);
        assert!(line.contains("[\"mount\",\"EPERM\"]"), "{line}");
        assert!(line.contains("\"effect\":\"none\""), "{line}");
    }

    #[test]
    fn text_from_outside_cannot_break_the_line() {
        assert_eq!(quote("a\"b\\c\n"), "\"a\\\"b\\\\c\\u000a\"");
    }
}
