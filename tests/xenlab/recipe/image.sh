#!/bin/bash
# Makes the bootable image from the unpacked packages. Run by build.py as root.
# Takes BASE (what base.sh filled) and OUT (folder to fill); leaves OUT/{xen,vmlinux,initrd.img,root.img}.
set -euo pipefail
export LC_ALL=C
SRC=$(cd "$(dirname "$0")/../dom0" && pwd)
ROOT=$OUT/root WORK=$OUT/work KVER=$(cat "$BASE/kver")
mkdir -p "$WORK"
step() { echo "[${SECONDS} s] $*"; }
archive() { ( cd "$1" && find . | cpio -o -H newc -R 0:0 --quiet ); }

step "root folder"
cp -a --reflink=auto "$BASE/root" "$ROOT"
ln -f "$BASE/boot/xen" "$BASE/boot/vmlinux" "$OUT/"
mkdir -p "$ROOT"/lab/guest "$ROOT"/mnt/share "$ROOT"/var/lib/xenstored "$ROOT"/var/log/xen
install -m755 "$SRC/init" "$SRC/agent.py" "$SRC/populate" "$SRC/libvirt-up" "$ROOT/lab/"
echo xenlab > "$ROOT/etc/hostname"
echo "127.0.0.1 localhost xenlab" > "$ROOT/etc/hosts"

step "guests"
G=$WORK/guest
mkdir -p "$G"/{bin,dev,proc,sys,tmp,mod}
cp /bin/busybox "$G/bin/"
cp "$BASE"/boot/guest-modules/*.ko "$G/mod/"
install -m755 "$SRC/guest-init" "$G/init"
archive "$G" | gzip -1 > "$ROOT/lab/guest/initrd.img"
cp "$BASE/boot/vmlinux-guest" "$ROOT/lab/guest/vmlinux"
gcc -O1 -ffreestanding -fno-stack-protector -fno-pic -mno-red-zone -mgeneral-regs-only -fcf-protection=none \
  -fno-asynchronous-unwind-tables -Wall -c "$SRC/tiny.c" -o "$WORK/tiny_c.o"
gcc -c "$SRC/tiny.S" -o "$WORK/tiny_s.o"
ld -n --no-warn-rwx-segments -T "$SRC/tiny.ld" -o "$ROOT/lab/guest/tiny.elf" "$WORK/tiny_s.o" "$WORK/tiny_c.o"

step "initrd"
I=$WORK/initrd
mkdir -p "$I"/{bin,dev,proc,sys,newroot,lib/modules/"$KVER"}
cp /bin/busybox "$I/bin/"
for m in virtio_pci virtio_blk ext4 crc32c_generic crc32c-intel; do
  modprobe -d "$ROOT" -S "$KVER" --show-depends "$m"
done | sed -n 's/^insmod //p' | awk '!seen[$1]++ {print $1}' |
  while read -r f; do cp "$f" "$I/lib/modules/$KVER/"; basename "$f"; done > "$I/modlist"
install -m755 "$SRC/initrd-init" "$I/init"
archive "$I" > "$OUT/initrd.img"

step "disk"
SIZE=$(( $(du -sm "$ROOT" | cut -f1) * 115 / 100 + 200 ))
truncate -s "${SIZE}M" "$OUT/root.img"
mke2fs -q -t ext4 -O ^has_journal,^metadata_csum -E lazy_itable_init=1,root_owner=0:0 -L xenlab -d "$ROOT" "$OUT/root.img"
rm -rf "$ROOT" "$WORK"
step "image done: $(du -sm "$OUT" | cut -f1) MB"
