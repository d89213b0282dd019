# A clean Debian, booted: bash clean-debian.sh TREE PACKAGES GROUP. Its first process is systemd, in namespaces of its own; what it
# changes in TREE (made by debootstrap) is kept in memory; PACKAGES is its /mnt. GROUP names its control group.
# Prints "ready" before systemd starts. Ends, with all that runs in it, when this process is killed.
set -e
tree=$1 packages=$2 group=$3 stage=${4:-outside}
if [ "$stage" = outside ]; then
  # In a control group of its own, which is what it then sees as the root of them all.
  for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/*; do
    [ -w "$hierarchy/cgroup.procs" ] || continue
    mkdir -p "$hierarchy/$group"
    # A set of processors is not handed down by itself in the older hierarchies.
    for set in cpuset.cpus cpuset.mems; do [ ! -e "$hierarchy/$set" ] || cat "$hierarchy/$set" >"$hierarchy/$group/$set" 2>/dev/null || true; done
    echo $$ >"$hierarchy/$group/cgroup.procs"
  done
  exec unshare --net --mount --pid --uts --ipc --cgroup --fork --kill-child bash "$0" "$tree" "$packages" "$group" inside
fi

root=/tmp/$group
mkdir -p "$root"
mount -t tmpfs tmpfs "$root"
mkdir "$root/upper" "$root/work" "$root/files"
mount -t overlay overlay -o "lowerdir=$tree,upperdir=$root/upper,workdir=$root/work" "$root/files"
root=$root/files
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do touch "$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"; done
mkdir "$root/dev/net" "$root/dev/shm" "$root/dev/pts"
touch "$root/dev/net/tun"
[ ! -e /dev/net/tun ] || mount --bind /dev/net/tun "$root/dev/net/tun"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount --bind "$packages" "$root/mnt"
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
else
  mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
  mkdir "$root/sys/fs/cgroup/systemd"
  mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
fi
ip link set lo up
hostname clean
echo ready
# "lxc": a container; systemd leaves the machine's clock, devices and kernel settings alone.
exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" /lib/systemd/systemd
