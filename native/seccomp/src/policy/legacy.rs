//! Calls that only x86-64 has: older spellings, each with the rule of its newer one.

use libc::*;

use super::by_argument::{mknod_rule, mode_rule, open_rule, opened};
use super::Table;
use crate::rule::Rule;
use crate::FilterOptions;

pub fn add(table: &mut Table, options: &FilterOptions) {
    table.all(OLDER_SPELLINGS, &Rule::Allow);
    table.rule(SYS_open, open_rule(options, 1, 2));
    table.rule(SYS_creat, mode_rule(1, opened(options)));
    table.rule(SYS_mknod, mknod_rule(1));
    table.rule(SYS_chmod, mode_rule(1, Rule::Allow));
    // Ports, segments and images of other processors: the machine, not the program.
    table.all(&[SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_kexec_file_load], &Rule::Errno(EPERM));
}

const OLDER_SPELLINGS: &[c_long] = &[
    SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_getdents, SYS_mkdir, SYS_rmdir, SYS_unlink, SYS_link, SYS_symlink,
    SYS_rename, SYS_chown, SYS_lchown, SYS_utime, SYS_utimes, SYS_futimesat,
    SYS_pipe, SYS_dup2, SYS_poll, SYS_select, SYS_epoll_create, SYS_epoll_wait, SYS_eventfd, SYS_signalfd, SYS_inotify_init,
    SYS_fork, SYS_vfork, SYS_getpgrp, SYS_pause, SYS_alarm, SYS_time,
];
