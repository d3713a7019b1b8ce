//! Which files do something when they are opened, in place of being shown: programs, scripts, installers, links that start
//! something, images that are mounted. What a peer has sent is never opened like that. Called by `app::desktop`.
//!
//! The list holds for every system, because a file may be opened on another one. It is generous: a file that is taken for a
//! program is shown in its folder, where the user can still open it.

use std::{fs, path::Path};

/// The endings of files that do something when they are opened, in lower case.
const ENDINGS: &str = "
    8bf ade adp air apk app appimage application applescript appinstaller appref-ms appx appxbundle asp bash bat bin bundle
    cab cdxml chm class cmd cmdline com command cpl crx csh csproj deb desktop dex diagcab dll dmg dylib elf exe
    fileloc fish flatpak flatpakref flatpakrepo fxp gadget grp hlp hpj hta htc img inetloc inf ins ipa iso isp its jar js
    jnlp jse kext ksh lib library-ms lnk lua mad maf mag mam maq mar mas mat mau mav maw mcf mda mdb mde mdt mdw mdz
    mobileconfig mof mpkg msc msh msh1 msh1xml msh2 msh2xml mshxml msi msix msixbundle msp mst msu ocx ops osax
    osd out pcd perl phar php pif pkg pl plg plugin ppkg prefpane prf prg ps1 ps1xml ps2 ps2xml psc1 psc2 psd1 psdm1 psm1 pssc
    py pyc pyo pyw pyz pyzw qll rb rdp reg rpm run saver scf scpt scptd scr sct search-ms service settingcontent-ms sh shar shb
    shs slk snap so sys tcl term terminal theme themepack tool udl url vb vbe vbp vbs vhd vhdx vmdk vsmacros vsw vxd wasm
    webloc webpnp website wflow workflow ws wsb wsc wsf wsh xbap xip xll xnk xpi zsh";

/// How programs begin, whatever they are called: ELF, the forms of Mach-O, and a script's first line.
#[cfg(unix)]
const BEGINNINGS: [&[u8]; 7] = [
    b"\x7fELF",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"#!",
];

/// Whether opening what is at `path` may do more than show it. So it is for what can't be examined. Blocks on the disk.
pub fn is_program(path: &Path) -> bool {
    // What counts is what is opened: where a link leads, and how it is called there.
    let Ok(real) = fs::canonicalize(path) else { return true };
    let Ok(metadata) = real.metadata() else { return true };
    if has_ending(path) || has_ending(&real) {
        // Some systems start a folder that is called like a program.
        return true;
    }
    if metadata.is_dir() {
        return false;
    }
    !metadata.is_file() || looks_executable(&real, &metadata)
}

fn has_ending(path: &Path) -> bool {
    let Some(name) = path.file_name() else { return false };
    // Windows ignores dots and spaces at the end.
    let name = name.to_string_lossy().to_lowercase();
    let name = name.trim_end_matches(['.', ' ']);
    let Some((_, ending)) = name.rsplit_once('.') else { return false };
    ENDINGS.split_whitespace().any(|known| known == ending)
}

#[cfg(unix)]
fn looks_executable(file: &Path, metadata: &fs::Metadata) -> bool {
    use std::{io::Read, os::unix::fs::PermissionsExt};

    if metadata.permissions().mode() & 0o111 != 0 {
        return true;
    }
    let mut beginning = Vec::new();
    let read = fs::File::open(file).and_then(|file| file.take(4).read_to_end(&mut beginning));
    read.is_err() || BEGINNINGS.iter().any(|known| beginning.starts_with(known))
}

/// On Windows only the ending of a name decides. The system's own list is added to this one.
#[cfg(windows)]
fn looks_executable(file: &Path, _metadata: &fs::Metadata) -> bool {
    let known = std::env::var("PATHEXT").unwrap_or_default().to_lowercase();
    let ending = file.extension().map(|ending| format!(".{}", ending.to_string_lossy().to_lowercase()));
    ending.is_some_and(|ending| known.split(';').any(|known| known == ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_is_known_by_its_ending_on_every_system() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "a.exe",
            "a.BAT",
            "a.cmd",
            "a.com",
            "a.scr",
            "a.lnk",
            "a.hta",
            "a.msi",
            "a.ps1",
            "a.vbs",
            "a.js",
            "a.jar",
            "a.command",
            "a.desktop",
            "a.sh",
            "a.py",
            "A.AppImage",
            "a.reg",
            "a.url",
            "photo.jpg.exe",
            "a.iso",
        ] {
            let path = folder.path().join(name);
            fs::write(&path, "x").unwrap();
            assert!(is_program(&path), "{name}");
        }
        let bundle = folder.path().join("Notes.app");
        fs::create_dir(&bundle).unwrap();
        assert!(is_program(&bundle));
    }

    #[test]
    fn what_is_only_shown_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.jpg", "a.pdf", "exe", "a.exe.txt", "a.tar.gz", "notes", ".sh", "a.docx", "a.html"] {
            let path = folder.path().join(name);
            fs::write(&path, "x").unwrap();
            assert_eq!(is_program(&path), name == ".sh", "{name}");
        }
        assert!(!is_program(folder.path()));
    }

    #[cfg(unix)]
    #[test]
    fn what_runs_is_known_by_its_execute_bit_and_its_beginning() {
        use std::os::unix::fs::{PermissionsExt, symlink};

        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for (name, content) in
            [("elf", &b"\x7fELF\x02"[..]), ("script", b"#!/bin/sh"), ("mach", b"\xcf\xfa\xed\xfe")]
        {
            fs::write(path(name), content).unwrap();
            assert!(is_program(&path(name)), "{name}");
        }
        fs::write(path("picture.jpg"), "x").unwrap();
        fs::set_permissions(path("picture.jpg"), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(is_program(&path("picture.jpg")));
        symlink("script", path("link.txt")).unwrap();
        symlink("nowhere", path("dangling.txt")).unwrap();
        assert!(
            is_program(&path("link.txt")) && is_program(&path("dangling.txt")) && is_program(&path("gone"))
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success() && is_program(&pipe));
    }
}
