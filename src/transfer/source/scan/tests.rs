use super::*;
use crate::protocol::path::MAX_NAMES;

fn names(scanned: &Scanned) -> Vec<&str> {
    scanned.manifest.entries().iter().map(|entry| entry.path.as_str()).collect()
}

fn scan_now(paths: &[PathBuf]) -> Scanned {
    scan(paths, &CancellationToken::new()).unwrap()
}

#[test]
fn folders_come_before_what_is_in_them_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let top = folder.path().join("top");
    fs::create_dir_all(top.join("b/c")).unwrap();
    fs::create_dir_all(top.join("a")).unwrap();
    for file in ["z", "b/c/y", "a/x", "b/w"] {
        fs::write(top.join(file), file).unwrap();
    }
    let scanned = scan_now(&[top]);
    assert_eq!(
        names(&scanned),
        ["top", "top/a", "top/b", "top/z", "top/a/x", "top/b/c", "top/b/w", "top/b/c/y"]
    );
}

#[test]
fn what_is_in_a_folder_is_listed_as_people_count() {
    let folder = tempfile::tempdir().unwrap();
    let top = folder.path().join("top");
    fs::create_dir(&top).unwrap();
    for file in ["10.jpg", "9.jpg", "B", "a"] {
        fs::write(top.join(file), file).unwrap();
    }
    assert_eq!(names(&scan_now(&[top])), ["top", "top/9.jpg", "top/10.jpg", "top/a", "top/B"]);
}

#[test]
fn chosen_paths_that_end_alike_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<_> = ["1/x.txt", "2/x.txt"].map(|path| folder.path().join(path)).into();
    for path in &paths {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    assert_eq!(names(&scan_now(&paths)), ["x.txt", "x (2).txt"]);
}

#[test]
fn the_same_path_spelled_in_two_ways_is_listed_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inner/x");
    fs::create_dir(folder.path().join("inner")).unwrap();
    fs::write(&path, "").unwrap();
    let again = folder.path().join("inner/../inner/./x");
    assert_eq!(names(&scan_now(&[path, again])), ["x"]);
}

#[test]
fn a_list_grows_by_what_can_be_read_and_keeps_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["a", "b"] {
        fs::create_dir(path(name)).unwrap();
        fs::write(path(name).join("x"), name).unwrap();
    }
    let first = scan_now(&[path("a"), path("a/x")]);
    let held = Arc::clone(&first.manifest);
    // With the file gone, a second look at it would be noticed.
    fs::remove_file(path("a/x")).unwrap();
    let added = ["a", "b/x", "missing", "b"].map(path).into();
    let (grown, failures) = first.extended(added, &CancellationToken::new()).unwrap();
    assert_eq!(names(&grown), ["a", "a/x", "x", "x (2)", "b", "b/x"]);
    assert_eq!(grown.origins.len(), 6);
    assert_eq!(grown.origins[3].path, path("b/x"));
    assert_eq!((grown.manifest.files(), grown.manifest.bytes()), (4, 4));
    assert_eq!(held.entries().len(), 3);
    assert_eq!(failures.len(), 1);
    assert!(matches!(&failures[0], (failed, TransferError::File { .. }) if *failed == path("missing")));
}

#[test]
fn what_is_removed_from_a_list_goes_with_what_is_in_it_and_the_last_one_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir_all(path("a/in")).unwrap();
    for name in ["a/in/x", "b", "c"] {
        fs::write(path(name), name).unwrap();
    }
    let scanned = scan_now(&["a", "b", "c"].map(path));
    let (scanned, removed) = scanned.without("a").unwrap();
    assert_eq!((names(&scanned), removed), (vec!["b", "c"], Some(path("a"))));
    assert_eq!(
        scanned.origins.iter().map(|origin| &origin.path).collect::<Vec<_>>(),
        [&path("b"), &path("c")]
    );
    let (scanned, removed) = scanned.without("nowhere").unwrap();
    assert_eq!((names(&scanned), removed), (vec!["b", "c"], None));
    // What was removed can be added again.
    let (scanned, _) = scanned.extended(vec![path("a")], &CancellationToken::new()).unwrap();
    let (scanned, _) = scanned.without("b").unwrap();
    let (scanned, _) = scanned.without("c").unwrap();
    let (scanned, removed) = scanned.without("a").unwrap();
    assert_eq!((names(&scanned), removed), (vec!["a", "a/in", "a/in/x"], None));
}

