# An OCI image of the control plane and one of the agent, each as an archive with an image layout. Sourced by build.sh.
#
# No registry and no engine is asked: the base is the few libraries that the program needs, taken from this Debian, as a
# distroless image has them. So the bytes are the same for the same commit on the same Debian release.
#   podman load -i FILE, docker load -i FILE, skopeo copy oci-archive:FILE docker://REGISTRY/NAME
. "$here/linux/layout.sh"

# base_layer FOLDER: the loader, glibc, libstdc++, OpenSSL, the certificates; an account that is not root.
base_layer() {
  local folder=$1 name path
  mkdir -p "$folder/etc" "$folder/usr/lib64" "$folder/usr/lib/x86_64-linux-gnu" "$folder/usr/share/doc"
  ln -s usr/lib "$folder/lib"
  ln -s usr/lib64 "$folder/lib64"
  ln -s usr/bin "$folder/bin"
  for name in libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libresolv.so.2 libnss_dns.so.2 libnss_files.so.2 \
    libgcc_s.so.1 libstdc++.so.6 libssl.so.3 libcrypto.so.3 libz.so.1; do
    path=$(readlink -f "/usr/lib/x86_64-linux-gnu/$name" || readlink -f "/lib/x86_64-linux-gnu/$name")
    install -m 755 "$path" "$folder/usr/lib/x86_64-linux-gnu/$name"
  done
  install -m 755 "$(readlink -f /lib64/ld-linux-x86-64.so.2)" "$folder/usr/lib64/ld-linux-x86-64.so.2"
  mkdir -p "$folder/etc/ssl/certs" "$folder/usr/lib/ssl"
  # From the package alone: what an administrator of the build machine trusts besides is nobody else's business.
  sed -n 's/^[^#!].*/&/p' /etc/ca-certificates.conf | LC_ALL=C sort | while read -r name; do
    cat "/usr/share/ca-certificates/$name"
  done >"$folder/etc/ssl/certs/ca-certificates.crt"
  ln -s /etc/ssl/certs/ca-certificates.crt "$folder/usr/lib/ssl/cert.pem"
  echo 'root:x:0:0:root:/:/sbin/nologin
netbird:x:65532:65532:netbird:/tmp:/sbin/nologin' >"$folder/etc/passwd"
  echo 'root:x:0:
netbird:x:65532:' >"$folder/etc/group"
  echo 'hosts: files dns' >"$folder/etc/nsswitch.conf"
  for name in libc6 libgcc-s1 libssl3 zlib1g ca-certificates; do
    install -D -m 644 "/usr/share/doc/$name/copyright" "$folder/usr/share/doc/$name/copyright"
  done
}

# layer FOLDER LAYOUT [OWNER]: adds FOLDER as a layer; prints its digest, its digest unpacked and its size
layer() {
  local folder=$1 blobs="$2/blobs/sha256" tar="$work/layer.tar" diff digest
  find "$folder" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
  tar -C "$folder" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner="${3:-0}" --group="${3:-0}" --numeric-owner -cf "$tar" $(ls -A "$folder" | LC_ALL=C sort)
  diff=$(sha256sum "$tar" | cut -d' ' -f1)
  gzip -9nc "$tar" >"$tar.gz"
  digest=$(sha256sum "$tar.gz" | cut -d' ' -f1)
  mv "$tar.gz" "$blobs/$digest"
  rm "$tar"
  echo "$digest $diff $(stat -c %s "$blobs/$digest")"
}
# blob FILE LAYOUT: adds a document; prints its digest and size
blob() {
  local digest
  digest=$(sha256sum "$1" | cut -d' ' -f1)
  install -m 644 "$1" "$2/blobs/sha256/$digest"
  echo "$digest $(stat -c %s "$1")"
}

