//! What belongs to a file beside its bytes: who may read it, a name that isn't Unicode, holes.

use std::{
    fs::{self, File, Permissions},
    io::{Seek, SeekFrom, Write},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::support::{
    engine::{BLOCK, names_in},
    noise,
    process::{Ended, Site, caiman, run},
};

/// Sends `path` and receives it with these arguments; both sides have to succeed.
fn exchange(site: &Site, path: &Path, args: &[&str]) -> (Ended, Ended) {
    let mut sending = site.send(&[path]);
    let code = sending.code();
    let received = site.receive(&[&[code.as_str(), "--yes"], args].concat()).end();
    received.exits(0);
    let sent = sending.end();
    sent.exits(0);
    (sent, received)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

/// Catches a private key that everybody on the receiver's machine can read.
#[test]
fn nobody_may_do_more_with_a_file_than_on_the_senders_machine() {
    let site = Site::new();
    let modes =
        [("top", 0o700), ("top/id", 0o600), ("top/run", 0o700), ("top/log", 0o640), ("top/all", 0o755)];
    for (name, _) in &modes[1..] {
        site.plant(name, name);
    }
    // Of several blocks, so that it is made long before it has its attributes.
    site.plant("top/large", noise(1, 3 * BLOCK));
    for (name, mode) in modes.into_iter().chain([("top/large", 0o600)]) {
        fs::set_permissions(site.source.path().join(name), Permissions::from_mode(mode)).unwrap();
    }
    exchange(&site, &site.source.path().join("top"), &[]);
    for (name, most) in modes.into_iter().chain([("top/large", 0o600)]) {
        let mode = mode(&site.to(name));
        assert_eq!(mode & !most, 0, "{name} has {mode:o}");
        assert_eq!(mode & 0o700, most & 0o700, "{name} has {mode:o}");
    }
}

/// A setuid bit, or a file that nobody can change, is not the sender's to decide.
#[test]
fn the_receiver_can_always_read_and_change_what_arrives() {
    let site = Site::new();
    let path = site.plant("file", "x");
    fs::set_permissions(&path, Permissions::from_mode(0o4555)).unwrap();
    exchange(&site, &path, &[]);
    let metadata = fs::metadata(site.to("file")).unwrap();
    assert_eq!((metadata.mode() & 0o7000, metadata.mode() & 0o700), (0, 0o700));
}

/// Catches names that are spoilt on their way, and two of them that become one.
#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_unicode_stay_as_they_are() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let site = Site::new();
    let names =
        [&b"caf\xe9"[..], b"caf\xe8", "caf\u{e9}".as_bytes(), "\u{efe9}".as_bytes(), b"\xff\xfe/\xc3"];
    let path = |folder: &Path, name: &[u8]| folder.join("top").join(OsStr::from_bytes(name));
    for name in names {
        let path = path(site.source.path(), name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    std::os::unix::fs::symlink(OsStr::from_bytes(b"caf\xe9"), path(site.source.path(), b"link")).unwrap();
    let (_, received) = exchange(&site, &site.source.path().join("top"), &[]);
    for name in names {
        assert_eq!(fs::read(path(site.target.path(), name)).unwrap(), name);
    }
    let target = fs::read_link(path(site.target.path(), b"link")).unwrap();
    assert_eq!(target.as_os_str().as_bytes(), b"caf\xe9");
    assert!(received.errors.contains(r"top/caf\xe9"), "{}", received.errors);
    assert_eq!(fs::read_dir(site.to("top")).unwrap().count(), 6);
    // The same offer again finds all of them.
    let (_, again) = exchange(&site, &site.source.path().join("top"), &[]);
    assert!(again.errors.contains(r"top/caf\xe9  4 bytes, already here"), "{}", again.errors);
}

/// Makes a file of 1 GiB with two blocks in it, and a third of zeros that were really written.
fn sparse(site: &Site) -> PathBuf {
    let path = site.source.path().join("sparse");
    let mut file = File::create(&path).unwrap();
    for (number, at) in (1..).zip([5, 1000]) {
        file.seek(SeekFrom::Start(at * BLOCK as u64 + 77)).unwrap();
        file.write_all(&noise(number, BLOCK)).unwrap();
    }
    file.seek(SeekFrom::Start(2000 * BLOCK as u64)).unwrap();
    file.write_all(&vec![0; BLOCK]).unwrap();
    file.set_len(1 << 30).unwrap();
    path
}

/// Bytes that a file takes on the disk.
fn taken(path: &Path) -> u64 {
    fs::metadata(path).unwrap().blocks() * 512
}

#[test]
fn holes_cost_nothing_on_the_way_and_stay_holes() {
    let site = Site::new();
    let path = sparse(&site);
    if taken(&path) > 1 << 29 {
        // This file system fills them.
        return;
    }
    let (_, received) = exchange(&site, &path, &["--json"]);
    let arrived = site.to("sparse");
    assert!(fs::read(&arrived).unwrap() == fs::read(&path).unwrap());
    assert!(taken(&arrived) <= 8 * BLOCK as u64, "{} bytes", taken(&arrived));
    assert!(received.event("done")["bytes"].as_u64().unwrap() <= 8 * BLOCK as u64);
    assert_eq!(received.event("offer")["bytes"], 1 << 30);
    // Standard output has no holes.
    let mut sending = site.send(&[&path]);
    let code = sending.code();
    let received = run(caiman(&["receive", &code, "--server", &site.server, "--stdout"]));
    received.exits(0);
    sending.end().exits(0);
    assert!(received.output == fs::read(&path).unwrap());
}

#[test]
fn a_file_that_is_nothing_but_a_hole_arrives() {
    let site = Site::new();
    let path = site.source.path().join("hole");
    File::create(&path).unwrap().set_len((1 << 30) + 1).unwrap();
    exchange(&site, &path, &[]);
    assert_eq!(fs::metadata(site.to("hole")).unwrap().len(), (1 << 30) + 1);
}

#[test]
fn zeros_that_were_written_take_no_room_where_they_arrive() {
    let site = Site::new();
    let path = site.plant("zeros", vec![0; 64 * BLOCK]);
    let (_, received) = exchange(&site, &path, &["--json"]);
    assert_eq!(received.event("done")["bytes"], 64 * BLOCK);
    assert_eq!(fs::read(site.to("zeros")).unwrap(), vec![0; 64 * BLOCK]);
    let filled = site.to("filled");
    fs::write(&filled, vec![1; 64 * BLOCK]).unwrap();
    assert!(taken(&site.to("zeros")) <= taken(&filled) / 8);
}

/// A copy takes such a file for an empty one.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_does_not_say_how_long_it_is_is_named() {
    let site = Site::new();
    let refused = site.send(&["/proc/cpuinfo"]).end();
    refused.exits(2);
    let message = refused.event("error")["message"].as_str().unwrap().to_owned();
    assert!(message.contains("doesn't say how long it is"), "{message}");
    assert_eq!(names_in(site.target.path()), Vec::<String>::new());
    let path = site.plant("empty", "");
    exchange(&site, &path, &[]);
    assert_eq!(fs::read(site.to("empty")).unwrap(), b"");
}
