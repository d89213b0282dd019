# A clean Debian on a kernel of its own: bash booted-debian.sh TREE KERNEL PACKAGES SCRIPT. QEMU boots Debian's kernel (KERNEL, an
# unpacked package) with TREE (made by debootstrap) in memory; systemd is its first process, PACKAGES is its /mnt, and when all
# has started SCRIPT runs as root. Prints the console, on which the script's output is, and ends when the machine powers off.
set -e
tree=$1 kernel=$2 packages=$3 script=$4
version=$(ls "$kernel/lib/modules" | sort -V | tail -1)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What is laid over the tree: the modules of networks, busybox for its ip, the packages, and what runs the script and ends the machine.
modules=usr/lib/modules/$version
mkdir -p "$work/over/$modules/kernel/drivers/net" "$work/over/mnt" "$work/over/etc/systemd/system/multi-user.target.wants"
for part in arch crypto lib net; do cp -a "$kernel/lib/modules/$version/kernel/$part" "$work/over/$modules/kernel/"; done
cp -a "$kernel/lib/modules/$version/kernel/drivers/net/"{wireguard,tun.ko,veth.ko} "$work/over/$modules/kernel/drivers/net/"
cp "$kernel/lib/modules/$version"/modules.{order,builtin}* "$work/over/$modules/"
ln -s usr/lib "$work/over/lib"
depmod -b "$work/over" "$version"
rm "$work/over/lib"
mkdir -p "$work/over/usr/bin"
cp /bin/busybox "$work/over/usr/bin/"
cp -a "$packages/." "$work/over/mnt/"
cp "$script" "$work/over/mnt/script"
cat >"$work/over/etc/systemd/system/script.service" <<'END'
[Unit]
After=dbus.service systemd-user-sessions.service
FailureAction=poweroff-force
SuccessAction=poweroff-force
[Service]
Type=oneshot
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
Environment=HOME=/root DEBIAN_FRONTEND=noninteractive NO_COLOR=1
ExecStart=/bin/bash /mnt/script
END
ln -s ../script.service "$work/over/etc/systemd/system/multi-user.target.wants/script.service"

# Two archives, one after the other, are one to the kernel.
for part in "$tree" "$work/over"; do (cd "$part" && find . -xdev -print0 | cpio -0 -o -H newc --quiet); done >"$work/image"
qemu-system-x86_64 -kernel "$kernel/boot/vmlinuz-$version" -initrd "$work/image" \
  -append "console=ttyS0 quiet panic=-1 rdinit=/lib/systemd/systemd systemd.show_status=0" \
  -m 3072 -smp 2 -cpu max -accel tcg,thread=multi -nographic -no-reboot -nodefaults -serial stdio -net none </dev/null
