# Run by mmdebstrap before it downloads anything: $1 is the root filesystem in the making.
# What is downloaded lies outside of it and stays, so that the next build, or one after an interruption, begins with it.
set -eu
root=$1
mkdir -p "$root/var/cache/apt/archives" "$root/var/lib/apt/lists" "$root/dev"
mount --bind "$GLOVEBOX_DOWNLOADS/archives" "$root/var/cache/apt/archives"
mount --bind "$GLOVEBOX_DOWNLOADS/lists" "$root/var/lib/apt/lists"
# The devices that scripts of packages use. mmdebstrap's own way would mount devpts for a group that this namespace does not have.
mount -t tmpfs -o mode=755 none "$root/dev"
for name in null zero full random urandom tty; do
  : > "$root/dev/$name"
  mount --bind "/dev/$name" "$root/dev/$name"
done
