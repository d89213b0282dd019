# Debian packages for each architecture asked for. Sourced by build.sh.
. "$here/linux/layout.sh"

deb() { # name project rid arch summary
  local name=$1 project=$2 rid=$3 arch=$4 summary=$5 folder="$work/deb/$1_$4"
  say "$name ($arch) as .deb"
  layout "$name" "$project" "$rid" "$folder"
  mkdir -p "$folder/DEBIAN"
  cat >"$folder/DEBIAN/control" <<END
Package: $name
Version: $version
Architecture: $arch
Maintainer: NetBird.Agent maintainers <maintainers@example.invalid>
Installed-Size: $(find "$folder" -path "$folder/DEBIAN" -prune -o -printf '%y %s\n' | awk '{ k += $1 == "f" ? int(($2 + 1023) / 1024) : 1 } END { print k }')
Depends: libc6 (>= 2.31), libgcc-s1, libstdc++6, ca-certificates
Recommends: systemd
Section: net
Priority: optional
Description: $summary
 Claude Code reaches its provider through a WireGuard tunnel bound to the person's identity at the
 company's identity provider. No API key is on the developer's machine; policy, limits and metering
 are the control plane's.
END
  local script
  for script in preinst postinst prerm postrm; do
    sed "s/@NAME@/$name/g; s/@VERSION@/$version/g" "$here/linux/$script" >"$folder/DEBIAN/$script"
    chmod 755 "$folder/DEBIAN/$script"
  done
  (cd "$folder" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
  find "$folder" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  # One thread: with several xz cuts the data into blocks, and how many is up to the machine.
  dpkg-deb --root-owner-group --threads-max=1 -Zxz -z6 --build "$folder" "$output/${name}_${version}_$arch.deb" >/dev/null
}

for target in $(linux_targets); do
  deb netbird-agent agent/NetBird.Agent "${target%%:*}" "${target#*:}" "Claude Code without a key: tunnel and local endpoint"
  deb netbird-controlplane controlplane/NetBird.ControlPlane "${target%%:*}" "${target#*:}" \
    "Claude Code without keys: identity, policy, metering"
done
