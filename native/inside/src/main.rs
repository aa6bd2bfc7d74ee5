//! `glovebox-inside`: starts one program in a jail, and ends it with its owner.

mod args;
mod course;
mod explain;
mod fault;
mod follow;
mod idmap;
mod init;
mod jail;
mod kernel;
mod landlock;
mod layout;
mod limits;
mod link;
mod loopback;
mod mounts;
mod owner;
mod program;
mod receipt;
mod report;
mod rlimits;
mod sandbox;
mod source;
mod supervise;
mod title;
mod tree;
mod watch;
mod who;

use std::process::exit;

use args::Action;

fn main() {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match args::parse(&arguments) {
        Ok(Action::Jail { plan, status }) => exit(jail::run(plan, status)),
        Ok(Action::Print(text)) => println!("{text}"),
        Err(message) => {
            eprintln!("glovebox-inside: {message}");
            exit(args::USAGE_ERROR);
        }
    }
}
