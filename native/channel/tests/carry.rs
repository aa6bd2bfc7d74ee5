//! gRPC over a transport without connections, both ends through frames, with hosts that come and go.

#[path = "support/client.rs"]
mod client;
#[path = "support/offer.rs"]
mod offer;

use std::cell::Cell;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Instant;

use client::{run, Client, OK};
use glovebox_channel::framing::{Framing, Role};
use glovebox_channel::{carry, connection};
use glovebox_wire::inside::StatsRequest;
use tokio::net::UnixStream as Stream;
use tokio::sync::oneshot;
use tokio::task::{spawn_local, JoinHandle};

fn stream(of: &UnixStream) -> Stream {
    let copy = of.try_clone().expect("a socket");
    copy.set_nonblocking(true).expect("a socket");
    Stream::from_std(copy).expect("a socket")
}

/// The inside's end, for as long as the test; counts the connections that are open.
fn inside(transport: &UnixStream) -> Rc<Cell<u32>> {
    let open = Rc::new(Cell::new(0));
    let counted = Rc::clone(&open);
    let scratch = std::env::temp_dir();
    let (offer, seed) = offer::offer(&scratch);
    let role = Role::Inside {
        generation: 7,
        instance: [5; 16],
    };
    let carried = carry(
        stream(transport),
        move || role,
        Vec::new(),
        move |connected| {
            let (offer, open) = (Rc::clone(&offer), Rc::clone(&counted));
            open.set(open.get() + 1);
            spawn_local(async move {
                connection(connected, offer).await;
                open.set(open.get() - 1);
            });
        },
    );
    spawn_local(async move {
        let _ended = carried.await;
        drop(seed);
    });
    open
}

/// A host that begins a session on the same transport.
async fn host(transport: &UnixStream, session: u8) -> (Client, JoinHandle<()>) {
    let session = [session; 16];
    let (told, connected) = oneshot::channel();
    let mut told = Some(told);
    let carried = carry(
        stream(transport),
        move || Role::Host(session),
        Framing::hello(session),
        move |connected| {
            if let Some(told) = told.take() {
                told.send(connected).expect("awaited");
            }
        },
    );
    let carried = spawn_local(async move {
        let _ended = carried.await;
    });
    let client = Client::over(connected.await.expect("welcomed")).await;
    client.hello().await;
    (client, carried)
}

#[test]
fn a_host_that_comes_after_another_is_served_and_the_other_is_forgotten() {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    run(async {
        let open = inside(&theirs);
        for session in 1..20 {
            let (client, carried) = host(&ours, session).await;
            assert_eq!(
                client.unary("Stats/Read", &StatsRequest {}).await.1.code,
                OK
            );
            // One that is killed in the middle of a frame, with bytes of the inside still to be read.
            let call = client.open("Files/List").await;
            carried.abort();
            let _ended = carried.await;
            let mut half = Vec::new();
            let mut mine = Framing::new(Role::Host([session; 16]));
            mine.send(b"nothing, as it is not connected", &mut half);
            half.extend(&Framing::hello([99; 16])[65_580..65_600]);
            (&ours).write_all(&half).expect("written");
            drop(call);
        }
        let (client, _carried) = host(&ours, 200).await;
        assert_eq!(
            client.unary("Stats/Read", &StatsRequest {}).await.1.code,
            OK
        );
        let since = Instant::now();
        while open.get() != 1 {
            assert!(since.elapsed().as_secs() < 5, "{} connections", open.get());
            tokio::task::yield_now().await;
        }
    });
}
