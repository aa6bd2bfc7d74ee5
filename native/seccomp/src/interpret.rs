//! A BPF interpreter for the tests: the compiled program and the table must say the same.

use std::collections::BTreeMap;

use libc::sock_filter;

use crate::bpf::{action, AUDIT_ARCH, X32_BIT};
use crate::policy::{self, UNKNOWN};
use crate::rule::Rule;
use crate::{Filter, FilterOptions};

struct Call {
    arch: u32,
    number: u32,
    args: [u64; 6],
}

impl Call {
    fn word(&self, offset: u32) -> u32 {
        match offset {
            0 => self.number,
            4 => self.arch,
            16..=63 => {
                let arg = self.args[(offset as usize - 16) / 8];
                if offset % 8 == 0 {
                    arg as u32
                } else {
                    (arg >> 32) as u32
                }
            }
            other => panic!("the program loads offset {other}"),
        }
    }
}

/// The subset that the compiler emits, by the meanings in `Documentation/networking/filter.rst`.
fn run(program: &[sock_filter], call: &Call) -> u32 {
    let (mut at, mut accumulator) = (0usize, 0u32);
    loop {
        let i = program[at];
        at += 1;
        match u32::from(i.code) {
            0x20 => accumulator = call.word(i.k),
            0x54 => accumulator &= i.k,
            0x05 => at += i.k as usize,
            0x15 => at += usize::from(if accumulator == i.k { i.jt } else { i.jf }),
            0x35 => at += usize::from(if accumulator >= i.k { i.jt } else { i.jf }),
            0x06 => return i.k,
            other => panic!("the program has instruction {other:#x}"),
        }
    }
}

fn judge(rule: &Rule, call: &Call) -> u32 {
    match rule {
        Rule::Switch(switch) => {
            let value = call.args[usize::from(switch.arg)] as u32 & switch.mask;
            let case = switch
                .cases
                .iter()
                .find(|(values, _)| values.contains(&value));
            judge(case.map_or(&switch.otherwise, |(_, rule)| rule), call)
        }
        Rule::Pointer(pointer) => judge(
            if call.args[usize::from(pointer.arg)] == 0 {
                &pointer.null
            } else {
                &pointer.set
            },
            call,
        ),
        simple => action(simple),
    }
}

fn expected(table: &BTreeMap<u32, Rule>, call: &Call) -> u32 {
    if call.arch != AUDIT_ARCH || call.number >= X32_BIT {
        return action(&Rule::Kill);
    }
    judge(table.get(&call.number).unwrap_or(&UNKNOWN), call)
}

/// Numbers that some rule compares with, so that random arguments hit its cases.
fn constants(rule: &Rule, into: &mut Vec<u64>) {
    match rule {
        Rule::Switch(switch) => {
            for (values, then) in &switch.cases {
                into.extend(values.iter().map(|&v| u64::from(v)));
                constants(then, into);
            }
            into.push(u64::from(switch.mask));
            constants(&switch.otherwise, into);
        }
        Rule::Pointer(pointer) => {
            constants(&pointer.null, into);
            constants(&pointer.set, into);
        }
        _ => {}
    }
}

/// xorshift64*, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}

fn all_options() -> impl Iterator<Item = FilterOptions> {
    (0..16).map(|bits| FilterOptions {
        record_opens: bits & 1 != 0,
        memory_accounted: bits & 2 != 0,
        affinity_pinned: bits & 4 != 0,
        kvm: bits & 8 != 0,
    })
}

#[test]
fn the_program_says_what_the_table_says_for_every_number_and_random_arguments() {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for options in all_options() {
        let table = policy::table(&options);
        let filter = Filter::compile(&options);
        let mut pool = vec![0, 1, u64::from(u32::MAX), u64::MAX, 1 << 32];
        table.values().for_each(|rule| constants(rule, &mut pool));
        for number in 0..700 {
            for _ in 0..60 {
                let args = std::array::from_fn(|_| {
                    let picked = pool[random.next() as usize % pool.len()];
                    match random.next() % 4 {
                        0 => random.next(),
                        1 => picked | random.next() << 32,
                        2 => picked | 1 << (random.next() % 64),
                        _ => picked,
                    }
                });
                let call = Call {
                    arch: AUDIT_ARCH,
                    number,
                    args,
                };
                assert_eq!(
                    run(filter.program(), &call),
                    expected(&table, &call),
                    "call {number} with {args:x?}, {options:?}"
                );
            }
        }
    }
}

