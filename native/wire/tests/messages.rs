//! Messages against bytes that were written by hand from protobuf.dev, "Encoding".

use bytes::{Bytes, BytesMut};
use glovebox_wire::inside::{
    EgressOffer, Empty, Enforcement, ExecEnded, ExecEndedHow, ExecInput, ExecInputCase, ExecStart,
    FileInfo, FileKind, HelloReply, HelloRequest, Pressure, StatsReply, TerminalSize,
};
use glovebox_wire::message::{DecodeError, Message, MAX_REPEATED};

fn encoded(message: &impl Message) -> Vec<u8> {
    let mut out = BytesMut::new();
    message.encode(&mut out);
    out.to_vec()
}

fn both_ways<M: Message + std::fmt::Debug + PartialEq>(message: M, bytes: &[u8]) {
    assert_eq!(encoded(&message), bytes, "{message:?}");
    assert_eq!(M::decode(Bytes::copy_from_slice(bytes)), Ok(message));
}

fn refused<M: Message + std::fmt::Debug>(bytes: &[u8]) -> &'static str {
    let DecodeError(why) = M::decode(Bytes::copy_from_slice(bytes)).expect_err("refused");
    why
}

#[test]
fn numbers_and_texts_are_laid_out_as_the_encoding_says() {
    both_ways(
        HelloRequest {
            oldest: 1,
            newest: 300,
        },
        &[0x08, 1, 0x10, 0xac, 0x02],
    );
    // What has its default value is not there.
    both_ways(HelloRequest::default(), &[]);
    let hello = HelloReply {
        protocol: 1,
        version: "0".into(),
        generation: 1 << 35,
        instance: Bytes::from_static(&[0xff]),
        enforcements: vec![Enforcement {
            control: "net".into(),
            mechanism: String::new(),
            enforced: true,
        }],
        services: vec!["a".into(), String::new()],
    };
    let bytes = [
        &[
            0x08, 1, 0x12, 1, b'0', 0x18, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0x22, 1, 0xff,
        ][..],
        &[
            0x2a, 7, 0x0a, 3, b'n', b'e', b't', 0x18, 1, 0x32, 1, b'a', 0x32, 0,
        ],
    ]
    .concat();
    both_ways(hello, &bytes);
}

#[test]
fn negative_numbers_have_ten_bytes_and_floats_four() {
    let minus_two = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    let info = FileInfo {
        kind: FileKind::Symlink,
        modified_ms: -2,
        ..FileInfo::default()
    };
    both_ways(info, &[&[0x10, 3, 0x28][..], &minus_two].concat());
    let signal = ExecInput {
        input: Some(ExecInputCase::Signal(-2)),
    };
    both_ways(signal, &[&[0x20][..], &minus_two].concat());
    let pressure = Pressure {
        some_10s: 1.5,
        some_total_us: 0,
    };
    let stats = StatsReply {
        cpu_pressure: Some(pressure),
        ..StatsReply::default()
    };
    both_ways(stats, &[0x3a, 5, 0x0d, 0, 0, 0xc0, 0x3f]);
}

#[test]
fn what_is_chosen_is_there_even_when_it_is_empty() {
    both_ways(
        ExecInput {
            input: Some(ExecInputCase::StdinEnd(Empty {})),
        },
        &[0x1a, 0],
    );
    both_ways(
        ExecInput {
            input: Some(ExecInputCase::Stdin(Bytes::new())),
        },
        &[0x12, 0],
    );
    both_ways(
        ExecEnded {
            how: Some(ExecEndedHow::Code(0)),
            ..ExecEnded::default()
        },
        &[0x08, 0],
    );
    let start = ExecStart {
        directory: Some(Bytes::new()),
        terminal: Some(TerminalSize {
            rows: 1,
            columns: 0,
        }),
        ..ExecStart::default()
    };
    both_ways(start, &[0x22, 0, 0x2a, 2, 0x08, 1]);
}

#[test]
fn a_list_of_numbers_is_packed_and_read_either_way() {
    let offer = EgressOffer {
        tcp_ports: vec![80, 443],
    };
    both_ways(offer.clone(), &[0x0a, 3, 80, 0xbb, 0x03]);
    assert_eq!(
        EgressOffer::decode(Bytes::from_static(&[0x08, 80, 0x08, 0xbb, 0x03])),
        Ok(offer)
    );
}

#[test]
fn what_a_newer_peer_adds_is_skipped_and_the_last_of_a_choice_counts() {
    let bytes = [
        0x08, 1, 0xf8, 0x7f, 5, 0xfa, 0x7f, 2, 9, 9, 0xf9, 0x7f, 1, 2, 3, 4, 5, 6, 7, 8, 0xfd,
        0x7f, 1, 2, 3, 4,
    ];
    assert_eq!(
        HelloRequest::decode(Bytes::copy_from_slice(&bytes)),
        Ok(HelloRequest {
            oldest: 1,
            newest: 0
        })
    );
    let twice = Bytes::from_static(&[0x12, 1, b'a', 0x20, 9]);
    assert_eq!(
        ExecInput::decode(twice),
        Ok(ExecInput {
            input: Some(ExecInputCase::Signal(9))
        })
    );
    // A value of an enumeration that we do not know.
    assert_eq!(
        FileInfo::decode(Bytes::from_static(&[0x10, 99])).map(|info| info.kind),
        Ok(FileKind::Unspecified)
    );
}

#[test]
fn what_is_no_message_is_refused() {
    assert!(refused::<HelloRequest>(&[0x08]).contains("number"));
    assert!(refused::<HelloRequest>(&[0x08, 0x80]).contains("number"));
    assert!(refused::<HelloRequest>(&[
        0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02
    ])
    .contains("64 bits"));
    assert!(
        refused::<HelloRequest>(&[0x0a, 0]).contains("wire type"),
        "a text where a number is due"
    );
    assert!(refused::<HelloRequest>(&[0x00, 1]).contains("field number 0"));
    assert!(
        refused::<HelloRequest>(&[0x0b]).contains("wire type"),
        "a group"
    );
    assert!(refused::<ExecStart>(&[0x0a, 5, b'a']).contains("ends"));
    assert!(refused::<ExecStart>(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]).contains("ends"));
    assert!(refused::<HelloReply>(&[0x12, 1, 0xff]).contains("UTF-8"));
    assert!(refused::<ExecStart>(&[0x0a, 0].repeat(MAX_REPEATED + 1)).contains("too many"));
    let packed = [&[0x0a, 0x81, 0x40][..], &[1; MAX_REPEATED + 1]].concat();
    assert!(refused::<EgressOffer>(&packed).contains("too many"));
}
