# layout NAME PROJECT RID FOLDER: what both deb and rpm install, under FOLDER. Sourced by deb.sh and rpm.sh.
layout() {
  local name=$1 project=$2 rid=$3 folder=$4 published
  published=$(publish "$project" "$rid")
  mkdir -p "$folder/usr/lib/$name" "$folder/usr/bin" "$folder/usr/lib/systemd/system" "$folder/usr/share/doc/$name" "$folder/etc/$name"
  cp -a "$published/." "$folder/usr/lib/$name/"
  ln -s "../lib/$name/$name" "$folder/usr/bin/$name"
  install -m 644 "$here/linux/$name.service" "$folder/usr/lib/systemd/system/"
  install -m 644 "$here/linux/copyright" "$folder/usr/share/doc/$name/copyright"
  documents "$name" "$folder"
  find "$folder" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
}

# documents NAME FOLDER: completions and the man page, made from the program's own command definitions. The build
# machine's executable makes them, so that they can be made for another architecture too.
documents() {
  local name=$1 folder=$2 program project
  case "$name" in netbird-agent) project=agent/NetBird.Agent ;; *) project=controlplane/NetBird.ControlPlane ;; esac
  program="$(publish "$project" linux-x64)/$name"
  mkdir -p "$folder/usr/share/man/man1" "$folder/usr/share/bash-completion/completions" \
    "$folder/usr/share/zsh/vendor-completions" "$folder/usr/share/fish/vendor_completions.d"
  "$program" documentation man | gzip -9n >"$folder/usr/share/man/man1/$name.1.gz"
  "$program" documentation bash >"$folder/usr/share/bash-completion/completions/$name"
  "$program" documentation zsh >"$folder/usr/share/zsh/vendor-completions/_$name"
  "$program" documentation fish >"$folder/usr/share/fish/vendor_completions.d/$name.fish"
  chmod 644 "$folder"/usr/share/man/man1/* "$folder"/usr/share/bash-completion/completions/* \
    "$folder"/usr/share/zsh/vendor-completions/* "$folder"/usr/share/fish/vendor_completions.d/*
}
