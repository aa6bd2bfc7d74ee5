//! Connections from a Unix socket in the machine to the host.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use bytes::Bytes;
use glovebox_wire::inside::{self, AcceptInput, AcceptInputCase};

use crate::client::{run, Client, Open, OK};
use crate::machine::{Room, Said};
use crate::support::plan_for;

fn input(case: AcceptInputCase) -> AcceptInput {
    AcceptInput { input: Some(case) }
}

async fn offer(client: &Client, path: &Path) -> Open {
    let mut open = client.open("Guest/Accept").await;
    let path = path.to_str().expect("plain").to_owned();
    open.send(&input(AcceptInputCase::Path(Bytes::from(path))))
        .await;
    open
}

async fn bytes(open: &mut Open) -> Bytes {
    let message: inside::Bytes = open.message().await.expect("bytes");
    message.data
}

/// Somebody in the machine, once the socket is there.
async fn dial(path: &Path) -> UnixStream {
    loop {
        match UnixStream::connect(path) {
            Ok(stream) => return stream,
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

#[test]
fn a_connection_is_carried_both_ways_and_each_direction_ends_by_itself() {
    run(async {
        let room = Room::identified().await;
        let path = room.sockets.join("test/egress");
        let mut open = offer(&room.client, &path).await;
        let mut dialled = dial(&path).await;
        let mode = std::fs::metadata(&path).expect("it").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let above = path.parent().expect("a directory");
        let mode = std::fs::metadata(above).expect("it").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        // Somebody has connected.
        assert_eq!(bytes(&mut open).await, "");
        dialled.write_all(b"from inside").expect("written");
        dialled.shutdown(Shutdown::Write).expect("its end");
        assert_eq!(bytes(&mut open).await, "from inside");
        assert_eq!(bytes(&mut open).await, "");
        let data = Bytes::from_static(b"from the host");
        open.send(&input(AcceptInputCase::Data(data))).await;
        open.finish();
        let (more, end) = open.rest().await;
        assert_eq!((more.len(), end.code), (0, OK));
        let mut heard = String::new();
        dialled.read_to_string(&mut heard).expect("to its end");
        assert_eq!(heard, "from the host");
    });
}

#[test]
fn several_offers_take_one_connection_each() {
    run(async {
        let room = Room::identified().await;
        let path = room.sockets.join("test/egress");
        let mut offers = vec![
            offer(&room.client, &path).await,
            offer(&room.client, &path).await,
        ];
        let mut dialled = Vec::new();
        for word in ["one", "two"] {
            let mut stream = dial(&path).await;
            stream.write_all(word.as_bytes()).expect("written");
            dialled.push(stream);
        }
        let mut heard = Vec::new();
        for open in &mut offers {
            assert_eq!(bytes(open).await, "");
            heard.push(bytes(open).await);
        }
        heard.sort();
        assert_eq!(heard, ["one", "two"]);
    });
}

#[test]
fn a_socket_goes_with_the_connection_that_offered() {
    run(async {
        let room = Room::identified().await;
        let path = room.sockets.join("test/egress");
        let (second, _) = room.again().await;
        let open = offer(&second, &path).await;
        drop(dial(&path).await);
        // One of the same name, of another connection's, would take what is meant for the first.
        let taken = offer(&room.client, &path).await.rest().await.1;
        assert_eq!(taken.code, 6);
        drop((open, second));
        while path.parent().is_some_and(Path::exists) {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn offers_end_with_their_sandbox_and_are_made_anew_for_the_next() {
    run(async {
        let room = Room::identified().await;
        let path = room.sockets.join("test/egress");
        for _ in 0..2 {
            let open = offer(&room.client, &path).await;
            drop(dial(&path).await);
            let waiting = offer(&room.client, &path).await;
            let mut sandbox = room.start(&plan_for("true")).await;
            assert!(Said::default().all(&mut sandbox).await.how.is_some());
            assert_eq!(waiting.rest().await.1.code, 14);
            assert!(!path.exists());
            drop(open);
        }
    });
}

#[test]
fn a_socket_is_nowhere_else() {
    run(async {
        let room = Room::identified().await;
        for wrong in ["../x/egress", "test", "test/a/b", "test/..", "Test/egress"] {
            let open = offer(&room.client, &room.sockets.join(wrong)).await;
            assert_eq!(open.rest().await.1.code, 3, "{wrong}");
        }
        let open = offer(&room.client, Path::new("/tmp/egress")).await;
        assert_eq!(open.rest().await.1.code, 3);
        let left: Vec<_> = std::fs::read_dir(&room.sockets).expect("it").collect();
        assert!(left.is_empty(), "{left:?}");
    });
}

#[test]
fn who_takes_nothing_holds_up_its_own_direction_only() {
    run(async {
        let room = Room::identified().await;
        let path = room.sockets.join("test/egress");
        let mut open = offer(&room.client, &path).await;
        let mut dialled = dial(&path).await;
        assert_eq!(bytes(&mut open).await, "");
        // More than a socket holds, and less than a window: the host is not kept waiting by what is not read.
        for _ in 0..12 {
            let data = Bytes::from(vec![b'x'; 64 << 10]);
            open.send(&input(AcceptInputCase::Data(data))).await;
        }
        dialled.write_all(b"still heard").expect("written");
        assert_eq!(bytes(&mut open).await, "still heard");
        let mut socket = offer(&room.client, &room.sockets.join("other/egress")).await;
        let beside = dial(&room.sockets.join("other/egress")).await;
        assert_eq!(bytes(&mut socket).await, "");
        drop(beside);
        open.reset();
    });
}

#[test]
fn connections_that_nobody_reads_do_not_hold_up_the_machine() {
    run(async {
        let room = Room::identified().await;
        let path = room.sockets.join("test/egress");
        let mut stalled = Vec::new();
        for _ in 0..24 {
            let mut open = offer(&room.client, &path).await;
            let dialled = dial(&path).await;
            assert_eq!(bytes(&mut open).await, "");
            // As much as a call's window takes.
            for _ in 0..4 {
                let data = Bytes::from(vec![b'x'; 256 << 10]);
                open.send(&input(AcceptInputCase::Data(data))).await;
            }
            stalled.push((open, dialled));
        }
        let mut sandbox = room.start(&plan_for("echo still here")).await;
        let said = Said::default().all(&mut sandbox).await;
        assert_eq!(said.stdout, "still here\n");
    });
}
