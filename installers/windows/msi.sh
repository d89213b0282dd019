# The agent's MSI for Windows x64, by wixl. Sourced by build.sh.
#
# WireGuardNT is signed and licensed by its makers: set WIREGUARD_DLL to the wireguard.dll of its release to have it installed
# next to the executable. Without it the package installs, says so, and the agent uses its rootless tunnel.
# guid_of WORDS: always the same one for the same words, as RFC 9562's version 8 allows
guid_of() { printf '%s' "$1" | sha256sum | sed -E 's/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/\1-\2-8\3-8\4-\5/' | tr a-f A-F; }

msi() {
  local folder published components
  say "netbird-agent (win-x64) as .msi"
  folder="$work/msi"
  published=$(publish agent/NetBird.Agent win-x64)
  mkdir -p "$folder/files"
  cp -a "$published/." "$folder/files/"
  local comments
  if [ -n "${WIREGUARD_DLL:-}" ]; then
    install -m 644 "$WIREGUARD_DLL" "$folder/files/wireguard.dll"
    comments="With WireGuardNT (wireguard.dll), its makers' own driver."
  else
    comments="Without WireGuardNT (wireguard.dll): the tunnel is the rootless one. See WIREGUARD.txt in the program's folder."
    sed 's/$/\r/' "$here/windows/WIREGUARD.txt" >"$folder/files/WIREGUARD.txt"
    touch -d "@$SOURCE_DATE_EPOCH" "$folder/files/WIREGUARD.txt"
  fi

  # One component a file, ids from the path, so that an upgrade replaces exactly what changed.
  components="$folder/files.wxi"
  {
    echo '<Include>'
    (cd "$folder/files" && find . -maxdepth 1 -type f ! -name netbird-agent.exe -printf '%P\n' | sort) | while read -r file; do
      id=f$(printf '%s' "$file" | sha256sum | cut -c1-16)
      guid=$(guid_of "netbird-agent/$file")
      printf '<Component Id="c%s" Guid="%s" Win64="yes"><File Id="%s" Name="%s" Source="%s" KeyPath="yes"/></Component>\n' \
        "$id" "$guid" "$id" "$file" "files/$file"
    done
    echo '</Include>'
  } >"$components"
  grep -o 'Component Id="[^"]*"' "$components" | sed 's/.*Id="\(.*\)"/<ComponentRef Id="\1"\/>/' >"$folder/refs"
  sed -e "/@REFERENCES@/{
r $folder/refs
d
}" -e "s|@VERSION@|$version|g" -e "s|@PRODUCT@|$(guid_of "netbird-agent product $version")|" -e "s|@FILES@|files|g" -e "s|@COMMENTS@|$comments|" -e "/@COMPONENTS@/{
r $components
d
}" "$here/windows/agent.wxs" | sed '/<\/\?Include>/d' >"$folder/agent.wxs"
  (cd "$folder" && wixl -a x64 -o "$output/netbird-agent_${version}_x64.msi" agent.wxs)
  # wixl has no words for it: these pass from the command line to the part that runs with the system's rights.
  msibuild "$output/netbird-agent_${version}_x64.msi" -q "UPDATE \`Property\` SET \`Value\` = 'MANAGEMENT_URL;OWNER;SETUP_KEY_FILE;WIX_DOWNGRADE_DETECTED;WIX_UPGRADE_DETECTED' WHERE \`Property\` = 'SecureCustomProperties'"
  perl "$here/windows/settle.pl" "$output/netbird-agent_${version}_x64.msi" "$SOURCE_DATE_EPOCH" \
    "$(guid_of "netbird-agent package $(cat "$folder/agent.wxs" "$folder/files"/* | sha256sum)")"
  sed -e "s|@VERSION@|$version|g" -e "s|@SHA256@|$(sha256sum "$output/netbird-agent_${version}_x64.msi" | cut -d' ' -f1 | tr a-f A-F)|" \
    "$here/windows/winget.yaml" >"$output/NetBird.Agent.installer.yaml"
}

if needs wixl msi && needs msibuild msi; then msi; fi
