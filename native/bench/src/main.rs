//! Times whole programs, from the call that starts them to the return of the wait for their end, in turns.
//!
//! Reads one JSON document on stdin:
//! `{"rounds": 200, "warmup": 10, "alternatives": [{"name": "bare", "argv": ["/bin/true"], "plan": null}, …]}`
//! and writes `{"bare": [nanoseconds, …], …}`. An alternative with a plan is the launcher: it gets the plan on a pipe,
//! as its owner would give it, and a pipe for its status lines, named at the end of its arguments.
//!
//! It is not written in TypeScript because starting a process costs Node several times what is measured here.
//! The standard library starts programs by `posix_spawn` (vfork), as long as nothing has to be done in the child:
//! so the pipes are made inheritable instead of being moved there.

mod alternative;
mod start;

use std::io::Read;
use std::process::ExitCode;

use alternative::{parse, Job};

fn main() -> ExitCode {
    match measure() {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("glovebox-timer: {message}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<String, String> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())?;
    let Job {
        rounds,
        warmup,
        alternatives,
    } = parse(&text)?;
    let mut times = vec![Vec::with_capacity(rounds); alternatives.len()];
    for round in 0..warmup + rounds {
        // Every other round in the other order, so that no alternative always runs on a cache that the same one left.
        for step in 0..alternatives.len() {
            let index = if round % 2 == 0 {
                step
            } else {
                alternatives.len() - 1 - step
            };
            let took = start::time(&alternatives[index])?;
            if round >= warmup {
                times[index].push(took);
            }
        }
    }
    let named = alternatives
        .iter()
        .zip(times)
        .map(|(alternative, took)| (alternative.name.clone(), took.into()));
    Ok(serde_json::Value::Object(named.collect()).to_string())
}
