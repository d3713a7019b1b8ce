{
  description = "Caiman: send files from one computer to another with four words, end-to-end encrypted";

  # The newest branch, because Caiman needs a Rust of 2026.
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
      manifest = (lib.importTOML ./Cargo.toml).package;

      caiman =
        pkgs:
        let
          inherit (pkgs.stdenv.hostPlatform) isLinux;
          # The window opens these when it starts. NixOS has them in no folder where a program looks by itself.
          libraries = with pkgs; [
            dbus
            libGL
            libx11
            libxcb
            libxcursor
            libxi
            libxkbcommon
            wayland
          ];
        in
        pkgs.rustPlatform.buildRustPackage {
          pname = manifest.name;
          inherit (manifest) version;
          src = self;
          cargoLock.lockFile = ./Cargo.lock;
          buildType = "dist";
          cargoBuildFlags = [
            "--bin"
            "caiman"
          ];
          # The tests need networks and mounts of their own; `.ci/run` runs them.
          doCheck = false;
          nativeBuildInputs = lib.optional isLinux pkgs.makeWrapper;
          postInstall = lib.optionalString isLinux ''
            patchShebangs packaging/fill.sh packaging/linux/tree.sh
            mv $out/bin/caiman .
            packaging/linux/tree.sh ./caiman $out
            sed -i "s|=/usr/bin/caiman|=$out/bin/caiman|" $out/lib/systemd/system/caiman-relay.service
            wrapProgram $out/bin/caiman --suffix LD_LIBRARY_PATH : ${lib.makeLibraryPath libraries}
          '';
          meta = {
            inherit (manifest) description;
            license = with lib.licenses; [
              mit
              asl20
            ];
            mainProgram = "caiman";
            platforms = systems;
          };
        };
    in
    {
      packages = lib.genAttrs systems (system: {
        default = caiman nixpkgs.legacyPackages.${system};
      });
    };
}
