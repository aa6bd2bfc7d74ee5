//! What is in the calls: gRPC messages that mean something, good and bad.

use bytes::{BufMut, BytesMut};
use glovebox_wire::inside::*;
use glovebox_wire::message::Message;

use crate::random::Random;

thread_local! {
    /// Where the guest has its sockets.
    pub static SOCKETS: std::cell::RefCell<String> = const { std::cell::RefCell::new(String::new()) };
}

pub const CALLS: [&str; 29] = [
    "Hello/Hello",
    "Exec/Exec",
    "Exec/Signal",
    "Files/Stat",
    "Files/List",
    "Files/Read",
    "Files/Write",
    "Files/MakeDirectory",
    "Files/Remove",
    "Files/TarOut",
    "Files/TarIn",
    "Files/Change",
    "Files/Rename",
    "Files/MakeLink",
    "Files/Update",
    "Ports/Connect",
    "Egress/Accept",
    "Stats/Read",
    "Machine/SetClock",
    "Machine/Reseed",
    "Machine/PowerOff",
    "Guest/Identify",
    "Guest/MountGiven",
    "Guest/Start",
    "Guest/Resume",
    "Guest/Command",
    "Guest/CloseOutput",
    "Guest/Accept",
    "None/Such",
];

pub fn framed(message: &impl Message) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    bytes.put_bytes(0, 5);
    message.encode(&mut bytes);
    let length = (bytes.len() - 5) as u32;
    bytes[1..5].copy_from_slice(&length.to_be_bytes());
    bytes.to_vec()
}

/// What the call takes, with values that mean something to it, good and bad.
pub fn message(name: &str, random: &mut Random) -> Vec<u8> {
    let file = Some(path(random));
    let number = random.below(300);
    match name {
        "Hello/Hello" => framed(&HelloRequest {
            oldest: number as u32 % 3,
            newest: 1,
        }),
        "Exec/Exec" => {
            let start = ExecStart {
                argv: vec![random.bytes(20).into(); random.below(4) as usize],
                environment: vec![random.bytes(20).into(); random.below(4) as usize],
                terminal: (number % 2 == 0).then_some(TerminalSize {
                    rows: 70_000,
                    columns: 0,
                }),
                ..ExecStart::default()
            };
            let input = |input| framed(&ExecInput { input: Some(input) });
            [
                input(ExecInputCase::Start(start)),
                input(ExecInputCase::Signal(number as i32 - 100)),
                input(ExecInputCase::Stdin(random.bytes(100).into())),
            ]
            .concat()
        }
        "Exec/Signal" => framed(&SignalRequest {
            pid: number as i32,
            signal: 9,
        }),
        "Files/Stat" | "Files/List" | "Files/TarOut" => framed(&path(random)),
        "Files/Read" => framed(&ReadRequest {
            file,
            offset: random.next(),
            length: Some(number),
        }),
        "Files/Write" => {
            let start = WriteStart {
                file,
                mode: random.next() as u32,
                modified_ms: Some(random.next() as i64),
                create_only: number % 2 == 0,
            };
            let input = |input| framed(&WriteInput { input: Some(input) });
            let data = random.bytes(2000).into();
            [
                input(WriteInputCase::Start(start)),
                input(WriteInputCase::Data(data)),
            ]
            .concat()
        }
        "Files/MakeDirectory" => framed(&MakeDirectoryRequest {
            file,
            mode: random.next() as u32,
            parents: number % 2 == 0,
        }),
        "Files/Remove" => framed(&RemoveRequest {
            file,
            recursive: number % 2 == 0,
        }),
        "Files/Change" => framed(&ChangeRequest {
            file,
            change: Some(changed(random)),
        }),
        "Files/Rename" => framed(&RenameRequest {
            from: file,
            to: Some(path(random)),
            keep: number % 2 == 0,
        }),
        "Files/MakeLink" => framed(&MakeLinkRequest {
            file,
            link: random.bytes(40).into(),
        }),
        "Files/Update" => {
            let start = UpdateStart {
                file,
                mode: random.next() as u32,
                create: number % 2 == 0,
                create_only: number % 3 == 0,
                truncate: number % 5 == 0,
                append: number % 7 == 0,
            };
            let input = |input| framed(&UpdateInput { input: Some(input) });
            // Now and then one that the kernel takes for negative.
            let offset = match number % 4 {
                0 => random.next() | 1 << 63,
                _ => random.next() % (1 << 20),
            };
            let data = random.bytes(2000).into();
            [
                input(UpdateInputCase::Start(start)),
                input(UpdateInputCase::Data(UpdateData { offset, data })),
                input(UpdateInputCase::Change(changed(random))),
            ]
            .concat()
        }
        "Files/TarIn" => {
            let input = |input| framed(&TarInput { input: Some(input) });
            let archive = archive(random).into();
            [
                input(TarInputCase::Start(path(random))),
                input(TarInputCase::Data(archive)),
            ]
            .concat()
        }
        "Ports/Connect" => {
            let target = ConnectTarget {
                target: Some(ConnectTargetCase::TcpPort(random.next() as u32)),
            };
            framed(&ConnectInput {
                input: Some(ConnectInputCase::Target(target)),
            })
        }
        // Never a real port: others of this machine may be there.
        "Egress/Accept" => framed(&EgressInput {
            input: Some(EgressInputCase::Offer(EgressOffer {
                tcp_ports: vec![0, 70_000],
            })),
        }),
        "Machine/Reseed" => framed(&ReseedRequest {
            entropy: random.bytes(600).into(),
            generation: number,
        }),
        "Guest/Identify" => framed(&IdentifyRequest {
            entropy: random.bytes(600).into(),
            generation: random.next() >> random.below(64),
            unix_ns: random.next() as i64,
            hostname: "gb-1".into(),
            machine_id: vec![number as u8; 16].into(),
        }),
        "Guest/Start" => guest_start(random),
        "Guest/Command" => framed(&GuestCommand {
            id: format!("s{}", random.below(6)),
            command: b"{\"do\":\"go\"}\n".to_vec().into(),
        }),
        "Guest/CloseOutput" => framed(&GuestCloseOutput {
            id: format!("s{}", random.below(6)),
            is_stderr: random.below(2) == 0,
        }),
        "Guest/Accept" => {
            let input = |input| framed(&AcceptInput { input: Some(input) });
            let path = match random.below(3) {
                0 => "/run/glovebox/s/a/egress".into(),
                1 => format!(
                    "{}/s{}/egress",
                    SOCKETS.with_borrow(String::clone),
                    random.below(6)
                ),
                _ => "../x".to_owned(),
            };
            [
                input(AcceptInputCase::Path(path.into_bytes().into())),
                input(AcceptInputCase::Data(random.bytes(300).into())),
            ]
            .concat()
        }
        _ => framed(&Empty {}),
    }
}

