//! Which sockets the filter in force lets a child make.

mod common;

use common::errno_under;
use glovebox_seccomp::{Filter, FilterOptions};
use libc::*;

/// Each call with these arguments, and the errno that it gets.
fn check(cases: &[(c_long, [usize; 6], i32)]) {
    let filter = Filter::compile(&FilterOptions::default());
    for &(number, args, errno) in cases {
        assert_eq!(
            errno_under(&filter, number, args),
            errno,
            "call {number} with {args:x?}"
        );
    }
}

#[test]
fn only_sockets_that_can_be_decided_about_are_made() {
    check(&[
        (
            SYS_socket,
            [
                AF_INET as usize,
                SOCK_RAW as usize,
                IPPROTO_ICMP as usize,
                0,
                0,
                0,
            ],
            EACCES,
        ),
        (
            SYS_socket,
            [AF_INET as usize, SOCK_STREAM as usize, 262, 0, 0, 0],
            EPROTONOSUPPORT,
        ),
        (
            SYS_socket,
            [AF_INET as usize, SOCK_STREAM as usize, 132, 0, 0, 0],
            EPROTONOSUPPORT,
        ),
        (
            SYS_socket,
            [
                AF_INET as usize,
                SOCK_DGRAM as usize,
                IPPROTO_ICMP as usize,
                0,
                0,
                0,
            ],
            EPROTONOSUPPORT,
        ),
        (
            SYS_socket,
            [AF_UNIX as usize, SOCK_DGRAM as usize, 0, 0, 0, 0],
            EACCES,
        ),
        (
            SYS_socket,
            [AF_UNIX as usize, SOCK_RAW as usize, 0, 0, 0, 0],
            EACCES,
        ),
        (
            SYS_socket,
            [
                AF_NETLINK as usize,
                SOCK_RAW as usize,
                NETLINK_NETFILTER as usize,
                0,
                0,
                0,
            ],
            EPROTONOSUPPORT,
        ),
        (
            SYS_socket,
            [AF_VSOCK as usize, SOCK_STREAM as usize, 0, 0, 0, 0],
            EAFNOSUPPORT,
        ),
        (
            SYS_socket,
            [AF_PACKET as usize, SOCK_RAW as usize, 0, 0, 0, 0],
            EAFNOSUPPORT,
        ),
        (
            SYS_socket,
            [AF_ALG as usize, SOCK_SEQPACKET as usize, 0, 0, 0, 0],
            EAFNOSUPPORT,
        ),
    ]);
}
