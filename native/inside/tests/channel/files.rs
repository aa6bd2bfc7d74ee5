//! Files and archives, and what must not come of them.

use bytes::Bytes;
use glovebox_wire::inside::{
    self as wire, ChangeRequest, FileChange, FileInfo, FileKind, FilePath, MakeDirectoryRequest,
    MakeLinkRequest, ReadRequest, RemoveRequest, RenameRequest, TarInput, TarInputCase, TarResult,
    UpdateData, UpdateInput, UpdateInputCase, UpdateStart, WriteInput, WriteInputCase, WriteStart,
};
use glovebox_wire::message::Message;

use crate::client::{run, Client, End, OK};
use crate::room::{shell, Room, SLEEPS};
use crate::support::{add_mount, as_everyone, Starter};

fn at(root: &str, path: &str) -> FilePath {
    FilePath {
        root: (!root.is_empty()).then(|| Bytes::copy_from_slice(root.as_bytes())),
        path: Bytes::copy_from_slice(path.as_bytes()),
        no_follow: false,
    }
}

async fn write(client: &Client, file: FilePath, parts: &[&[u8]]) -> Result<FileInfo, End> {
    let start = WriteStart {
        file: Some(file),
        mode: 0o640,
        modified_ms: Some(1_234_567),
        create_only: false,
    };
    let mut messages = vec![WriteInput {
        input: Some(WriteInputCase::Start(start)),
    }];
    messages.extend(parts.iter().map(|part| WriteInput {
        input: Some(WriteInputCase::Data(Bytes::copy_from_slice(part))),
    }));
    one(client.call("Files/Write", &messages).await)
}

async fn read(client: &Client, file: FilePath) -> Result<Vec<u8>, End> {
    let request = ReadRequest {
        file: Some(file),
        offset: 0,
        length: None,
    };
    all(client.unary("Files/Read", &request).await)
}

fn all((messages, end): (Vec<Bytes>, End)) -> Result<Vec<u8>, End> {
    let mut bytes = Vec::new();
    for message in messages {
        bytes.extend_from_slice(&wire::Bytes::decode(message).expect("bytes").data);
    }
    if end.code == OK {
        Ok(bytes)
    } else {
        Err(end)
    }
}

fn one<M: Message>((messages, end): (Vec<Bytes>, End)) -> Result<M, End> {
    match &messages[..] {
        [message] if end.code == OK => Ok(M::decode(message.clone()).expect("a message")),
        _ => Err(end),
    }
}

async fn stat(client: &Client, file: FilePath) -> Result<FileInfo, End> {
    one(client.unary("Files/Stat", &file).await)
}

fn code<T: std::fmt::Debug>(done: Result<T, End>) -> u32 {
    done.expect_err("refused").code
}

#[test]
fn a_file_is_written_whole_and_read_back() {
    as_everyone(|starter| {
        let room = Room::new(starter, SLEEPS);
        run(async {
            let client = room.greet().await;
            let big = vec![0xa5u8; 3 << 20];
            let parts: Vec<&[u8]> = big.chunks(200_000).collect();
            let info = write(&client, at("", "tmp/big"), &parts)
                .await
                .expect("written");
            assert_eq!(
                (info.size, info.mode, info.modified_ms, &info.name[..]),
                (3 << 20, 0o640, 1_234_567, &b"big"[..])
            );
            assert_eq!(read(&client, at("", "tmp/big")).await.expect("read"), big);
            // The largest message that there may be.
            let whole = vec![3u8; 1 << 20];
            write(&client, at("", "tmp/one"), &[&whole, &whole])
                .await
                .expect("written");
            let part = ReadRequest {
                file: Some(at("/tmp", "big")),
                offset: 10,
                length: Some(5),
            };
            assert_eq!(
                all(client.unary("Files/Read", &part).await).expect("read"),
                [0xa5; 5]
            );
            assert_eq!(code(write(&client, at("", "usr/new"), &[b"x"]).await), 7);
            assert_eq!(code(read(&client, at("", "tmp/none")).await), 5);
            assert_eq!(code(read(&client, at("", "tmp")).await), 3);
            assert_eq!(code(read(&client, at("", "dev/null")).await), 3);
        });
    });
}

