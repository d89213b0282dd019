#!/usr/bin/env bash
# The whole product on this machine alone, with its state in a temporary folder that is removed at the end.
#
#   installers/quickstart.sh [--upstream URL] [--config FILE] [--tunnel MODE] [--gateway-tunnel MODE] [--keep] [-- COMMAND ...]
#
# Starts the control plane (embedded IdP, LiteDB), connects a provider, creates a person in group Engineering and a
# policy, logs the agent in and brings the tunnel up.
#
#   ANTHROPIC_API_KEY   set: the provider is Anthropic; unset: a built-in sample provider that says so in its answers
#   --upstream URL      the provider's base URL, in place of Anthropic's
#   --config FILE       applies this document (as 'netbird-controlplane apply -f') in place of the default policy
#   --tunnel MODE       auto, kernel, userspace or rootless, for both ends (default auto)
#   --gateway-tunnel MODE   another one for the control plane's end
#   --keep              keeps the state folder and says where it is
#   -- COMMAND ...      runs COMMAND as 'netbird-agent exec' does, prints the usage table to standard error, takes
#                       everything down and exits with COMMAND's code. COMMAND also gets NETBIRD_URL (REST),
#                       NETBIRD_TOKEN (admin) and NETBIRD_STATE (folder)
# Without COMMAND: makes one sample request, prints the answer, its usage row and the dashboard's address, and stays
# up until Ctrl-C.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")

usage() { sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; }
say() { printf '%s\n' "$*" >&2; }
wrong() { say "quickstart: $1"; say "See installers/quickstart.sh --help"; exit 2; }

upstream="" config="" tunnel=auto gateway_tunnel="" keep=no
while [ $# -gt 0 ]; do
  case "$1" in
    --upstream) [ $# -ge 2 ] || wrong "--upstream needs a URL"; upstream=$2; shift 2 ;;
    --config) [ $# -ge 2 ] || wrong "--config needs a file"; config=$2; shift 2 ;;
    --tunnel) [ $# -ge 2 ] || wrong "--tunnel needs a mode"; tunnel=$2; shift 2 ;;
    --gateway-tunnel) [ $# -ge 2 ] || wrong "--gateway-tunnel needs a mode"; gateway_tunnel=$2; shift 2 ;;
    --keep) keep=yes; shift ;;
    -h|--help) usage; exit 0 ;;
    --) shift; [ $# -gt 0 ] || wrong "-- needs a command"; break ;;
    *) wrong "unknown option '$1'" ;;
  esac
done
case "$tunnel" in auto|kernel|userspace|rootless) ;; *) wrong "--tunnel is auto, kernel, userspace or rootless, not '$tunnel'" ;; esac
gateway_tunnel=${gateway_tunnel:-$tunnel}
case "$gateway_tunnel" in auto|kernel|userspace|rootless) ;; *) wrong "--gateway-tunnel is auto, kernel, userspace or rootless, not '$gateway_tunnel'" ;; esac
case "$upstream" in ""|http://*|https://*) ;; *) wrong "--upstream is an http:// or https:// URL, not '$upstream'" ;; esac
[ -z "$config" ] || [ -r "$config" ] || wrong "cannot read '$config'"
command -v dotnet >/dev/null || { say "quickstart: the .NET 10 SDK is not installed; see https://learn.microsoft.com/dotnet/core/install/linux"; exit 1; }
command -v curl >/dev/null || { say "quickstart: curl is not installed. Install it with: apt-get install curl"; exit 1; }

controlplane="$root/artifacts/bin/NetBird.ControlPlane/release/netbird-controlplane"
agent="$root/artifacts/bin/NetBird.Agent/release/netbird-agent"

