//! `caimanw` opens the window without a terminal: it hands everything to the program beside it.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

use std::{
    fs, os::unix::fs::PermissionsExt, path::Path, process::Command, sync::mpsc, thread, time::Duration,
};

/// Waits for a line in a named pipe.
fn heard(pipe: &Path) -> String {
    let (tell, told) = mpsc::channel();
    let pipe = pipe.to_owned();
    thread::spawn(move || tell.send(fs::read_to_string(pipe)));
    told.recv_timeout(Duration::from_mins(1)).expect("the program was started").unwrap()
}

/// This is one test, because a program that was just written can't be started while another thread starts one: for a moment,
/// the child process has the file open.
#[test]
fn the_program_beside_it_gets_the_arguments_and_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let launcher = folder.path().join("caimanw");
    fs::copy(env!("CARGO_BIN_EXE_caimanw"), &launcher).unwrap();
    assert!(!Command::new(&launcher).status().unwrap().success(), "there is no program beside it");

    let pipe = folder.path().join("said");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let program = folder.path().join("caiman");
    // The program doesn't end before the test has read from it.
    let script = format!("#!/bin/sh\nfor each; do echo \"<$each>\"; done >'{}'\n", pipe.display());
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let status = Command::new(&launcher).args(["two words", "", "ümläut"]).status().unwrap();
    assert!(status.success());
    assert_eq!(heard(&pipe), "<two words>\n<>\n<ümläut>\n");
}
