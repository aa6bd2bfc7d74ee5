# Run by mmdebstrap when its apt knows all packages: $1 is the root filesystem. The kernel is downloaded and unpacked beside it, and
# never installed. Then the downloads are unmounted: what mmdebstrap cleans up after this is not theirs.
set -eu
root=$1
downloads=$GLOVEBOX_DOWNLOADS
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"

# The package of the day is what the other one depends on.
kernel=$(apt-cache --no-recommends --no-suggests depends "$GLOVEBOX_KERNEL" | awk '$1 == "Depends:" && $2 ~ /^linux-image-/ { print $2; exit }')
[ -n "$kernel" ] || { echo "E: $GLOVEBOX_KERNEL depends on no kernel" >&2; exit 1; }
mkdir -p "$downloads/kernel" "$GLOVEBOX_OUT/kernel"
cd "$downloads/kernel"
# Where there is the same file already, apt compares its hash and downloads nothing.
apt-get download -q "$kernel"
newest=$(ls -t "${kernel}"_*.deb | head -n 1)
for each in *.deb; do [ "$each" = "$newest" ] || rm -f "$each"; done
dpkg-deb -x "$newest" "$GLOVEBOX_OUT/kernel"
dpkg-deb -f "$newest" Package Version > "$GLOVEBOX_OUT/kernel.control"
cd /

# Downloads of versions that nobody asks for any more, and where `image update` asks for newer ones.
apt-get autoclean -q
umask 077
cat "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/*.list > "$downloads/sources.list" 2> /dev/null || [ -s "$downloads/sources.list" ]
umount "$root/var/cache/apt/archives" "$root/var/lib/apt/lists"
