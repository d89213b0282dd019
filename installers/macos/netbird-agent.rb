# Homebrew formula; installers/build.sh fills the version and the hash in.
class NetbirdAgent < Formula
  desc "Claude Code without a key: tunnel and local endpoint"
  homepage "https://example.invalid/netbird-agent"
  url "https://example.invalid/netbird-agent_@VERSION@_osx-arm64.tar.xz"
  version "@VERSION@"
  sha256 "@SHA256@"
  depends_on arch: :arm64
  depends_on :macos

  def install
    libexec.install Dir["usr/local/lib/netbird-agent/*"]
    bin.install_symlink libexec/"netbird-agent"
  end

  service do
    run [opt_bin/"netbird-agent", "service", "run"]
    keep_alive successful_exit: false
    require_root true
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/netbird-agent version")
  end
end
