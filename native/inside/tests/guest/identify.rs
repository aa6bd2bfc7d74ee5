//! A machine is its own before anything runs there.

use bytes::Bytes;
use glovebox_wire::inside::{
    Empty, GuestCommand, IdentifyRequest, ReseedRequest, SetClockRequest, SignalRequest,
};

use crate::client::{run, OK};
use crate::machine::{identify, Room, Said};
use crate::support::plan_for;

#[test]
fn nothing_starts_before_the_machine_is_its_own() {
    run(async {
        let room = Room::new().await;
        assert_eq!(room.hello.generation, 0);
        let refused = |room: &'static str| {
            move |end: crate::client::End| assert_eq!(end.code, 9, "{room}: {end:?}")
        };
        let mut open = room.start(&plan_for("true")).await;
        let ended = Said::default().until(&mut open, |_| false).await;
        ended.map_err(refused("at first")).expect_err("refused");

        let (_, end) = room.client.unary("Guest/Identify", &identify(5)).await;
        assert_eq!(end.code, OK, "{end:?}");
        // Entropy first: what is drawn before it is every clone's.
        let done = ["reseed 64", "clock 1800000000000000000", "name gb-1 16"];
        assert_eq!(*room.log.borrow(), done);
        let (_, hello) = room.again().await;
        assert_eq!(hello.generation, 5);
        assert_ne!(hello.instance, room.hello.instance);
        let mut open = room.start(&plan_for("true")).await;
        assert!(Said::default().all(&mut open).await.how.is_some());

        // A clone of this machine, whose host has only reseeded it, has its sibling's names and clock.
        let reseed = ReseedRequest {
            entropy: Bytes::from_static(&[3; 32]),
            generation: 6,
        };
        let (_, end) = room.client.unary("Machine/Reseed", &reseed).await;
        assert_eq!(end.code, OK, "{end:?}");
        let (_, again) = room.again().await;
        assert_eq!(again.generation, 6);
        assert_ne!(again.instance, hello.instance);
        let mut open = room.start(&plan_for("true")).await;
        let ended = Said::default().until(&mut open, |_| false).await;
        ended.map_err(refused("reseeded")).expect_err("refused");
    });
}

#[test]
fn what_makes_no_sense_changes_nothing() {
    run(async {
        let room = Room::new().await;
        let good = || identify(1);
        let wrong = [
            IdentifyRequest {
                generation: 0,
                ..good()
            },
            IdentifyRequest {
                entropy: Bytes::from_static(&[7; 31]),
                ..good()
            },
            IdentifyRequest {
                entropy: Bytes::from_static(&[7; 513]),
                ..good()
            },
            IdentifyRequest {
                unix_ns: 0,
                ..good()
            },
            IdentifyRequest {
                hostname: "Not a name".into(),
                ..good()
            },
            IdentifyRequest {
                machine_id: Bytes::from_static(&[0; 16]),
                ..good()
            },
        ];
        for request in wrong {
            let (_, end) = room.client.unary("Guest/Identify", &request).await;
            assert_eq!(end.code, 3, "{request:?}");
        }
        let clock = SetClockRequest { unix_ns: -1 };
        let (_, end) = room.client.unary("Machine/SetClock", &clock).await;
        assert_eq!(end.code, 3);
        assert!(room.log.borrow().is_empty());
    });
}

#[test]
fn a_guest_has_the_services_of_one_and_no_programs_of_its_own() {
    run(async {
        let room = Room::identified().await;
        let has = |name: &str| {
            let name = format!("glovebox.inside.v1.{name}");
            room.hello.services.contains(&name)
        };
        assert!(has("Guest") && has("Machine") && has("Files") && has("Ports"));
        assert!(!has("Exec") && !has("Egress"));
        let client = &room.client;
        for call in ["Exec/Exec", "Exec/Signal", "Egress/Accept"] {
            let (_, end) = client.unary(call, &SignalRequest::default()).await;
            assert_eq!(end.code, 12, "{call}");
        }
        let nobody = GuestCommand {
            id: "nobody".into(),
            command: Bytes::from_static(b"{\"do\":\"stop\"}\n"),
        };
        assert_eq!(client.unary("Guest/Command", &nobody).await.1.code, 5);
        room.log.borrow_mut().clear();
        assert_eq!(client.unary("Guest/MountGiven", &Empty {}).await.1.code, OK);
        assert_eq!(client.unary("Machine/PowerOff", &Empty {}).await.1.code, OK);
        assert_eq!(*room.log.borrow(), ["given", "off"]);
    });
}
