//! Programs that try to get out of a sandbox, and what is needed outside to see whether they did.
//! For the escape suite only: see README.md.

mod batch;
mod egress;
mod files;
mod kernel;
mod leaks;
mod network;
mod older;
mod outside;
mod processes;
mod races;
mod report;
mod sys;

use report::Attack;

fn main() {
    if outside::accomplice::is_init() {
        std::process::exit(outside::accomplice::init());
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    let rest = words.get(1..).unwrap_or_default();
    let code = match words.first().map(String::as_str) {
        // Inside, and for the control runs outside.
        Some("run") => batch::run(rest, &attacks()),
        Some("step") => batch::step(rest, &attacks()),
        Some("describe") => leaks::describe(),
        Some("mark") => files::mark(),
        Some("linger") => linger(),
        // Outside.
        Some("list") => list(),
        Some("witness") => outside::witness::run(rest),
        Some("victim") => outside::victim::run(rest),
        Some("terminal") => outside::terminal::run(rest),
        Some("typed") => outside::terminal::typed(),
        Some("world") => outside::world::run(rest),
        Some("within") => outside::world::within(rest),
        Some("throwaway") => outside::throwaway::run(rest),
        Some("keyed") => outside::keyed::run(rest),
        Some("given") => outside::given::run(rest),
        Some("without-landlock") => outside::without::run(rest),
        Some("flip") => outside::flip::run(rest),
        Some("locked") => outside::locked::run(rest),
        _ => {
            eprintln!("attacks: run NAME KEY=VALUE… [-- NAME …] | step NAME … | describe | list | witness | terminal | typed | world | within | throwaway | keyed | given | without-landlock | flip | locked");
            64
        }
    };
    std::process::exit(code);
}

fn attacks() -> Vec<Attack> {
    [
        files::attacks(),
        network::attacks(),
        egress::attacks(),
        processes::attacks(),
        kernel::attacks(),
        races::attacks(),
        leaks::ATTACKS.to_vec(),
    ]
    .concat()
}

fn list() -> i32 {
    for (name, _) in attacks() {
        println!("{name}");
    }
    0
}

/// Waits for good; what follows the word is only there to be found in the command line.
fn linger() -> i32 {
    loop {
        std::thread::park();
    }
}