#[test]
fn numbers_beyond_the_table_are_unknown_and_x32_is_killed() {
    let filter = Filter::compile(&FilterOptions::default());
    let verdict = |arch, number| {
        run(
            filter.program(),
            &Call {
                arch,
                number,
                args: [0; 6],
            },
        )
    };
    for number in [700, 0x1000, X32_BIT - 1] {
        assert_eq!(verdict(AUDIT_ARCH, number), action(&UNKNOWN));
    }
    for number in [
        X32_BIT,
        X32_BIT + libc::SYS_read as u32,
        X32_BIT + 547,
        u32::MAX,
    ] {
        assert_eq!(verdict(AUDIT_ARCH, number), libc::SECCOMP_RET_KILL_PROCESS);
    }
    // i386, and the other machine of the two that we know.
    for arch in [0x4000_0003, 0xC000_00B7 ^ 0xC000_003E ^ AUDIT_ARCH, 0] {
        assert_eq!(
            verdict(arch, libc::SYS_read as u32),
            libc::SECCOMP_RET_KILL_PROCESS
        );
    }
}

#[test]
fn a_condition_on_the_low_half_ignores_the_high_half() {
    let filter = Filter::compile(&FilterOptions::default());
    let verdict = |number: libc::c_long, args| {
        run(
            filter.program(),
            &Call {
                arch: AUDIT_ARCH,
                number: number as u32,
                args,
            },
        )
    };
    let refused = |errno: i32| libc::SECCOMP_RET_ERRNO | errno as u32;
    for high in [0, 1 << 32, u64::from(u32::MAX) << 32] {
        assert_eq!(
            verdict(libc::SYS_ioctl, [0, high | libc::TIOCSTI, 0, 0, 0, 0]),
            refused(libc::EPERM)
        );
        assert_eq!(
            verdict(
                libc::SYS_clone,
                [high | libc::CLONE_NEWUSER as u64, 0, 0, 0, 0, 0]
            ),
            refused(libc::EPERM)
        );
        assert_eq!(
            verdict(
                libc::SYS_socket,
                [high | libc::AF_VSOCK as u64, 1, 0, 0, 0, 0]
            ),
            refused(libc::EAFNOSUPPORT)
        );
    }
    // A pointer is null only when both halves are.
    assert_eq!(
        verdict(libc::SYS_sendto, [3, 0, 0, 0, 1 << 32, 0]),
        libc::SECCOMP_RET_USER_NOTIF
    );
    assert_eq!(
        verdict(libc::SYS_sendto, [3, 0, 0, 0, 0, 0]),
        libc::SECCOMP_RET_ALLOW
    );
}

#[test]
fn requests_of_kvm_are_for_programs_that_run_machines_and_not_all_of_them() {
    let verdict = |kvm, request: u64| {
        let options = FilterOptions {
            kvm,
            ..FilterOptions::default()
        };
        let call = Call {
            arch: AUDIT_ARCH,
            number: libc::SYS_ioctl as u32,
            args: [3, request, 0, 0, 0, 0],
        };
        run(Filter::compile(&options).program(), &call)
    };
    let unknown = libc::SECCOMP_RET_ERRNO | libc::ENOTTY as u32;
    // KVM_CREATE_VM, CREATE_VCPU, SET_USER_MEMORY_REGION, RUN.
    for request in [0xAE01, 0xAE41, 0x4020_AE46, 0xAE80] {
        assert_eq!(verdict(false, request), unknown);
        assert_eq!(verdict(true, request), libc::SECCOMP_RET_ALLOW);
    }
    // KVM_SET_NESTED_STATE, MEMORY_ENCRYPT_OP, SET_GUEST_DEBUG; VHOST_SET_OWNER, TUNSETIFF, VFIO_GET_API_VERSION; TIOCSTI.
    for request in [
        0x4080_AEBF,
        0xC008_AEBA,
        0x4048_AE9B,
        0xAF01,
        0x4004_54CA,
        0x3B64,
    ] {
        assert_eq!(verdict(true, request), unknown, "{request:x}");
    }
    let pushing = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
    assert_eq!(verdict(true, libc::TIOCSTI), pushing);
}

#[test]
fn the_program_fits_the_kernel_and_every_jump_stays_inside() {
    for options in all_options() {
        let filter = Filter::compile(&options);
        let program = filter.program();
        assert!(program.len() < 4096, "{} instructions", program.len());
        for (at, i) in program.iter().enumerate() {
            let furthest = match u32::from(i.code) {
                0x05 => i.k as usize,
                0x15 | 0x35 => usize::from(i.jt.max(i.jf)),
                _ => 0,
            };
            assert!(at + furthest < program.len());
        }
        assert_eq!(program.last().map(|i| i.code), Some(0x06));
    }
}

#[test]
fn the_hash_names_the_program() {
    let plain = Filter::compile(&FilterOptions::default());
    let recording = Filter::compile(&FilterOptions {
        record_opens: true,
        ..FilterOptions::default()
    });
    assert_eq!(plain.sha256().len(), 64);
    assert_eq!(
        plain.sha256(),
        Filter::compile(&FilterOptions::default()).sha256()
    );
    assert_ne!(plain.sha256(), recording.sha256());
}
