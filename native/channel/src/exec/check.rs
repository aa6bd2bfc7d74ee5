//! What a start may ask for.

use std::os::fd::OwnedFd;

use bytes::Bytes;
use glovebox_wire::inside::ExecStart;

use crate::caps;
use crate::seed::Spawn;
use crate::status::{Code, Result, Status};

pub struct Checked {
    argv: Vec<Vec<u8>>,
    env: Vec<Vec<u8>>,
    directory: Vec<u8>,
    terminal: bool,
}

impl Checked {
    pub fn spawn(self, streams: [OwnedFd; 3]) -> Spawn {
        Spawn {
            argv: self.argv,
            env: self.env,
            directory: self.directory,
            terminal: self.terminal,
            streams,
        }
    }
}

/// The words of a program, with the sandbox's environment where the start does not replace it.
pub fn words(start: &ExecStart, own: &[Vec<u8>], directory: &[u8]) -> Result<Checked> {
    if start.argv.is_empty() {
        return Err(Status::invalid("argv: must have at least one word"));
    }
    let all = || start.argv.iter().chain(&start.environment);
    if start.argv.len() > caps::WORD_COUNT || start.environment.len() > caps::WORD_COUNT {
        return Err(too_much(format!("more than {} words", caps::WORD_COUNT)));
    }
    if all().map(Bytes::len).sum::<usize>() > caps::WORDS {
        return Err(too_much(format!(
            "more than {} bytes of words",
            caps::WORDS
        )));
    }
    if all().any(|word| word.contains(&0)) {
        return Err(Status::invalid("a word with a NUL"));
    }
    if let Some(pair) = start
        .environment
        .iter()
        .find(|pair| name_of(pair).is_empty())
    {
        return Err(Status::invalid(format!(
            "environment: must be NAME=VALUE, not {:?}",
            String::from_utf8_lossy(&pair[..pair.len().min(64)])
        )));
    }
    Ok(Checked {
        argv: start.argv.iter().map(|word| word.to_vec()).collect(),
        env: environment(start, own),
        directory: given(start.directory.as_ref(), directory)?,
        terminal: start.terminal.is_some(),
    })
}

/// The last of a name counts, wherever it stands.
fn environment(start: &ExecStart, own: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let own = if start.environment_only { &[] } else { own };
    let mut env: Vec<Vec<u8>> = Vec::with_capacity(own.len() + start.environment.len());
    let given = start.environment.iter().map(|pair| pair.to_vec());
    for pair in own.iter().cloned().chain(given) {
        match env
            .iter_mut()
            .find(|known| name_of(known) == name_of(&pair))
        {
            Some(known) => *known = pair,
            None => env.push(pair),
        }
    }
    env
}

/// Empty for a pair without a name or without a `=`.
fn name_of(pair: &[u8]) -> &[u8] {
    let end = pair.iter().position(|byte| *byte == b'=');
    &pair[..end.unwrap_or(0)]
}

fn given(path: Option<&Bytes>, own: &[u8]) -> Result<Vec<u8>> {
    match path {
        None => Ok(own.to_vec()),
        Some(path) if path.starts_with(b"/") && path.len() < 4096 && !path.contains(&0) => {
            Ok(path.to_vec())
        }
        Some(_) => Err(Status::invalid("directory: must be an absolute path")),
    }
}

/// The kernel's signals are 1 to 64; 0 would be a mere question.
pub fn signal(number: i32) -> Result<i32> {
    match number {
        1..=64 => Ok(number),
        _ => Err(Status::invalid("signal: must be a number from 1 to 64")),
    }
}

fn too_much(message: String) -> Status {
    Status::new(Code::ResourceExhausted, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(argv: &[&'static str], env: &[&'static str]) -> ExecStart {
        let words = |words: &[&'static str]| {
            words
                .iter()
                .map(|word| Bytes::from_static(word.as_bytes()))
                .collect()
        };
        ExecStart {
            argv: words(argv),
            environment: words(env),
            ..ExecStart::default()
        }
    }

    #[test]
    fn what_is_given_replaces_what_the_sandbox_has() {
        let own = [b"A=1".to_vec(), b"B=2".to_vec()];
        let made = words(&start(&["x"], &["B=3", "C=", "B=4"]), &own, b"/").expect("a start");
        assert_eq!(made.env, [b"A=1".to_vec(), b"B=4".to_vec(), b"C=".to_vec()]);
        let only = ExecStart {
            environment_only: true,
            ..start(&["x"], &["B=3"])
        };
        assert_eq!(
            words(&only, &own, b"/").expect("a start").env,
            [b"B=3".to_vec()]
        );
    }

    #[test]
    fn what_no_program_can_have_is_refused() {
        let refused = |start: ExecStart| words(&start, &[], b"/").err().map(|status| status.code);
        let invalid = Some(Code::InvalidArgument);
        assert_eq!(refused(start(&[], &[])), invalid);
        assert_eq!(refused(start(&["a\0b"], &[])), invalid);
        assert_eq!(refused(start(&["a"], &["no sign"])), invalid);
        assert_eq!(refused(start(&["a"], &["=x"])), invalid);
        assert_eq!(
            refused(start(&["a"; 5000], &[])),
            Some(Code::ResourceExhausted)
        );
        for path in ["", "tmp", "/a\0"] {
            let wrong = ExecStart {
                directory: Some(Bytes::from_static(path.as_bytes())),
                ..start(&["a"], &[])
            };
            assert_eq!(refused(wrong), invalid, "{path:?}");
        }
        assert!(signal(0).is_err() && signal(65).is_err() && signal(9).is_ok());
    }
}