# --- taking down: in the order that loses nothing, whatever happened before ---------------------------------
state="" controlplane_pid="" agent_pid=""
end_process() { # pid: asks, waits 8 s, then insists
  local pid=$1 i
  [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null || return 0
  kill -TERM "$pid" 2>/dev/null || true
  for ((i = 0; i < 80; i++)); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}
take_down() {
  local code=$?
  trap - EXIT
  trap '' INT TERM
  end_process "$agent_pid"
  end_process "$controlplane_pid"
  if [ -n "$state" ]; then
    if [ "$keep" = yes ]; then say "State kept in $state"; else rm -rf "$state"; fi
  fi
  exit "$code"
}
trap take_down EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

failed() { # what, log
  say "quickstart: $1"
  [ -s "$2" ] && { say "--- the last lines of its log"; tail -n 15 "$2" >&2; }
  exit 1
}
free_port() { # first: the first port from there on which nothing listens, TCP and UDP
  local port hex
  for ((port = $1; port < $1 + 500; port++)); do
    printf -v hex ':%04X ' "$port"
    grep -qs "$hex" /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6 || { echo "$port"; return 0; }
  done
  return 1
}

# --- building ------------------------------------------------------------------------------------------------
fresh() {
  [ -x "$controlplane" ] && [ -x "$agent" ] || return 1
  [ -z "$(find "$root/agent" "$root/controlplane" "$root/shared" "$root/Directory.Build.props" \
    -newer "$controlplane" -type f \( -name '*.cs' -o -name '*.csproj' -o -name '*.proto' -o -name '*.razor' -o -name '*.props' \) \
    -print -quit 2>/dev/null)" ]
}
if ! fresh; then
  say "Building (once; about a minute) ..."
  log=$(mktemp)
  for project in controlplane/NetBird.ControlPlane agent/NetBird.Agent; do
    # No build server: it would outlive this script by minutes.
    dotnet build "$root/$project" -c Release -v q --nologo --disable-build-servers >"$log" 2>&1 || { grep -E 'error' "$log" | sort -u | head -20 >&2; rm -f "$log"; exit 1; }
  done
  rm -f "$log"
  touch "$controlplane" "$agent"
fi

umask 077
state=$(mktemp -d "${TMPDIR:-/tmp}/netbird-quickstart.XXXXXX")
mkdir "$state/controlplane" "$state/agent"

# --- the control plane ---------------------------------------------------------------------------------------
# Two that start at once may find the same port free: whoever comes second takes the next one.
taken='in use by another program|is taken by another program|Another program listens on'
starts=0
start_controlplane() { # leaves controlplane_pid and url
  local http_port=8080 udp_port=51820
  while :; do
    http_port=$(free_port "$http_port") udp_port=$(free_port "$udp_port")
    url="http://127.0.0.1:$http_port"
    say "Starting the control plane on $url ..."
    # The provider's key is handed over once, by 'apply' below; no process of ours keeps it in its environment.
    env -u ANTHROPIC_API_KEY -u ANTHROPIC_AUTH_TOKEN "$controlplane" serve --state-dir "$state/controlplane" \
      --http "127.0.0.1:$http_port" --wireguard-port "$udp_port" --tunnel "$gateway_tunnel" \
      >"$state/controlplane.log" 2>&1 </dev/null &
    controlplane_pid=$!
    until_ready && return 0
    grep -qE "$taken" "$state/controlplane.log" && [ "$((starts += 1))" -lt 8 ] || failed "the control plane ended" "$state/controlplane.log"
    http_port=$((http_port + 1)) udp_port=$((udp_port + 1))
  done
}
until_ready() { # false when it ended
  local i
  for ((i = 0; ; i++)); do
    # serve.json is its own word that it serves; another's control plane may answer on a port that we lost.
    [ -s "$state/controlplane/admin-token" ] && [ -s "$state/controlplane/serve.json" ] && curl -fs -o /dev/null --max-time 2 "$url/readyz" && return 0
    kill -0 "$controlplane_pid" 2>/dev/null || return 1
    [ "$i" -lt 300 ] || failed "the control plane is not ready after 30 s" "$state/controlplane.log"
    sleep 0.1
  done
}
start_controlplane

cp() { "$controlplane" "$@" --state-dir "$state/controlplane"; }

# --- a person, a provider, a policy --------------------------------------------------------------------------
person=ana@example.com
head -c 18 /dev/urandom | base64 | tr -d '\n' >"$state/password"
cp user create "$person" --name "Ana Developer" --group Engineering --password-stdin <"$state/password" >/dev/null \
  || failed "the person was not created" "$state/controlplane.log"

if [ -n "${ANTHROPIC_API_KEY:-}" ]; then
  provider="provider_id: anthropic_api, upstream_url: \"${upstream:-https://api.anthropic.com}\", api_key_env: ANTHROPIC_API_KEY"
  say "Connecting the provider Anthropic ..."
elif [ -n "$upstream" ]; then
  wrong "--upstream needs ANTHROPIC_API_KEY, the key that the provider at $upstream expects"
else
  provider="provider_id: sample"
  say "ANTHROPIC_API_KEY is not set: connecting the built-in sample provider ..."
fi
cat >"$state/provider.yaml" <<END
providers:
  - { name: Anthropic, $provider, enabled: true }
END
cat >"$state/policy.yaml" <<END
policies:
  - name: Engineering may use Claude Code
    enabled: true
    source_groups: [Engineering]
    destination_provider_ids: [Anthropic]
    limits:
      budget_limit: { enabled: true, group_cap_usd: 100, user_cap_usd: 20, window_seconds: 86400 }
END
cp apply -f "$state/provider.yaml" >"$state/apply.log" 2>&1 || failed "the provider was not connected" "$state/apply.log"
cp apply -f "${config:-$state/policy.yaml}" >"$state/apply.log" 2>&1 || failed "the configuration was not applied" "$state/apply.log"

# --- the agent logs in as that person ------------------------------------------------------------------------
say "Logging the agent in as $person and bringing the tunnel up ..."
login_url=""
start_agent() { # leaves agent_pid and login_url
  local endpoint_port=8788 i
  while :; do
    endpoint_port=$(free_port "$endpoint_port")
    env -u ANTHROPIC_API_KEY -u ANTHROPIC_AUTH_TOKEN "$agent" up --management-url "$url" --state-dir "$state/agent" \
      --endpoint "127.0.0.1:$endpoint_port" --tunnel "$tunnel" --no-browser --foreground >"$state/agent.log" 2>&1 </dev/null &
    agent_pid=$!
    for ((i = 0; i < 300; i++)); do
      login_url=$(grep -som1 'http://127\.0\.0\.1:[0-9]*/[^ ]*authorize?[^ ]*' "$state/agent.log" || true)
      [ -n "$login_url" ] && return 0
      kill -0 "$agent_pid" 2>/dev/null || break
      sleep 0.1
    done
    grep -qE "$taken" "$state/agent.log" && [ "$((starts += 1))" -lt 8 ] || return 0
    end_process "$agent_pid"
    endpoint_port=$((endpoint_port + 1))
  done
}
start_agent
kill -0 "$agent_pid" 2>/dev/null || failed "the agent ended" "$state/agent.log"
[ -n "$login_url" ] || failed "the agent printed no login link within 30 s" "$state/agent.log"

# What the person would do in a browser: follow the link, fill the form in, be sent back to the agent.
printf '%s' "$person" >"$state/person"
form="$state/form.html"
form_url=$(curl -sS -L -c "$state/cookies" -b "$state/cookies" -o "$form" -w '%{url_effective}' "$login_url")
hidden=()
while IFS=$'\t' read -r name value; do
  hidden+=(--data-urlencode "$name=$value")
done < <(grep -o '<input[^>]*type="hidden"[^>]*>' "$form" \
  | sed -n 's/.*name="\([^"]*\)".*value="\([^"]*\)".*/\1\t\2/p' | sed 's/&amp;/\&/g; s/&#x2B;/+/g; s/&quot;/"/g')
action=$(grep -om1 '<form[^>]*action="[^"]*"' "$form" | sed 's/.*action="\([^"]*\)"/\1/; s/&amp;/\&/g' || true)
case "$action" in "") post=$form_url ;; http*) post=$action ;; *) post="$url$action" ;; esac
curl -sS -L -c "$state/cookies" -b "$state/cookies" -o "$state/login.html" "${hidden[@]}" \
  --data-urlencode "username@$state/person" --data-urlencode "password@$state/password" "$post" \
  || failed "the login did not go through" "$state/agent.log"