#[test]
fn a_write_that_is_given_up_leaves_nothing() {
    let room = Room::new(Starter::User, SLEEPS);
    run(async {
        let client = room.greet().await;
        let mut call = client.open("Files/Write").await;
        let start = WriteStart {
            file: Some(at("", "tmp/half")),
            mode: 0o600,
            ..WriteStart::default()
        };
        call.send(&WriteInput {
            input: Some(WriteInputCase::Start(start)),
        })
        .await;
        call.send(&WriteInput {
            input: Some(WriteInputCase::Data(Bytes::from_static(b"half"))),
        })
        .await;
        while shell(&client, "ls -A /tmp").await.text().is_empty() {}
        call.reset();
        while !shell(&client, "ls -A /tmp").await.text().is_empty() {}
    });
}

#[test]
fn nothing_leads_out_of_a_root() {
    let room = Room::new(Starter::User, SLEEPS);
    run(async {
        let client = room.greet().await;
        let made = shell(&client, "mkdir /tmp/r && cd /tmp/r && ln -s /etc/passwd abs && ln -s ../../etc/passwd rel && ln -s /proc/self/root/etc/passwd magic && ln -s . here && ln -s here/f in && echo ok > f && mkfifo pipe").await;
        assert_eq!(made.err, b"");
        for path in [
            "abs",
            "rel",
            "magic",
            "../../etc/passwd",
            "here/../../../etc/passwd",
        ] {
            assert_eq!(code(read(&client, at("/tmp/r", path)).await), 7, "{path}");
            assert_eq!(code(stat(&client, at("/tmp/r", path)).await), 7, "{path}");
        }
        assert_eq!(
            read(&client, at("/tmp/r", "in"))
                .await
                .expect("a link inside"),
            b"ok\n"
        );
        assert_eq!(code(read(&client, at("/tmp/r", "pipe")).await), 3);
        assert_eq!(code(read(&client, at("/tmp/r", "/etc/passwd")).await), 3);
        assert_eq!(code(read(&client, at("relative", "f")).await), 3);
        // With "/" there is no outside; links of /proc are followed nowhere.
        assert!(read(&client, at("", "tmp/r/abs")).await.is_ok());
        assert_eq!(
            code(read(&client, at("", "proc/self/root/etc/passwd")).await),
            3
        );
        // What is written replaces a link, and does not go through it.
        write(&client, at("/tmp/r", "abs"), &[b"mine"])
            .await
            .expect("written");
        assert_eq!(
            shell(&client, "cat /tmp/r/abs; test -L /tmp/r/abs || echo plain")
                .await
                .text(),
            "mineplain\n"
        );
    });
}

#[test]
fn names_are_listed_made_and_removed() {
    as_everyone(|starter| {
        let room = Room::new(starter, SLEEPS);
        run(async {
            let client = room.greet().await;
            let make = |path, parents| MakeDirectoryRequest {
                file: Some(at("", path)),
                mode: 0o750,
                parents,
            };
            assert_eq!(
                code(one::<FileInfo>(
                    client
                        .unary("Files/MakeDirectory", &make("tmp/a/b/c", false))
                        .await
                )),
                5
            );
            let made: FileInfo = one(client
                .unary("Files/MakeDirectory", &make("tmp/a/b/c", true))
                .await)
            .expect("made");
            assert_eq!((made.kind, made.mode), (FileKind::Directory, 0o750));
            assert!(one::<FileInfo>(
                client
                    .unary("Files/MakeDirectory", &make("tmp/a/b/c", true))
                    .await
            )
            .is_ok());
            assert_eq!(
                code(one::<FileInfo>(
                    client
                        .unary("Files/MakeDirectory", &make("tmp/a", false))
                        .await
                )),
                6
            );
            shell(&client, "ln -s /x /tmp/a/link; echo hi >/tmp/a/f").await;
            let (messages, end) = client.unary("Files/List", &at("", "tmp/a")).await;
            assert_eq!(end.code, OK);
            let mut names: Vec<(String, FileKind, Vec<u8>)> = messages
                .into_iter()
                .map(|message| FileInfo::decode(message).expect("an entry"))
                .map(|info| {
                    (
                        String::from_utf8_lossy(&info.name).into_owned(),
                        info.kind,
                        info.link.to_vec(),
                    )
                })
                .collect();
            names.sort_by(|a, b| a.0.cmp(&b.0));
            let expected = [
                ("b", FileKind::Directory, ""),
                ("f", FileKind::Regular, ""),
                ("link", FileKind::Symlink, "/x"),
            ];
            let expected: Vec<_> = expected
                .map(|(name, kind, link)| (name.to_owned(), kind, link.as_bytes().to_vec()))
                .into();
            assert_eq!(names, expected);
            let remove = |path, recursive| RemoveRequest {
                file: Some(at("", path)),
                recursive,
            };
            assert_eq!(
                client
                    .unary("Files/Remove", &remove("tmp/a", false))
                    .await
                    .1
                    .code,
                9
            );
            assert_eq!(
                client
                    .unary("Files/Remove", &remove("tmp/a", true))
                    .await
                    .1
                    .code,
                OK
            );
            assert_eq!(code(stat(&client, at("", "tmp/a")).await), 5);
        });
    });
}

