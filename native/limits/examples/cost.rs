//! What the limits cost a start: `cargo run --release -p glovebox-limits --example cost`.

use std::time::{Duration, Instant};

use glovebox_limits::{Limit, Limits, Request};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let request = Request {
        memory: Some(Limit {
            value: 512 << 20,
            explicit: true,
        }),
        cpus: Some(Limit {
            value: 1.0,
            explicit: true,
        }),
        pids: Some(Limit {
            value: 128,
            explicit: true,
        }),
    };
    // Back to back, and with pauses in which the kernel's grace periods run out.
    for pause in [Duration::ZERO, Duration::from_millis(100)] {
        let (mut prepare, mut join, mut watch, mut destroy) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..50 {
            std::thread::sleep(pause);
            let mut limits = timed(&mut prepare, || Limits::prepare(&request))?;
            // The example's only thread stands for the sandbox's first process, and goes home again.
            timed(&mut join, || glovebox_limits::join(&limits.entries()))?;
            for tree in ["memory", "cpu", "pids"] {
                std::fs::write(format!("/sys/fs/cgroup/{tree}/tasks"), "0")?;
            }
            timed(&mut watch, || limits.watches().map(|_| ()))?;
            timed(&mut destroy, || limits.destroy())?;
        }
        println!(
            "pause {:>3} ms: prepare {:>4} us, join {:>4} us, watch {:>4} us, destroy {:>4} us",
            pause.as_millis(),
            median(prepare),
            median(join),
            median(watch),
            median(destroy)
        );
    }
    Ok(())
}

fn timed<T>(times: &mut Vec<u128>, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    times.push(start.elapsed().as_micros());
    result
}

fn median(mut times: Vec<u128>) -> u128 {
    times.sort_unstable();
    times[times.len() / 2]
}
