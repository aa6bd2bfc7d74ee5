//! `src/inside.rs` is what the generator makes of `inside.proto`; it is committed, so that a build needs no tool.

mod generator;

use std::path::Path;
use std::process::{Command, Stdio};

use generator::{emit::emit, parse::parse};

#[test]
fn the_committed_types_are_those_of_the_protocol_file() {
    let (package, items) = parse(include_str!("../proto/glovebox/inside/v1/inside.proto"));
    let emitted = emit(&package, &items);
    let made = formatted(&emitted);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/inside.rs");
    if std::env::var_os("GLOVEBOX_GENERATE").is_some() {
        let made = made
            .as_ref()
            .expect("rustfmt, which is part of the toolchain");
        std::fs::write(&path, made).expect("written");
    }
    let committed = std::fs::read_to_string(&path).expect("the committed file");
    let is_current = match made {
        Some(made) => committed == made,
        None => unformatted(&committed) == unformatted(&emitted),
    };
    assert!(
        is_current,
        "inside.proto has changed: GLOVEBOX_GENERATE=1 cargo test -p glovebox-wire --test generated"
    );
}

/// What rustfmt does not change. Some systems have Rust without it.
fn unformatted(source: &str) -> String {
    let kept = |character: &char| !character.is_whitespace() && *character != ',';
    source.chars().filter(kept).collect()
}

/// As `cargo fmt` leaves it, which is checked for the whole workspace. `None` where there is no rustfmt.
fn formatted(source: &str) -> Option<String> {
    use std::io::Write;
    let mut rustfmt = match Command::new("rustfmt")
        .args(["--edition", "2021", "--emit", "stdout"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
    {
        Ok(rustfmt) => rustfmt,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("rustfmt: {error}"),
    };
    let mut stdin = rustfmt.stdin.take().expect("piped");
    stdin.write_all(source.as_bytes()).expect("taken");
    drop(stdin);
    let output = rustfmt.wait_with_output().expect("ended");
    assert!(output.status.success(), "rustfmt refuses what was made");
    Some(String::from_utf8(output.stdout).expect("UTF-8"))
}
