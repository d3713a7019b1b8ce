# For a tap. On Linux the ready program without the window, which needs no library; on macOS the whole program, built from source.
class Caiman < Formula
  desc "Send files to another computer with four words, end-to-end encrypted"
  homepage "@REPOSITORY@"
  version "@VERSION@"
  license any_of: ["MIT", "Apache-2.0"]

  on_macos do
    url "@REPOSITORY@/releases/download/v@VERSION@/caiman-@VERSION@-source.tar.xz"
    sha256 "@SHA256:caiman-@VERSION@-source.tar.xz@"

    depends_on "rust" => :build
  end

  on_linux do
    on_arm do
      url "@REPOSITORY@/releases/download/v@VERSION@/caiman-@VERSION@-linux-aarch64-static.tar.gz"
      sha256 "@SHA256:caiman-@VERSION@-linux-aarch64-static.tar.gz@"
    end

    on_intel do
      url "@REPOSITORY@/releases/download/v@VERSION@/caiman-@VERSION@-linux-x86_64-static.tar.gz"
      sha256 "@SHA256:caiman-@VERSION@-linux-x86_64-static.tar.gz@"
    end
  end

  def install
    if OS.mac?
      # Where the window's link to newer releases leads.
      ENV["CAIMAN_REPOSITORY"] = homepage
      system "cargo", "install", "--profile", "dist", "--bin", "caiman", *std_cargo_args
      doc.install "assets/third-party.txt"
    else
      bin.install "usr/bin/caiman"
      doc.install "usr/share/doc/caiman-relay/third-party.txt"
    end
    man1.mkpath
    system bin/"caiman", "man", "--out", man1
    generate_completions_from_executable(bin/"caiman", "completions")
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/caiman --version")
  end
end