#[test]
fn what_has_changed_since_it_was_listed_is_listed_as_it_is_now() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir_all(path("1/in")).unwrap();
    fs::create_dir(path("2")).unwrap();
    for name in ["1/in/x", "2/x", "edited", "gone", "kept"] {
        fs::write(path(name), "old").unwrap();
    }
    let listed = || scan_now(&["1", "edited", "gone", "kept", "2/x", "1/in/x"].map(path));
    let (same, has_changed) = listed().renewed(&CancellationToken::new()).unwrap();
    assert!(!has_changed && names(&same).ends_with(&["x", "x (2)"]), "{:?}", names(&same));
    let listed = listed();
    fs::write(path("edited"), "longer").unwrap();
    fs::write(path("1/in/new"), "new").unwrap();
    fs::remove_file(path("gone")).unwrap();
    fs::write(path("2/other"), "replaced").unwrap();
    fs::rename(path("2/other"), path("2/x")).unwrap();
    let (now, has_changed) = listed.renewed(&CancellationToken::new()).unwrap();
    assert!(has_changed);
    assert_eq!(
        names(&now),
        ["1", "1/in", "1/in/new", "1/in/x", "edited", "kept", "x", "x (2)"],
        "each keeps its place and its name"
    );
    let size =
        |name: &str| now.manifest.entries().iter().find(|entry| entry.path.as_str() == name).map(Entry::size);
    assert_eq!([size("edited"), size("x"), size("x (2)")], [Some(6), Some(8), Some(3)]);
    let reason = LeftOutReason::Unreadable(io::ErrorKind::NotFound);
    assert_eq!(now.left_out, [LeftOut { path: path("gone"), reason }]);
}

#[test]
fn a_list_of_which_nothing_is_left_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    fs::write(&path, "x").unwrap();
    let listed = scan_now(std::slice::from_ref(&path));
    fs::remove_file(path).unwrap();
    let renewed = listed.renewed(&CancellationToken::new());
    assert!(matches!(renewed, Err(TransferError::File { .. })), "{renewed:?}");
}

#[test]
fn a_folder_named_by_dots_gets_its_real_name() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("real/inner");
    fs::create_dir_all(&inner).unwrap();
    assert_eq!(names(&scan_now(&[inner.join("..")])), ["real", "real/inner"]);
}

/// Going down a tree may take stack for each folder, on this side and on the other.
#[test]
fn what_is_too_deep_is_named_and_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let top = folder.path().join("d");
    let last = (1..MAX_NAMES).fold(top.clone(), |above, _| above.join("d"));
    fs::create_dir_all(&last).unwrap();
    fs::create_dir(last.join("below")).unwrap();
    fs::write(last.join("below/x"), "").unwrap();
    fs::write(last.join("y"), "").unwrap();
    let scanned = scan_now(&[top]);
    assert_eq!(scanned.manifest.entries().len(), MAX_NAMES);
    let reason = LeftOutReason::TooDeep;
    let left_out = ["below", "y"].map(|name| LeftOut { path: last.join(name), reason });
    assert_eq!(scanned.left_out, left_out);
    let said = reason.to_string();
    assert!(said.contains("256 folders") && said.contains("send one of the inner folders"), "{said}");
    assert_eq!(scan_now(&[last]).manifest.entries().len(), 4);
}

#[cfg(unix)]
#[test]
fn links_are_kept_and_those_that_lead_out_are_named() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let top = folder.path().join("top");
    fs::create_dir(&top).unwrap();
    symlink("nowhere", top.join("dangling")).unwrap();
    symlink("/etc/passwd", top.join("absolute")).unwrap();
    symlink("../../out", top.join("up")).unwrap();
    let scanned = scan_now(&[top]);
    assert_eq!(names(&scanned), ["top", "top/dangling"]);
    assert_eq!(scanned.left_out.len(), 2);
    assert_eq!(scanned.left_out[0].reason, LeftOutReason::Link(PathError::Escapes));
}

/// Catches a code that is shown and passed on although what it is for can't be read.
#[cfg(unix)]
#[test]
fn what_cannot_be_read_is_told_while_it_is_listed() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let top = folder.path().join("top");
    fs::create_dir(&top).unwrap();
    for name in ["open", "secret"] {
        fs::write(top.join(name), name).unwrap();
    }
    let secret = top.join("secret");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o0)).unwrap();
    if File::open(&secret).is_ok() {
        // An administrator may read everything.
        return;
    }
    let scanned = scan_now(&[top]);
    assert_eq!(names(&scanned), ["top", "top/open"]);
    let reason = LeftOutReason::Unreadable(io::ErrorKind::PermissionDenied);
    assert_eq!(scanned.left_out, [LeftOut { path: secret.clone(), reason }]);
    let chosen = scan(&[secret], &CancellationToken::new());
    assert!(matches!(chosen, Err(TransferError::File { .. })), "{chosen:?}");
}

#[test]
fn what_is_not_there_is_named_before_anything_starts() {
    let missing = PathBuf::from("/nowhere/at/all");
    assert!(matches!(check(&[missing]), Err(TransferError::File { .. })));
    assert!(matches!(check(&[]), Err(TransferError::Impossible(Impossible::Nothing))));
}
