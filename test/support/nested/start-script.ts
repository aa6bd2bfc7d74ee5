/** The user, besides root, that the machine has: of the group that may use KVM, as on a host of Debian's. */
export const nestedUser = { name: 'alice', uid: 1000, kvmGroup: 108 } as const

const { name, uid, kvmGroup } = nestedUser

/**
 * What init becomes: the rest of a machine, then the test's script. Drives are read-only but for the last, which is empty.
 */
export function startScript(script: string): string {
  return `set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH LANG=C.UTF-8
fail() { echo "nested: $1" > /dev/ttyS0; echo b > /proc/sysrq-trigger; sleep 60; }
trap 'fail "the machine could not be made ready"' EXIT
exec > /dev/ttyS0 2>&1

for each in /run /tmp /var/tmp /mnt; do mount -t tmpfs -o mode=755,size=100% none $each; done
chmod 1777 /tmp /var/tmp
# A disk for homes: what lies in memory cannot be id-mapped by this kernel.
mkfs.ext4 -q -O ^has_journal -E lazy_itable_init=1,nodiscard /dev/vdd
mkdir /mnt/disk
mount /dev/vdd /mnt/disk
mkdir -m 700 /mnt/disk/root
mkdir /mnt/disk/home
mount --bind /mnt/disk/root /root
mount --bind /mnt/disk/home /home
mkdir -p /dev/pts /dev/shm
mount -t devpts -o mode=0620,ptmxmode=0666 none /dev/pts
mount -t tmpfs -o mode=1777 none /dev/shm
mount -t cgroup2 none /sys/fs/cgroup
# The image has no ip(8): SIOCSIFFLAGS with IFF_UP, IFF_LOOPBACK and IFF_RUNNING (netdevice(7)).
python3 -c 'import fcntl, socket, struct; fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh22x", b"lo", 0x49))'

# ── a user, and KVM for the group ──
cp /etc/passwd /etc/group /run/
echo '${name}:x:${uid}:${uid}::/home/${name}:/bin/sh' >> /run/passwd
printf '${name}:x:${uid}:\\nkvm:x:${kvmGroup}:${name}\\n' >> /run/group
mount --bind /run/passwd /etc/passwd
mount --bind /run/group /etc/group
mkdir -m 700 /home/${name}
chown ${uid}:${uid} /home/${name}
[ ! -e /dev/kvm ] || { chgrp ${kvmGroup} /dev/kvm; chmod 660 /dev/kvm; }

# ── Glovebox, with an image ──
export PATH=/opt/glovebox/bin:$PATH
for home in /root /home/${name}; do
  mkdir -p $home/home/data $home/home/cache
  mkdir -p $home/home/data/images
  for image in /srv/images/*; do
    mkdir $home/home/data/images/\${image##*/}
    mount --bind $image $home/home/data/images/\${image##*/}
  done
done
chown -h ${uid}:${uid} /home/${name}/home /home/${name}/home/data /home/${name}/home/cache /home/${name}/home/data/images
export GLOVEBOX_HOME=/root/home HOME=/root

port() {
  for each in /sys/class/virtio-ports/*; do
    [ "$(cat $each/name)" != "nested.$1" ] || { echo "/dev/\${each##*/}"; return; }
  done
}
output=$(port output)
status=$(port status)
cat > /run/script << 'END-OF-SCRIPT'
set -eu
glovebox() { node /opt/glovebox/bin/glovebox.cjs "$@"; }
as_user() { setpriv --reuid=${uid} --regid=${uid} --groups=${uid},${kvmGroup} --inh-caps=-all env HOME=/home/${name} GLOVEBOX_HOME=/home/${name}/home "$@"; }
${script}
END-OF-SCRIPT
code=0
sh /run/script > "$output" 2>&1 < /dev/null || code=$?
echo "exit $code" > "$status"
trap - EXIT
# Both ports are drained into files before the machine goes.
sync
echo b > /proc/sysrq-trigger
sleep 60
`
}