/// Plans that are one, and what comes after.
fn guest_start(random: &mut Random) -> Vec<u8> {
    const PLAN: &str = include_str!("../../../wire/fixtures/plan-small.json");
    let id = format!("\"id\":\"s{}\"", random.below(6));
    let mut plan = PLAN
        .replace('\n', "")
        .replace("\"id\": \"true\"", &id)
        .into_bytes();
    if random.below(4) == 0 {
        random.damage(&mut plan);
    }
    let input = |input| framed(&GuestInput { input: Some(input) });
    let terminal = TerminalSize {
        rows: random.next() as u32,
        columns: 80,
    };
    let start = GuestStart {
        plan: plan.into(),
        terminal: (random.below(2) == 0).then_some(terminal.clone()),
    };
    let mut all = input(GuestInputCase::Start(start));
    for _ in 0..random.below(5) {
        all.extend(match random.below(6) {
            0 => input(GuestInputCase::Command(random.bytes(100).into())),
            4 => input(GuestInputCase::Keep(Empty {})),
            1 => input(GuestInputCase::Stdin(random.bytes(3000).into())),
            2 => input(GuestInputCase::StdinEnd(Empty {})),
            3 => input(GuestInputCase::Resize(terminal.clone())),
            _ => input(GuestInputCase::Command(
                b"{\"do\":\"go\"}\n".to_vec().into(),
            )),
        });
    }
    all
}

fn changed(random: &mut Random) -> FileChange {
    let number = random.next();
    FileChange {
        mode: (number % 2 == 0).then_some(number as u32),
        modified_ms: (number % 3 == 0).then_some(random.next() as i64),
        size: (number % 5 == 0).then_some(random.below(1 << 20)),
    }
}

fn path(random: &mut Random) -> FilePath {
    const PATHS: [&str; 14] = [
        "tmp/f",
        "tmp/d",
        "tmp",
        "",
        ".",
        "..",
        "../outside/f",
        "tmp/up/f",
        "tmp/up",
        "/etc/passwd",
        "tmp/new",
        "tmp/d/e/f",
        "a\0b",
        "tmp//./d/../f",
    ];
    const ROOTS: [&str; 5] = ["/", "/tmp", "/tmp/up", "relative", "/nowhere"];
    let root = random.below(10) as usize;
    FilePath {
        root: ROOTS.get(root).map(|root| root.as_bytes().into()),
        path: PATHS[random.below(PATHS.len() as u64) as usize]
            .as_bytes()
            .into(),
        no_follow: random.below(2) == 0,
    }
}

/// A few headers that are nearly right.
fn archive(random: &mut Random) -> Vec<u8> {
    const NAMES: [&str; 8] = [
        "f",
        "d/",
        "../outside/f",
        "/outside/f",
        "l",
        "l/f",
        "up/f",
        "d/g",
    ];
    let mut archive = Vec::new();
    for _ in 0..random.below(6) {
        let mut block = vec![0u8; 512];
        let name = NAMES[random.below(8) as usize];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[100..107].copy_from_slice(b"0000644");
        let size = random.below(600);
        block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
        block[136..147].copy_from_slice(b"00000000001");
        block[156] = *b"0125xLKgS9\0\x80"
            .get(random.below(12) as usize)
            .unwrap_or(&b'0');
        let link = NAMES[random.below(8) as usize];
        block[157..157 + link.len()].copy_from_slice(link.as_bytes());
        block[257..265].copy_from_slice(b"ustar\x0000");
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend(block);
        archive.extend(random.bytes(size));
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    if random.below(4) == 0 {
        random.damage(&mut archive);
    }
    archive
}
