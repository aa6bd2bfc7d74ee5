//! `src/inside.rs` is what the generator makes of `inside.proto`; it is committed, so that a build needs no tool.

mod generator;

use std::path::Path;
use std::process::{Command, Stdio};

use generator::{emit::emit, parse::parse};

#[test]
fn the_committed_types_are_those_of_the_protocol_file() {
    let (package, items) = parse(include_str!("../proto/glovebox/inside/v1/inside.proto"));
    let made = formatted(&emit(&package, &items));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/inside.rs");
    if std::env::var_os("GLOVEBOX_GENERATE").is_some() {
        std::fs::write(&path, &made).expect("written");
    }
    let committed = std::fs::read_to_string(&path).expect("the committed file");
    assert!(
        committed == made,
        "inside.proto has changed: GLOVEBOX_GENERATE=1 cargo test -p glovebox-wire --test generated"
    );
}

/// As `cargo fmt` leaves it, which is checked for the whole workspace.
fn formatted(source: &str) -> String {
    use std::io::Write;
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2021", "--emit", "stdout"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("rustfmt, which is part of the toolchain");
    let mut stdin = rustfmt.stdin.take().expect("piped");
    stdin.write_all(source.as_bytes()).expect("taken");
    drop(stdin);
    let output = rustfmt.wait_with_output().expect("ended");
    assert!(output.status.success(), "rustfmt refuses what was made");
    String::from_utf8(output.stdout).expect("UTF-8")
}
