# Run by mmdebstrap when all packages are installed: $1 is the root filesystem.
set -eu
root=$1
out=$GLOVEBOX_OUT

# ── the kernel: downloaded and unpacked, never installed ──
kernel=$(APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-cache --no-recommends --no-suggests depends "$GLOVEBOX_KERNEL" | awk '$1 == "Depends:" && $2 ~ /^linux-image-/ { print $2; exit }')
[ -n "$kernel" ] || { echo "E: $GLOVEBOX_KERNEL depends on no kernel" >&2; exit 1; }
mkdir -p "$GLOVEBOX_DOWNLOADS/kernel" "$out/kernel"
cd "$GLOVEBOX_DOWNLOADS/kernel"
# Where there is the same file already, apt compares its hash and downloads nothing.
APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get download -q -o APT::Sandbox::User=root "$kernel"
newest=$(ls -t "${kernel}"_*.deb | head -n 1)
for each in *.deb; do [ "$each" = "$newest" ] || rm -f "$each"; done
dpkg-deb -x "$newest" "$out/kernel"
dpkg-deb -f "$newest" Package Version Architecture > "$out/kernel.control"
cd /

# ── downloads of versions that nobody asks for any more ──
APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get autoclean -q
umount "$root/var/cache/apt/archives" "$root/var/lib/apt/lists"

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
find "$root" -xdev -type f -perm /6000 -exec chmod ug-s {} +
