//! The self-check that `glovebox doctor` runs *inside* a jail: it tries to do what each control forbids, and says
//! what happened. It decides nothing and is believed only as far as the jail that runs it is ours.
//!
//! Memory and time are held by ending the whole sandbox, so each is a start of its own.

mod files;
mod kernel;
mod limits;

use glovebox_wire::Control;
use serde_json::json;

/// What one attempt came to.
pub struct Finding {
    pub held: bool,
    pub evidence: String,
}

impl Finding {
    /// Something that must not work was tried.
    fn refused<T>(what: &str, outcome: std::io::Result<T>) -> Finding {
        match outcome {
            Ok(_) => Finding {
                held: false,
                evidence: format!("{what}: it worked"),
            },
            Err(error) => Finding {
                held: true,
                evidence: format!("{what}: {}", say(&error)),
            },
        }
    }

    /// The first that did not hold, else the first.
    fn worst(mut findings: Vec<Finding>) -> Finding {
        let at = findings
            .iter()
            .position(|finding| !finding.held)
            .unwrap_or(0);
        findings.swap_remove(at)
    }
}

fn say(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((sentence, _)) => sentence.to_owned(),
        None => text,
    }
}

/// `canary` is a file of the host that nobody showed to the sandbox.
pub fn run(canary: &str) -> i32 {
    let findings = [
        (Control::FsRead, files::read(canary)),
        (Control::FsWrite, files::write()),
        (Control::FsExec, files::execute()),
        (Control::Net, kernel::network()),
        (Control::Ipc, kernel::ipc()),
        (Control::Procs, kernel::processes()),
        (Control::Kernel, kernel::surface()),
        (Control::Env, limits::environment()),
        (Control::Cpus, limits::cpus()),
        (Control::Pids, limits::pids()),
        (Control::Disk, limits::disk()),
    ];
    for (control, Finding { held, evidence }) in findings {
        println!(
            "{}",
            json!({ "control": control.name(), "held": held, "evidence": evidence })
        );
    }
    0
}

/// Takes memory until somebody ends the sandbox. Coming back means that nobody did.
pub fn take_memory(bytes: usize) -> i32 {
    limits::take_memory(bytes);
    0
}

/// Does nothing until somebody ends the sandbox, or a minute is over.
pub fn take_time() -> i32 {
    std::thread::sleep(std::time::Duration::from_secs(60));
    0
}
