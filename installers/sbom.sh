# A CycloneDX bill of materials and the licence notices of every library inside, from what NuGet restored. Sourced by build.sh.
sbom() { # name project
  local assets="$root/artifacts/obj/$(basename "$2")/project.assets.json" packages
  say "$1: bill of materials and licences"
  packages="$work/$1.packages"
  jq -r '.libraries | to_entries[] | select(.value.type == "package") | .key' "$assets" | sort -u >"$packages"
  jq -n --arg name "$1" --arg version "$version" --rawfile packages "$packages" \
    --slurpfile assets "$assets" --arg time "$(date -u -d "@$SOURCE_DATE_EPOCH" +%FT%TZ)" '
    { bomFormat: "CycloneDX", specVersion: "1.5", version: 1,
      metadata: { timestamp: $time, component: { type: "application", name: $name, version: $version } },
      components: [ $packages | split("\n")[] | select(. != "") | split("/") as [$id, $v]
        | { type: "library", name: $id, version: $v, purl: "pkg:nuget/\($id)@\($v)",
            hashes: [ { alg: "SHA-512", content: ($assets[0].libraries["\($id)/\($v)"].sha512 // "") } ] } ] }' \
    >"$output/$1.cdx.json"
  {
    echo "Libraries inside $1 $version and their licences, as their packages state them."
    while IFS=/ read -r id v; do
      spec=$(find "$(packages_folder)/${id,,}/$v" -maxdepth 1 -name '*.nuspec' 2>/dev/null | head -1)
      printf '\n%s %s\n' "$id" "$v"
      [ -n "$spec" ] || { echo "  licence: not found"; continue; }
      sed -n 's:.*<copyright>\(.*\)</copyright>.*:  \1:p; s:.*<license type="expression">\(.*\)</license>.*:  licence\: \1:p; s:.*<licenseUrl>\(.*\)</licenseUrl>.*:  \1:p' "$spec" | sort -u
    done <"$packages"
  } >"$output/$1.THIRD-PARTY-NOTICES.txt"
}
packages_folder() { dotnet nuget locals global-packages --list | sed 's/^global-packages: //'; }

if needs jq sbom; then
  sbom netbird-agent agent/NetBird.Agent
  sbom netbird-controlplane controlplane/NetBird.ControlPlane
fi
