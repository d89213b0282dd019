# RPM packages for x86_64 and aarch64. Sourced by build.sh.
. "$here/linux/layout.sh"

rpm_package() { # name project rid arch summary
  local name=$1 project=$2 rid=$3 arch=$4 summary=$5 folder="$work/rpm/$1_$4"
  say "$name ($arch) as .rpm"
  layout "$name" "$project" "$rid" "$folder/tree"
  cat >"$folder/$name.spec" <<END
Name: $name
Version: $version
Release: 1
Summary: $summary
License: BSD-3-Clause
AutoReqProv: no
Requires: glibc >= 2.31, libgcc, libstdc++, ca-certificates
%description
Claude Code reaches its provider through a WireGuard tunnel bound to the person's identity at the company's
identity provider. No API key is on the developer's machine.
%install
cp -a $folder/tree/. %{buildroot}/
%post
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || :
  [ "\$1" = 1 ] && systemctl enable --now $name.service || systemctl try-restart $name.service || :
fi
%preun
if [ "\$1" = 0 ] && [ -d /run/systemd/system ]; then systemctl disable --now $name.service || :; fi
%files
%dir /etc/$name
/usr/lib/$name
/usr/bin/$name
/usr/lib/systemd/system/$name.service
/usr/share/doc/$name
/usr/share/man/man1/$name.1.gz
/usr/share/bash-completion/completions/$name
/usr/share/zsh/vendor-completions/_$name
/usr/share/fish/vendor_completions.d/$name.fish
END
  # No BuildArch in the spec: rpm takes one only where it could run it; the target says for what it is.
  rpmbuild -bb --quiet --target "$arch" --define "_topdir $folder/top" --define "_rpmdir $folder/out" \
    --define "_build_id_links none" --define "__strip /bin/true" --define "__os_install_post %{nil}" \
    --define "use_source_date_epoch_as_buildtime 1" --define "clamp_mtime_to_source_date_epoch 1" \
    --define "_buildhost reproducible" --define "_binary_payload w9.xzdio" --buildroot "$folder/buildroot" \
    "$folder/$name.spec" >"$work/rpm.log" 2>&1 || { tail -20 "$work/rpm.log" >&2; return 1; }
  cp "$folder"/out/*/*.rpm "$output/"
}

for target in $(linux_targets); do
  target=${target/:amd64/:x86_64} target=${target/:arm64/:aarch64}
  rpm_package netbird-agent agent/NetBird.Agent "${target%%:*}" "${target#*:}" "Claude Code without a key: tunnel and local endpoint"
  rpm_package netbird-controlplane controlplane/NetBird.ControlPlane "${target%%:*}" "${target#*:}" \
    "Claude Code without keys: identity, policy, metering"
done