async fn update(
    client: &Client,
    start: UpdateStart,
    then: &[UpdateInputCase],
) -> Result<FileInfo, End> {
    let first = UpdateInputCase::Start(start);
    let cases = std::iter::once(&first).chain(then);
    let messages: Vec<_> = cases
        .map(|case| UpdateInput {
            input: Some(case.clone()),
        })
        .collect();
    one(client.call("Files/Update", &messages).await)
}

fn put(offset: u64, data: &'static [u8]) -> UpdateInputCase {
    UpdateInputCase::Data(UpdateData {
        offset,
        data: Bytes::from_static(data),
    })
}

#[test]
fn a_file_is_changed_where_it_stands() {
    as_everyone(|starter| {
        let room = Room::new(starter, SLEEPS);
        run(async {
            let client = room.greet().await;
            let start = |path| UpdateStart {
                file: Some(at("", path)),
                mode: 0o4640,
                ..UpdateStart::default()
            };
            let create = |path| UpdateStart {
                create: true,
                ..start(path)
            };
            assert_eq!(code(update(&client, start("tmp/f"), &[]).await), 5);
            let made = update(&client, create("tmp/f"), &[put(3, b"def"), put(0, b"abc")]).await;
            // No set-id bit.
            assert_eq!(made.map(|made| (made.size, made.mode)), Ok((6, 0o640)));
            let attributes = FileChange {
                mode: Some(0o600),
                modified_ms: Some(1_500),
                size: Some(5),
            };
            let then = [put(1, b"B"), UpdateInputCase::Change(attributes.clone())];
            let changed = update(&client, start("tmp/f"), &then)
                .await
                .expect("changed");
            assert_eq!(
                (changed.size, changed.mode, changed.modified_ms),
                (5, 0o600, 1_500)
            );
            let append = UpdateStart {
                append: true,
                ..start("tmp/f")
            };
            update(&client, append, &[put(0, b"!")])
                .await
                .expect("appended");
            assert_eq!(
                read(&client, at("", "tmp/f")).await.expect("read"),
                b"aBcde!"
            );
            let only = UpdateStart {
                create_only: true,
                ..create("tmp/f")
            };
            assert_eq!(code(update(&client, only, &[]).await), 6);
            let truncate = UpdateStart {
                truncate: true,
                ..start("tmp/f")
            };
            update(&client, truncate, &[]).await.expect("truncated");
            assert_eq!(read(&client, at("", "tmp/f")).await.expect("read"), b"");
            assert_eq!(code(update(&client, create("usr/f"), &[]).await), 7);
            assert_eq!(code(update(&client, create("tmp"), &[]).await), 3);
            shell(
                &client,
                "mkfifo /tmp/pipe; ln -s /tmp/f /tmp/l; mkdir /tmp/d",
            )
            .await;
            // ENXIO: nobody reads it; and with a reader it would still be no regular file.
            assert!(update(&client, start("tmp/pipe"), &[]).await.is_err());
            let change = |path| ChangeRequest {
                file: Some(at("", path)),
                change: Some(attributes.clone()),
            };
            let mode_only = |path| ChangeRequest {
                change: Some(FileChange {
                    mode: Some(0o7711),
                    ..FileChange::default()
                }),
                ..change(path)
            };
            let changed: FileInfo =
                one(client.unary("Files/Change", &change("tmp/l")).await).expect("through a link");
            assert_eq!((changed.size, changed.modified_ms), (5, 1_500));
            let changed: FileInfo =
                one(client.unary("Files/Change", &mode_only("tmp/d")).await).expect("a directory");
            assert_eq!(changed.mode, 0o711);
            for path in ["tmp/pipe", "dev/null"] {
                let refused = one::<FileInfo>(client.unary("Files/Change", &mode_only(path)).await);
                assert_eq!(code(refused), 3, "{path}");
            }
        });
    });
}

