# Runs a command in which changing the owner of a file succeeds and changes nothing.
#
# A user namespace of an ordinary user has one id, so chown(2) to any other is EINVAL there, and dpkg stops at the first file that
# belongs to a group of its own. All files of an image belong to root in the end (mkfs.erofs --all-root): nothing is lost when the
# kernel answers 0 in the place of doing it. It is a seccomp filter (seccomp(2), SECCOMP_RET_ERRNO with 0), so it also holds for
# static programs and behind chroot(2), where a preloaded library does not. Perl, because mmdebstrap is written in it.
#
# It does not protect anything: what runs behind it are Debian's own packages, in namespaces of the user's.
use strict;
use warnings;

my $machine = (split ' ', `uname -m`)[0];
# Audit architecture (linux/audit.h), prctl(2), and chown, fchown, lchown, fchownat, setgroups as far as it has them.
my %numbers = (
    x86_64  => { audit => 0xC000003E, prctl => 157, same => [ 92, 93, 94, 260, 116 ] },
    aarch64 => { audit => 0xC00000B7, prctl => 167, same => [ 55, 54, 159 ] },
);
my $of = $numbers{$machine} or die "one-id: $machine is not known\n";

my ( $load, $jump_equal, $return ) = ( 0x20, 0x15, 0x06 );
my ( $allow, $succeed ) = ( 0x7FFF0000, 0x00050000 );
my @calls = @{ $of->{same} };
my @filter = (
    [ $load, 0, 0, 4 ],    # struct seccomp_data: arch
    [ $jump_equal, 1, 0, $of->{audit} ],
    [ $return, 0, 0, $allow ],
    [ $load, 0, 0, 0 ],    # nr
    ( map { [ $jump_equal, @calls - $_, 0, $calls[$_] ] } 0 .. $#calls ),
    [ $return, 0, 0, $allow ],
    [ $return, 0, 0, $succeed ],
);
my $code = join '', map { pack 'SCCL', @$_ } @filter;
my $program = pack 'Sx!8P', scalar @filter, $code;

my ( $no_new_privs, $seccomp, $mode_filter ) = ( 38, 22, 2 );
syscall( $of->{prctl}, $no_new_privs, 1, 0, 0, 0 ) == 0 or die "one-id: no_new_privs: $!\n";
syscall( $of->{prctl}, $seccomp, $mode_filter, $program, 0, 0 ) == 0 or die "one-id: seccomp: $!\n";
exec { $ARGV[0] } @ARGV or die "one-id: $ARGV[0]: $!\n";
