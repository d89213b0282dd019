# A CycloneDX bill of materials and the licence notices of every library inside, from what NuGet restored. Sourced by build.sh.
sbom() { # name project
  local assets="$root/artifacts/obj/$(basename "$2")/project.assets.json" packages runtime
  say "$1: bill of materials and licences"
  packages="$work/$1.packages"
  jq -r '.libraries | to_entries[] | select(.value.type == "package") | .key' "$assets" | sort -u >"$packages"
  # NuGet keeps them in base64, CycloneDX in hexadecimal.
  jq -r '.libraries | to_entries[] | select(.value.sha512) | "\(.key) \(.value.sha512)"' "$assets" | while read -r key hash; do
    printf '%s %s\n' "$key" "$(printf '%s' "$hash" | base64 -d | od -An -v -tx1 | tr -d ' \n')"
  done | jq -Rn '[inputs | split(" ") | { (.[0]): .[1] }] | add // {}' >"$work/$1.hashes"
  runtime=$(dotnet msbuild "$root/$2" -getProperty:BundledNETCoreAppPackageVersion)
  jq -n --arg runtime "$runtime" --slurpfile hashes "$work/$1.hashes" --arg name "$1" --arg version "$version" --rawfile packages "$packages" \
    --arg time "$(date -u -d "@$SOURCE_DATE_EPOCH" +%FT%TZ)" '
    { bomFormat: "CycloneDX", specVersion: "1.5", version: 1,
      metadata: { timestamp: $time, component: { type: "application", name: $name, version: $version } },
      components: [ { type: "framework", name: "Microsoft.NETCore.App", version: $runtime, purl: "pkg:nuget/Microsoft.NETCore.App.Runtime.linux-x64@\($runtime)" },
        ($packages | split("\n")[] | select(. != "") | split("/") as [$id, $v]
        | { type: "library", name: $id, version: $v, purl: "pkg:nuget/\($id)@\($v)",
            hashes: [ $hashes[0]["\($id)/\($v)"] | select(. != null) | { alg: "SHA-512", content: . } ] }) ] }' \
    >"$output/$1.cdx.json"
  {
    echo "Libraries inside $1 $version and their licences, as their packages state them."
    printf '\n.NET runtime and ASP.NET Core %s\n  Copyright (c) .NET Foundation and Contributors\n  licence: MIT\n' "$runtime"
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