rm -f "$state/cookies" "$form"

for ((i = 0; ; i++)); do
  "$agent" status --state-dir "$state/agent" >"$state/status" 2>&1 && break
  kill -0 "$agent_pid" 2>/dev/null || failed "the agent ended" "$state/agent.log"
  [ "$i" -lt 60 ] || failed "the tunnel is not up after 30 s" "$state/agent.log"
  sleep 0.4
done

run() { # as 'exec' does, with the admin's view beside it
  NETBIRD_URL="$url" NETBIRD_TOKEN="$(cat "$state/controlplane/admin-token")" NETBIRD_STATE="$state" \
    "$agent" exec --state-dir "$state/agent" -- "$@"
}

if [ $# -gt 0 ]; then
  code=0
  run "$@" || code=$?
  say ""
  cp logs >&2 || say "quickstart: the usage table could not be read"
  exit "$code"
fi

say ""
cat "$state/status" >&2
say ""
say "A sample request through the tunnel:"
run sh -c 'curl -sS --max-time 60 "$ANTHROPIC_BASE_URL/v1/messages" -H "content-type: application/json" \
  -H "anthropic-version: 2023-06-01" -H "x-api-key: $ANTHROPIC_API_KEY" \
  -d "{\"model\":\"claude-haiku-4-5\",\"max_tokens\":64,\"messages\":[{\"role\":\"user\",\"content\":\"Say hello in five words.\"}]}"'
echo
echo
cp logs
echo
echo "Dashboard:    $url"
echo "Claude Code:  $agent exec --state-dir $state/agent -- claude"
echo "Everything is up. Ctrl-C takes it down and removes $state."
# Waits for either end, so that a crash is told and not sat out.
wait -n "$controlplane_pid" "$agent_pid" || true
failed "a part ended by itself" "$state/controlplane.log"
