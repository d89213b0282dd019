#!/usr/bin/env bash
# Makes every package from this checkout, reproducibly: the same commit gives the same bytes.
#
#   installers/build.sh [--output DIR] [--only KIND[,KIND...]] [--arch ARCH[,ARCH...]]
#
#   --output DIR   where the packages go (default artifacts/packages)
#   --only KINDS   of: deb, rpm, msi, macos, oci, sbom (default all that the tools here can make)
#   --arch ARCHS   of: amd64, arm64, for deb and rpm (default both)
#
# Needs the .NET SDK and xz; for deb dpkg-deb, for rpm rpmbuild, for msi wixl, for oci and sbom jq (Debian: dpkg, rpm, wixl, jq).
# Ends with SHA256SUMS and the sizes.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
output="$root/artifacts/packages"
only=deb,rpm,msi,macos,oci,sbom
arches=amd64,arm64

while [ $# -gt 0 ]; do
  case "$1" in
    --output) output=$(mkdir -p "$2" && cd "$2" && pwd); shift 2 ;;
    --only) only=$2; shift 2 ;;
    --arch) arches=$2; shift 2 ;;
    -h|--help) sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "build.sh: unknown option '$1'; see installers/build.sh --help" >&2; exit 2 ;;
  esac
done
for kind in ${only//,/ }; do
  case "$kind" in deb|rpm|msi|macos|oci|sbom) ;; *) echo "build.sh: unknown kind '$kind'" >&2; exit 2 ;; esac
done
for arch in ${arches//,/ }; do
  case "$arch" in amd64|arm64) ;; *) echo "build.sh: unknown architecture '$arch'" >&2; exit 2 ;; esac
done
# linux_targets: RID:ARCH of every Linux package asked for
linux_targets() {
  local arch
  for arch in ${arches//,/ }; do
    case "$arch" in amd64) echo linux-x64:amd64 ;; arm64) echo linux-arm64:arm64 ;; esac
  done
}
wants() { [[ ",$only," == *",$1,"* ]]; }
needs() { command -v "$1" >/dev/null || { echo "build.sh: $2 left out: '$1' is not installed" >&2; return 1; }; }

version=$(sed -n 's:.*<Version>\(.*\)</Version>.*:\1:p' "$root/Directory.Build.props")
# Every time stamp in every package is the commit's.
SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct)
export SOURCE_DATE_EPOCH version root here output
export TZ=UTC LC_ALL=C
umask 022

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export work
mkdir -p "$output"

# publish PROJECT RID: a self-contained folder, made once; prints its path
publish() {
  local project=$1 rid=$2 folder="$work/publish/$2/$(basename "$1")"
  if [ ! -d "$folder" ]; then
    dotnet publish "$root/$project" -c Release -r "$rid" --self-contained -o "$folder" -v q --nologo \
      -p:ContinuousIntegrationBuild=true -p:DebugType=none -p:PathMap="$root=/_" >"$work/publish.log" 2>&1 \
      || { grep -E 'error' "$work/publish.log" | sort -u | head -20 >&2; return 1; }
    # Debugger support of the runtime: not for production machines, 4 MB.
    rm -f "$folder"/libmscordbi.so "$folder"/libmscordaccore.so "$folder"/createdump "$folder"/*.pdb
    # When pages' assets were last changed is said to browsers; the build says its own clock, and a checkout's.
    find "$folder" -maxdepth 1 -name '*.staticwebassets.endpoints.json' -exec sed -E -i \
      "s/(\"Name\": *\"Last-Modified\", *\"Value\": *\")[^\"]*/\1$(date -u -d "@$SOURCE_DATE_EPOCH" '+%a, %d %b %Y %H:%M:%S GMT')/g" {} +
    find "$folder" -type f -exec chmod 644 {} +
    chmod 755 "$folder/$(executable "$project")" 2>/dev/null || true
    find "$folder" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  fi
  echo "$folder"
}
# archive_of FOLDER FILE: a tar.xz with the commit's time, no names of this machine and a fixed order
archive_of() {
  # One thread: with several xz cuts the data into blocks, and how many is up to the machine.
  tar -C "$1" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner -c . | xz -6 -T1 >"$2"
}
executable() { case "$1" in *Agent) echo netbird-agent ;; *) echo netbird-controlplane ;; esac; }
say() { echo "== $*" >&2; }

if wants deb && needs dpkg-deb deb; then . "$here/linux/deb.sh"; fi
if wants rpm && needs rpmbuild rpm; then . "$here/linux/rpm.sh"; fi
for kind in msi:windows/msi.sh macos:macos/pkg.sh oci:container/oci.sh sbom:sbom.sh; do
  if wants "${kind%%:*}" && [ -f "$here/${kind#*:}" ]; then . "$here/${kind#*:}"; fi
done

(cd "$output" && find . -maxdepth 1 -type f ! -name SHA256SUMS -printf '%P\n' | sort | xargs sha256sum >SHA256SUMS)
(cd "$output" && du -h --apparent-size -- * | sort -k2)
