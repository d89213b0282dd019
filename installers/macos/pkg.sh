# The agent for macOS (Apple silicon): the layout that pkgbuild signs, as an archive, and its Homebrew formula.
# Sourced by build.sh. pkgbuild and codesign exist on macOS only; on a Mac: pkgbuild --root FOLDER --identifier net.netbird.agent.
macos() {
  local folder="$work/macos" archive="$output/netbird-agent_${version}_osx-arm64.tar.xz" published
  say "netbird-agent (osx-arm64) as an archive"
  published=$(publish agent/NetBird.Agent osx-arm64)
  mkdir -p "$folder/usr/local/lib/netbird-agent" "$folder/usr/local/bin" "$folder/Library/LaunchDaemons"
  cp -a "$published/." "$folder/usr/local/lib/netbird-agent/"
  ln -s ../lib/netbird-agent/netbird-agent "$folder/usr/local/bin/netbird-agent"
  install -m 644 "$here/macos/net.netbird.agent.plist" "$folder/Library/LaunchDaemons/"
  archive_of "$folder" "$archive"
  sed -e "s|@VERSION@|$version|g" -e "s|@SHA256@|$(sha256sum "$archive" | cut -d' ' -f1)|" \
    "$here/macos/netbird-agent.rb" >"$output/netbird-agent.rb"
}
macos