oci_image() { # name project command-as-json ports-as-json environment-as-json
  local name=$1 project=$2 folder="$work/oci/$1" image="$work/oci/$1/image" time layers=() document published
  say "$name (amd64) as an OCI image"
  published=$(publish "$project" linux-x64)
  mkdir -p "$image/blobs/sha256" "$folder/app/usr/lib/$name" "$folder/app/usr/bin" "$folder/state/var/lib/$name" "$folder/state/tmp"
  [ -d "$work/oci/base" ] || base_layer "$work/oci/base"
  cp -a "$published/." "$folder/app/usr/lib/$name/"
  ln -s "../lib/$name/$name" "$folder/app/usr/bin/$name"
  install -D -m 644 "$here/linux/copyright" "$folder/app/usr/share/doc/$name/copyright"
  chmod 700 "$folder/state/var/lib/$name"
  layers=("$(layer "$work/oci/base" "$image")" "$(layer "$folder/app" "$image")" "$(layer "$folder/state" "$image" 65532)")
  time=$(date -u -d "@$SOURCE_DATE_EPOCH" +%FT%TZ)

  printf '%s\n' "${layers[@]}" | jq -Rn --arg time "$time" --arg name "$name" --arg version "$version" \
    --argjson command "$3" --argjson ports "$4" --argjson environment "$5" '[inputs | split(" ")] as $layers |
    { created: $time, architecture: "amd64", os: "linux",
      config: { User: "65532:65532", Entrypoint: ["/usr/bin/" + $name], Cmd: $command, ExposedPorts: $ports,
        Env: (["PATH=/usr/bin", "HOME=/tmp", "DOTNET_EnableDiagnostics=0"] + $environment), WorkingDir: "/tmp",
        Volumes: { ("/var/lib/" + $name): {} }, StopSignal: "SIGTERM",
        Labels: { "org.opencontainers.image.title": $name, "org.opencontainers.image.version": $version, "org.opencontainers.image.licenses": "BSD-3-Clause" } },
      rootfs: { type: "layers", diff_ids: [ $layers[] | "sha256:" + .[1] ] },
      history: [ $layers[] | { created: $time, created_by: "installers/build.sh" } ] }' >"$folder/config.json"
  document=$(blob "$folder/config.json" "$image")
  printf '%s\n' "${layers[@]}" | jq -Rn --arg config "$document" '[inputs | split(" ")] as $layers | ($config | split(" ")) as $config |
    { schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: ("sha256:" + $config[0]), size: ($config[1] | tonumber) },
      layers: [ $layers[] | { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: ("sha256:" + .[0]), size: (.[2] | tonumber) } ] }' >"$folder/manifest.json"
  document=$(blob "$folder/manifest.json" "$image")
  jq -n --arg manifest "$document" --arg name "$name" --arg version "$version" '($manifest | split(" ")) as $manifest |
    { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: [ { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: ("sha256:" + $manifest[0]), size: ($manifest[1] | tonumber),
        platform: { architecture: "amd64", os: "linux" },
        annotations: { "org.opencontainers.image.ref.name": $version, "io.containerd.image.name": ("docker.io/library/" + $name + ":" + $version) } } ] }' >"$image/index.json"
  echo '{"imageLayoutVersion":"1.0.0"}' >"$image/oci-layout"
  # The same for 'docker load' of an engine that reads no image layout yet, as 'docker save' writes it beside one.
  printf '%s\n' "${layers[@]}" | jq -Rnc --arg config "$(sha256sum "$folder/config.json" | cut -d' ' -f1)" --arg tag "$name:$version" '
    [ { Config: ("blobs/sha256/" + $config), RepoTags: [ $tag ], Layers: [ inputs | split(" ") | "blobs/sha256/" + .[0] ] } ]' >"$image/manifest.json"
  tar -C "$image" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
    -cf "$output/${name}_${version}_amd64.oci.tar" blobs index.json manifest.json oci-layout
}

if needs jq oci; then
  # Neither has root, a TUN device or a writable file system: the tunnel is the rootless one.
  oci_image netbird-controlplane controlplane/NetBird.ControlPlane '["serve"]' \
    '{"8443/tcp":{},"51820/udp":{}}' '["NETBIRD_CP_TUNNEL=rootless","NETBIRD_CP_STATE_DIR=/var/lib/netbird-controlplane"]'
  oci_image netbird-agent agent/NetBird.Agent '["up","--foreground"]' \
    '{"8788/tcp":{}}' '["NETBIRD_AGENT_TUNNEL=rootless","NETBIRD_AGENT_STATE_DIR=/var/lib/netbird-agent"]'
fi