#[test]
fn names_are_changed_and_links_made_and_neither_leads_out_of_a_root() {
    let room = Room::new(Starter::User, SLEEPS);
    run(async {
        let client = room.greet().await;
        shell(
            &client,
            "mkdir /tmp/r /tmp/o; echo a >/tmp/r/a; echo b >/tmp/r/b; ln -s /tmp/o /tmp/r/out",
        )
        .await;
        let rename = |from, to, keep| RenameRequest {
            from: Some(at("/tmp/r", from)),
            to: Some(at("/tmp/r", to)),
            keep,
        };
        let renamed = |request| {
            let client = &client;
            async move { client.unary("Files/Rename", &request).await.1.code }
        };
        assert_eq!(renamed(rename("a", "b", true)).await, 6);
        assert_eq!(renamed(rename("a", "../o/a", false)).await, 7);
        assert_eq!(renamed(rename("a", "out/a", false)).await, 7);
        assert_eq!(renamed(rename("none", "c", true)).await, 5);
        assert_eq!(renamed(rename("a", "b", false)).await, OK);
        let link = |path| MakeLinkRequest {
            file: Some(at("/tmp/r", path)),
            link: Bytes::from_static(b"../../etc/passwd"),
        };
        let made: FileInfo =
            one(client.unary("Files/MakeLink", &link("l")).await).expect("a link holds anything");
        assert_eq!(
            (made.kind, &made.link[..]),
            (FileKind::Symlink, &b"../../etc/passwd"[..])
        );
        assert_eq!(code(read(&client, at("/tmp/r", "l")).await), 7);
        for (path, status) in [("l", 6), ("out/l", 7), ("..", 3)] {
            let refused = one::<FileInfo>(client.unary("Files/MakeLink", &link(path)).await);
            assert_eq!(code(refused), status, "{path}");
        }
        for path in ["out/new", "../o/new", "l"] {
            let start = UpdateStart {
                file: Some(at("/tmp/r", path)),
                create: true,
                truncate: true,
                ..UpdateStart::default()
            };
            assert_eq!(code(update(&client, start, &[]).await), 7, "{path}");
            let change = ChangeRequest {
                file: Some(at("/tmp/r", path)),
                change: Some(FileChange::default()),
            };
            let refused = one::<FileInfo>(client.unary("Files/Change", &change).await);
            assert_eq!(code(refused), 7, "{path}");
        }
        assert_eq!(
            shell(&client, "ls /tmp/o; cat /tmp/r/b").await.text(),
            "a\n"
        );
    });
}

async fn tar_in(client: &Client, directory: FilePath, archive: &[u8]) -> Result<TarResult, End> {
    let mut messages = vec![TarInput {
        input: Some(TarInputCase::Start(directory)),
    }];
    messages.extend(archive.chunks(100_000).map(|part| TarInput {
        input: Some(TarInputCase::Data(Bytes::copy_from_slice(part))),
    }));
    one(client.call("Files/TarIn", &messages).await)
}

