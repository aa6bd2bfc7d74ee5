//! A sandbox that one host leaves in the machine, and another takes up.

use bytes::Bytes;
use glovebox_wire::inside::{Empty, GuestEndedHow, GuestInputCase};
use serde_json::json;

use crate::client::{run, Client, Open, OK};
use crate::machine::{identify, input, Room, Said};
use crate::support::{plan_for, processes_with};

const PRECONDITION: u32 = 9;

/// Started, spoken with, and left standing.
async fn kept(room: &Room, script: &str) -> Said {
    let mut open = room.start(&plan_for(script)).await;
    let mut said = Said::default();
    // Its first word may be here before its launcher's is.
    let up = |said: &Said| said.stdout == "up\n" && said.has("started");
    said.until(&mut open, up).await.expect("it runs");
    open.send(&input(GuestInputCase::Keep(Empty {}))).await;
    let said = said.all(&mut open).await;
    assert!(said.is_kept && said.how.is_none(), "{said:?}");
    said
}

async fn refused(client: &Client, call: &str) -> u32 {
    client.open(call).await.rest().await.1.code
}

#[test]
fn one_that_is_kept_outlives_its_host_and_goes_on_with_the_next() {
    run(async {
        let mut room = Room::identified().await;
        let said = kept(
            &room,
            "echo up; read line; echo heard $line; echo log >&2; exit 3",
        )
        .await;
        assert!(
            said.has("receipt") && said.has("started") && !said.has("exit"),
            "{said:?}"
        );
        let (second, _) = room.again().await;
        // Its host is gone.
        room.client = second;
        // What a clone wakes up as is nobody: it draws what its siblings draw.
        assert_eq!(refused(&room.client, "Guest/Resume").await, PRECONDITION);
        let (_, end) = room.client.unary("Guest/Identify", &identify(2)).await;
        assert_eq!(end.code, OK, "{end:?}");
        // It would stand still with the other one.
        let mut beside = plan_for("true");
        beside["id"] = json!("beside");
        let beside = room.start(&beside).await.rest().await.1;
        assert_eq!(beside.code, PRECONDITION);
        let mut open: Open = room.client.open("Guest/Resume").await;
        let line = Bytes::from_static(b"the next\n");
        open.send(&input(GuestInputCase::Stdin(line))).await;
        let said = Said::default().all(&mut open).await;
        assert_eq!(said.stdout, "heard the next\n");
        assert_eq!(said.stderr, "log\n");
        assert_eq!(said.how, Some(GuestEndedHow::Code(3)));
        assert!(said.has("exit") && !said.has("receipt"), "{said:?}");
        // Frozen before its host heard that it is kept, and woken after the machine had become another one.
        let word = |line: &String| line.split(' ').next().map(str::to_owned);
        let order: Vec<String> = room.log.borrow().iter().filter_map(word).collect();
        let once = ["reseed", "clock", "name"];
        assert_eq!(
            order,
            [&once[..], &["freeze"], &once[..], &["thaw"]].concat()
        );
        assert_eq!(refused(&room.client, "Guest/Resume").await, 5);
    });
}

#[test]
fn one_that_was_taken_up_ends_with_its_call() {
    run(async {
        let room = Room::identified().await;
        let marker = format!("kept-marker-{}", std::process::id());
        kept(
            &room,
            &format!(": {marker}; echo up; read line; echo on; while :; do sleep 1000; done"),
        )
        .await;
        assert!(!processes_with(&marker).is_empty());
        let (_, end) = room.client.unary("Guest/Identify", &identify(2)).await;
        assert_eq!(end.code, OK, "{end:?}");
        let mut open = room.client.open("Guest/Resume").await;
        let line = Bytes::from_static(b"go on\n");
        open.send(&input(GuestInputCase::Stdin(line))).await;
        let mut said = Said::default();
        let on = said.until(&mut open, |said| said.stdout == "on\n").await;
        on.expect("it goes on");
        open.reset();
        while !processes_with(&marker).is_empty() || room.sockets.join("test").exists() {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn one_of_several_is_not_kept_and_one_that_was_not_kept_ends_with_its_call() {
    run(async {
        let room = Room::identified().await;
        let marker = format!("several-marker-{}", std::process::id());
        let script = format!(": {marker}; echo up; while :; do sleep 1000; done");
        let mut first = room.start(&plan_for(&script)).await;
        let mut other = plan_for("echo up; exec sleep 1000");
        other["id"] = json!("other");
        let mut second = room.start(&other).await;
        for open in [&mut first, &mut second] {
            let mut said = Said::default();
            let up = said.until(open, |said| said.stdout == "up\n").await;
            up.expect("it runs");
        }
        first.send(&input(GuestInputCase::Keep(Empty {}))).await;
        assert_eq!(first.rest().await.1.code, PRECONDITION);
        while !processes_with(&marker).is_empty() {
            tokio::task::yield_now().await;
        }
        second.reset();
        assert_eq!(refused(&room.client, "Guest/Resume").await, 5);
    });
}

#[test]
fn one_whose_host_is_lost_while_it_is_kept_leaves_no_standstill_to_the_next() {
    run(async {
        let room = Room::identified().await;
        let marker = format!("lost-marker-{}", std::process::id());
        let script = format!(": {marker}; echo up; while :; do sleep 1000; done");
        let mut open = room.start(&plan_for(&script)).await;
        let mut said = Said::default();
        let up = said.until(&mut open, |said| said.stdout == "up\n").await;
        up.expect("it runs");
        room.never_stands();
        open.send(&input(GuestInputCase::Keep(Empty {}))).await;
        while !room.log.borrow().iter().any(|line| line == "freeze") {
            tokio::task::yield_now().await;
        }
        open.reset();
        while !processes_with(&marker).is_empty() {
            tokio::task::yield_now().await;
        }
        let (_, end) = room.client.unary("Guest/Identify", &identify(2)).await;
        assert_eq!(end.code, OK, "{end:?}");
        let said = Said::default()
            .all(&mut room.start(&plan_for("echo runs")).await)
            .await;
        assert_eq!(said.stdout, "runs\n");
        assert_eq!(
            room.log.borrow().last().map(String::as_str),
            Some("thaw"),
            "before the next one was started"
        );
    });
}
