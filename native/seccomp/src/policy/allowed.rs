//! Calls that are allowed whatever their arguments, but for huge pages: those come out of one pool
//! of the whole machine, which no memory limit counts.

use libc::*;

use super::numbers as newer;
use super::Table;
use super::by_argument::refuse;
use crate::rule::{without_bits, Rule};
use crate::FilterOptions;

pub fn add(table: &mut Table, options: &FilterOptions) {
    for group in [DESCRIPTORS, TREE, METADATA, WATCHING, WAITING, MEMORY, THREADS, SIGNALS, CLOCKS, IDENTITY, LIMITS, SOCKETS, CONFINEMENT] {
        table.all(group, &Rule::Allow);
    }
    table.all(newer::DIFFER, &Rule::Allow);
    // Without a cgroup nothing counts the memory behind these, which outlives its mappings.
    let shared_memory = if options.memory_accounted { Rule::Allow } else { Rule::Errno(ENOSYS) };
    table.all(SYSTEM_V, &shared_memory);
    table.rule(SYS_shmget, without_bits(2, SHM_HUGETLB as u32, shared_memory, refuse()));
    table.rule(SYS_mmap, without_bits(3, MAP_HUGETLB as u32, Rule::Allow, refuse()));
    // A pinned sandbox would undo its CPU limit with it.
    let affinity = if options.affinity_pinned { Rule::Errno(EPERM) } else { Rule::Allow };
    table.rule(SYS_sched_setaffinity, affinity);
}

/// Reading, writing and duplicating what is already open.
const DESCRIPTORS: &[c_long] = &[
    SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev, SYS_preadv2, SYS_pwritev2,
    SYS_lseek, SYS_close, SYS_close_range, SYS_dup, SYS_dup3, SYS_pipe2, SYS_flock,
    SYS_splice, SYS_tee, SYS_copy_file_range,
    SYS_fsync, SYS_fdatasync, SYS_syncfs, SYS_fallocate, SYS_ftruncate, SYS_readahead,
    newer::CACHESTAT,
];

/// Names in the tree; the mount tree and Landlock decide which.
const TREE: &[c_long] = &[
    SYS_getdents64, SYS_getcwd, SYS_chdir, SYS_fchdir, SYS_readlinkat, SYS_mkdirat, SYS_unlinkat, SYS_linkat, SYS_symlinkat,
    SYS_renameat2, SYS_faccessat, SYS_faccessat2, SYS_truncate, SYS_umask,
];

/// Sizes, times, owners, extended attributes. Owners and `security.*` need a capability that nobody has here.
const METADATA: &[c_long] = &[
    SYS_fstat, SYS_newfstatat, SYS_statx, SYS_statfs, SYS_fstatfs, SYS_utimensat, SYS_fchown, SYS_fchownat,
    SYS_getxattr, SYS_lgetxattr, SYS_fgetxattr, SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr,
    SYS_listxattr, SYS_llistxattr, SYS_flistxattr, SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr,
];

/// File watchers of development servers.
const WATCHING: &[c_long] = &[SYS_inotify_init1, SYS_inotify_add_watch, SYS_inotify_rm_watch];

/// Event loops.
const WAITING: &[c_long] = &[
    SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_epoll_pwait2, SYS_ppoll, SYS_pselect6, SYS_eventfd2,
    SYS_signalfd4, SYS_timerfd_create, SYS_timerfd_settime, SYS_timerfd_gettime,
];

/// The process's own memory.
const MEMORY: &[c_long] = &[
    SYS_brk, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_msync, SYS_mincore,
    SYS_mlock, SYS_mlock2, SYS_munlock, SYS_mlockall, SYS_munlockall, SYS_membarrier, SYS_mseal,
    SYS_pkey_alloc, SYS_pkey_free, SYS_pkey_mprotect, newer::MAP_SHADOW_STACK, SYS_get_mempolicy,
];

/// Threads, processes, scheduling. A higher priority than ordinary needs a capability.
const THREADS: &[c_long] = &[
    SYS_exit, SYS_exit_group, SYS_wait4, SYS_waitid, SYS_futex, SYS_futex_waitv, newer::FUTEX_WAKE, newer::FUTEX_WAIT, newer::FUTEX_REQUEUE,
    SYS_set_robust_list, SYS_get_robust_list, SYS_set_tid_address, SYS_rseq, SYS_getcpu,
    SYS_sched_yield, SYS_sched_getaffinity, SYS_sched_getparam, SYS_sched_setparam, SYS_sched_getscheduler, SYS_sched_setscheduler,
    SYS_sched_getattr, SYS_sched_setattr, SYS_sched_get_priority_max, SYS_sched_get_priority_min, SYS_sched_rr_get_interval,
    SYS_getpriority, SYS_setpriority, SYS_ioprio_get, SYS_ioprio_set,
    SYS_getpid, SYS_gettid, SYS_getppid, SYS_getpgid, SYS_setpgid, SYS_getsid, SYS_setsid,
    SYS_pidfd_open,
];

/// Signals. The pid namespace holds their targets.
const SIGNALS: &[c_long] = &[
    SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigpending, SYS_rt_sigsuspend, SYS_rt_sigtimedwait,
    SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_sigaltstack, SYS_restart_syscall,
    SYS_kill, SYS_tkill, SYS_tgkill, SYS_pidfd_send_signal,
    #[cfg(target_arch = "x86_64")]
    newer::URETPROBE,
];

/// Reading clocks, and timers of one's own.
const CLOCKS: &[c_long] = &[
    SYS_nanosleep, SYS_clock_nanosleep, SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday, SYS_times,
    SYS_getitimer, SYS_setitimer, SYS_timer_create, SYS_timer_settime, SYS_timer_gettime, SYS_timer_getoverrun, SYS_timer_delete,
];

/// Who am I. Only one id is mapped, so that setting another fails in the kernel.
const IDENTITY: &[c_long] = &[
    SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getresuid, SYS_getresgid, SYS_getgroups,
    SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid, SYS_setfsuid, SYS_setfsgid, SYS_setgroups,
    SYS_capget, SYS_capset, SYS_uname, SYS_sysinfo, SYS_getrandom,
];

/// Reading what was used; limits themselves go by argument.
const LIMITS: &[c_long] = &[SYS_getrusage];

/// Sockets that `socket` allowed.
const SOCKETS: &[c_long] = &[
    SYS_listen, SYS_accept, SYS_accept4, SYS_getsockname, SYS_getpeername, SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg, SYS_shutdown,
];

/// Programs that confine themselves further.
const CONFINEMENT: &[c_long] = &[SYS_landlock_create_ruleset, SYS_landlock_add_rule, SYS_landlock_restrict_self];

const SYSTEM_V: &[c_long] = &[
    SYS_shmat, SYS_shmctl, SYS_shmdt, SYS_semget, SYS_semop, SYS_semctl, SYS_semtimedop,
    SYS_msgget, SYS_msgsnd, SYS_msgrcv, SYS_msgctl,
];