#[test]
fn an_archive_goes_out_and_comes_in_the_same() {
    as_everyone(|starter| {
        let room = Room::new(starter, SLEEPS);
        run(async {
            let client = room.greet().await;
            let long = "n".repeat(120);
            let made = shell(&client, &format!("mkdir -p /tmp/src/{long}/deep /tmp/dst && cd /tmp/src && seq 100000 > seq && ln -s seq link && : > empty && echo x > {long}/deep/{long} && chmod 755 seq && chmod 500 {long}/deep && touch -d @1000000000.5 empty && mkfifo pipe")).await;
            assert_eq!(made.err, b"");
            let (messages, end) = client.unary("Files/TarOut", &at("", "tmp/src")).await;
            let archive = all((messages, end)).expect("an archive");
            let result = tar_in(&client, at("/tmp", "dst"), &archive)
                .await
                .expect("taken");
            assert_eq!(result.entries, 7);
            let describe =
                "find . ! -type p -printf '%P %y %m %s %T@ %l\\n' | sort; cat seq | md5sum";
            let before = shell(&client, &format!("cd /tmp/src; {describe}")).await;
            let after = shell(&client, &format!("cd /tmp/dst/src; {describe}")).await;
            // A directory's size and the link's time are not the archive's.
            let plain = |text: String| {
                text.lines()
                    .filter(|line| !line.contains(" d "))
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            assert_eq!(plain(before.text()), plain(after.text()), "{after:?}");
            // The tar of the system reads it too, and what it makes is read.
            let listed = shell(
                &client,
                "cd /tmp && tar -cf gnu.tar src/seq src/link src/empty && mkdir gnu",
            )
            .await;
            assert_eq!(listed.err, b"");
            let gnu = read(&client, at("", "tmp/gnu.tar")).await.expect("read");
            assert_eq!(
                tar_in(&client, at("/tmp", "gnu"), &gnu)
                    .await
                    .expect("taken")
                    .entries,
                3
            );
            write(
                &client,
                at("", "tmp/ours.tar"),
                &archive.chunks(500_000).collect::<Vec<_>>(),
            )
            .await
            .expect("written");
            let listed = shell(
                &client,
                "tar -tf /tmp/ours.tar | wc -l; cmp /tmp/gnu/src/seq /tmp/src/seq",
            )
            .await;
            assert_eq!((listed.text().trim(), &listed.err[..]), ("7", &b""[..]));
        });
    });
}

/// A header as IEEE Std 1003.1 lays it out, by hand.
fn header(name: &str, kind: u8, size: usize, link: &str) -> Vec<u8> {
    let mut block = vec![0u8; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..108].copy_from_slice(b"0000644\0");
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    block[136..148].copy_from_slice(b"00000000000\0");
    block[148..156].fill(b' ');
    block[156] = kind;
    block[157..157 + link.len()].copy_from_slice(link.as_bytes());
    block[257..262].copy_from_slice(b"ustar");
    block[263..265].copy_from_slice(b"00");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

#[test]
fn a_hostile_archive_changes_nothing_outside() {
    let room = Room::new(Starter::User, SLEEPS);
    run(async {
        let client = room.greet().await;
        shell(
            &client,
            "mkdir /tmp/in /tmp/out && echo safe > /tmp/out/f && ln -s /tmp/out /tmp/in/was",
        )
        .await;
        let file =
            |name: &str| [header(name, b'0', 4, ""), b"evil".to_vec(), vec![0; 508]].concat();
        let cases: Vec<(&str, Vec<u8>)> = vec![
            ("an absolute path", file("/tmp/out/f")),
            ("a path with ..", file("../out/f")),
            (
                "a link out, then through it",
                [header("l", b'2', 0, "/tmp/out"), file("l/f")].concat(),
            ),
            (
                "a relative link out, then through it",
                [header("r", b'2', 0, "../out"), file("r/f")].concat(),
            ),
            ("through a link that was there", file("was/f")),
            ("a hard link out", header("h", b'1', 0, "../out/f")),
            (
                "a hard link through a link that was there",
                header("h", b'1', 0, "was/f"),
            ),
            ("a device", header("d", b'3', 0, "")),
            ("a FIFO", header("p", b'6', 0, "")),
            ("a wrong checksum", vec![1; 512]),
            ("a cut file", header("cut", b'0', 100, "")),
        ];
        for (what, archive) in cases {
            let refused = code(tar_in(&client, at("/tmp", "in"), &archive).await);
            assert!([3, 7, 15].contains(&refused), "{what}: {refused}");
            let after = shell(&client, "cat /tmp/out/f; ls -A /tmp/out | wc -l").await;
            assert_eq!(after.text(), "safe\n1\n", "{what}");
        }
        // A link holds anything; what matters is that nothing goes through it.
        let left = shell(&client, "ls -A /tmp/in").await.text();
        assert_eq!(left, "l\nr\nwas\n", "nothing half written stays");
    });
}

#[test]
fn what_the_policy_denies_is_denied_to_files_too() {
    as_everyone(|starter| {
        let room = Room::with(starter, SLEEPS, |plan, scratch| {
            let work = scratch.directory("work", starter);
            std::fs::write(work.join("secret"), "s3cret").expect("a file");
            std::fs::write(work.join("plain"), "plain").expect("a file");
            add_mount(plan, &work, "/work", "read");
            plan["deny"] = serde_json::json!(["/work/secret"]);
        });
        run(async {
            let client = room.greet().await;
            assert_eq!(
                read(&client, at("", "work/plain")).await.expect("read"),
                b"plain"
            );
            let denied = read(&client, at("", "work/secret")).await;
            assert_ne!(denied.as_deref(), Ok(&b"s3cret"[..]));
            assert_eq!(code(write(&client, at("", "work/new"), &[b"x"]).await), 7);
            for path in ["proc/1/environ", "proc/1/mem", "proc/1/maps"] {
                assert!(read(&client, at("", path)).await.is_err(), "{path}");
            }
        });
    });
}
