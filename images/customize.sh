# Run by mmdebstrap when all packages are installed, after kernel.sh: $1 is the root filesystem.
set -eu
root=$1
out=$GLOVEBOX_OUT

dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${Package}\t${Version}\t${Architecture}\n' > "$out/packages"

# ── Node: the one that runs Glovebox ──
cp "$GLOVEBOX_NODE" "$root/usr/local/bin/node"
chmod 755 "$root/usr/local/bin/node"
ln -s ../local/bin/node "$root/usr/bin/node"
chroot "$root" /usr/bin/env -i /usr/bin/node --version > "$out/node" || { echo "E: this Node does not run in the image" >&2; exit 1; }

# ── Python's compiled modules hold without the times of their sources, which are one and the same in an image ──
chroot "$root" /usr/bin/env -i PATH=/usr/bin:/bin python3 -m compileall -q -f --invalidation-mode unchecked-hash /usr/lib/python3 /usr/lib/python3.*

# ── nothing of this host, and nothing that differs from build to build ──
rm -rf "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/* "$root"/etc/apt/auth.conf.d/* "$root"/etc/apt/apt.conf.d/99mmdebstrap
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/log/* "$root"/var/cache/* "$root"/var/backups/* "$root"/var/lib/dpkg/*-old "$root"/etc/*- "$root"/etc/.pwd.lock
rm -rf "$root"/root/.[!.]* "$root"/run/* "$root"/tmp/*
rm -f "$root/etc/resolv.conf" "$root/etc/hostname" "$root/etc/machine-id"
: > "$root/etc/resolv.conf"
: > "$root/etc/machine-id"
echo glovebox > "$root/etc/hostname"
printf '127.0.0.1\tlocalhost\n::1\tlocalhost\n' > "$root/etc/hosts"
# Nobody becomes anybody else in a guest.
find "$root" -xdev \( -type f -o -type d \) -perm /6000 -exec chmod ug-s {} +
