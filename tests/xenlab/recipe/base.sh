#!/bin/bash
# Unpacks Debian's packages: dom0's root folder, both kernels, the hypervisor. Run by build.py as root
# in mount and pid namespaces of its own. Takes OUT (folder to fill), SOURCES (file of deb lines),
# PACKAGES (comma-separated) and PEERS (1 or 0).
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
ROOT=$OUT/root WORK=$OUT/work
mkdir -p "$WORK/debs" "$OUT/boot"
chmod 755 "$OUT" "$WORK"
step() { echo "[${SECONDS} s] $*"; }

KVER=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: linux-image-//p' | head -1)
CVER=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: linux-image-//p' | head -1)
[ -n "$KVER" ] && [ -n "$CVER" ] || { echo "apt knows no linux-image-amd64: run apt-get update"; exit 1; }
# the machine's own proxies hold for the unpacked system's downloads too
apt-config dump | grep -iE '^Acquire::(https?)::.*Proxy' > "$WORK/apt.conf" || true
echo 'APT::Install-Recommends "false";' >> "$WORK/apt.conf"

step "packages for dom0"
mmdebstrap --mode=root --variant=minbase --include="$PACKAGES" --aptopt="$WORK/apt.conf" \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
  --format=directory bookworm "$ROOT" "$SOURCES" >"$OUT/mmdebstrap.log" 2>&1 &
ROOTFS=$!

step "kernels and hypervisor"
chown _apt "$WORK/debs" 2>/dev/null || true
( cd "$WORK/debs" && apt-get download -q "linux-image-$KVER" "linux-image-$CVER" xen-hypervisor-4.17-amd64 >/dev/null )
dpkg-deb -x "$WORK"/debs/linux-image-"${KVER}"_*.deb "$WORK/dom0"
dpkg-deb -x "$WORK"/debs/xen-hypervisor-*.deb "$WORK/xen"
mkdir -p "$WORK/guest"
dpkg-deb --fsys-tarfile "$WORK"/debs/linux-image-"${CVER}"_*.deb |
  tar -x -C "$WORK/guest" --wildcards './boot/vmlinuz*' '*/xen-netfront.ko' '*/xen-blkfront.ko'
# QEMU's multiboot loader wants the hypervisor as an ELF file
gzip -dc "$WORK/xen/boot/xen-4.17-amd64.gz" > "$OUT/boot/xen"
# raw kernels: unpacking them under emulation would cost seconds
HERE=$(dirname "$0")
/usr/bin/python3 "$HERE/vmlinux.py" "$WORK/dom0/boot/vmlinuz-$KVER" "$WORK/vmlinux"
/usr/bin/python3 "$HERE/vmlinux.py" "$WORK/guest/boot/vmlinuz-$CVER" "$WORK/vmlinux-guest"
strip -s -o "$OUT/boot/vmlinux" "$WORK/vmlinux"
strip -s -o "$OUT/boot/vmlinux-guest" "$WORK/vmlinux-guest"
mkdir "$OUT/boot/guest-modules"
find "$WORK/guest" -name 'xen-*front.ko' -exec cp {} "$OUT/boot/guest-modules/" \;
strip -g "$OUT"/boot/guest-modules/*.ko
depmod -b "$WORK/dom0" "$KVER"

wait $ROOTFS || { tail -30 "$OUT/mmdebstrap.log"; exit 1; }
step "modules for dom0"
MODULES="xen-privcmd xen-evtchn xen-gntdev xen-gntalloc xenfs xen-netback xen-blkback virtio_pci virtio_blk
 virtio_net 9p 9pnet_virtio ext4 loop tun bridge crc32c_generic crc32c-intel dummy"
for m in $MODULES; do modprobe -d "$WORK/dom0" -S "$KVER" --show-depends "$m"; done |
  sed -n 's/^insmod //p' | awk '{print $1}' | sort -u |
  while read -r f; do install -D -m644 "$f" "$ROOT/${f#"$WORK"/dom0/}"; done
# without debug data and signatures they load sooner
find "$ROOT/lib/modules/$KVER/" -name '*.ko' -exec strip -g {} +
cp "$WORK/dom0/lib/modules/$KVER"/modules.{order,builtin,builtin.modinfo} "$ROOT/lib/modules/$KVER/"
depmod -b "$ROOT" "$KVER"

if [ "$PEERS" = 1 ]; then
  # what the postinst of libvirt-daemon-system would do
  chroot "$ROOT" groupadd -r libvirt-qemu
  chroot "$ROOT" useradd -r -g libvirt-qemu libvirt-qemu
  mkdir -p "$ROOT/var/log/libvirt/libxl"
  # QEMU's emulated processor has no CPUID.VME: no model of libvirt's fits it, and its Xen driver would refuse to start
  grep -l '<model ' "$ROOT"/usr/share/libvirt/cpu_map/x86_*.xml | xargs sed -i "/<feature name='vme'\/>/d"
fi
echo "$KVER" > "$OUT/kver"
rm -rf "$WORK" "$ROOT"/var/cache/apt/* "$ROOT"/var/lib/apt/lists/*
step "base done: $(du -sm "$OUT" | cut -f1) MB"
