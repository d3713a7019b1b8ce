//! The real program with several receivers, or with more than one transfer to the same receiver: what each side prints, and the
//! exit codes.

use std::fs;

use crate::support::{
    engine::{BLOCK, Transfer, World},
    noise,
    process::{Running, Site, caiman, run},
};
use caiman::engine::{SendOrder, TransferError};
use tempfile::TempDir;

/// A receiver that receives into a folder of its own.
fn receive(site: &Site, code: &str) -> (Running, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join(".data");
    let mut command =
        caiman(&["receive", code, "--yes", "--json", "--patience", "0", "--server", &site.server]);
    let out = folder.path().join("in");
    fs::create_dir(&out).unwrap();
    command.arg("--out").arg(out).env("CAIMAN_DATA_DIR", data);
    (Running::start(command), folder)
}

#[test]
fn two_receivers_of_one_code() {
    let site = Site::new();
    let file = site.plant("large", noise(1, 3 * BLOCK + 1));
    let mut sending = site.send(&["--receivers".as_ref(), "2".as_ref(), file.as_os_str()]);
    let code = sending.code();
    let (one, here) = receive(&site, &code);
    let (two, there) = receive(&site, &code);
    one.end().exits(0);
    two.end().exits(0);
    let sent = sending.end();
    sent.exits(0);
    for folder in [&here, &there] {
        assert_eq!(fs::read(folder.path().join("in/large")).unwrap(), noise(1, 3 * BLOCK + 1));
    }
    let of = |event: &str, number: u64| {
        sent.events().iter().filter(|line| line["event"] == event && line["receiver"] == number).count()
    };
    for number in [1, 2] {
        assert_eq!((of("receiver", number), of("done", number)), (1, 1), "{:?}", sent.events());
    }
    let all = sent.events().into_iter().find(|line| line["event"] == "done" && line["receiver"].is_null());
    let all = all.unwrap();
    assert_eq!((&all["got"], &all["came"], &all["receivers"]), (&2.into(), &2.into(), &2.into()));
}

/// One receiver vanishes without a word; the other, which comes later, gets everything.
#[test]
fn a_receiver_that_is_killed_takes_nothing_from_another() {
    let site = Site::new();
    let file = site.plant("large", noise(1, 8 * BLOCK));
    let args = ["--receivers", "2", "--rate", "512KiB"];
    let mut args: Vec<_> = args.map(std::ffi::OsString::from).into();
    args.push(file.into());
    let mut sending = site.send(&args);
    let code = sending.code();
    let (mut killed, _gone) = receive(&site, &code);
    killed.moving();
    killed.kill();
    let (other, folder) = receive(&site, &code);
    other.end().exits(0);
    assert_eq!(fs::read(folder.path().join("in/large")).unwrap(), noise(1, 8 * BLOCK));
    let sent = sending.end();
    // A lost receiver counts as a failure of the other side.
    sent.exits(4);
    let failed: Vec<_> = sent.events().into_iter().filter(|line| line["event"] == "error").collect();
    assert!(failed.iter().all(|line| line["receiver"] == 1) && failed.len() == 1, "{failed:?}");
}

#[test]
fn a_person_reads_who_came() {
    let site = Site::new();
    let file = site.plant("small", "small");
    let mut command = caiman(&["send", "--receivers", "2", "--server", &site.server]);
    command.arg(file);
    let mut sending = Running::start(command);
    let code = sending.says("the code", |line| line.strip_prefix("Code:  ").map(str::to_owned));
    for _ in 0..2 {
        receive(&site, &code).0.end().exits(0);
    }
    let sent = sending.end();
    sent.exits(0);
    for (who, what) in [
        ("Receiver 1 of 2", "has come."),
        ("Receiver 2 of 2", "Done: 1 entry"),
        ("All 2 receivers", "got everything"),
    ] {
        // What the receiver's computer is called may stand between the two.
        let is_said = sent.errors.lines().any(|line| line.starts_with(who) && line.contains(what));
        assert!(is_said, "{who}, {what} in {}", sent.errors);
    }
}

#[test]
fn standard_input_goes_to_one_receiver_only() {
    let sent = run(caiman(&["send", "--receivers", "2", "-"]));
    sent.exits(2);
    assert!(sent.errors.contains("standard input can be read only once"), "{}", sent.errors);
    run(caiman(&["send", "--receivers", "17", "file"])).exits(2);
    run(caiman(&["send", "--receivers", "0", "file"])).exits(2);
}

/// A send that takes two seconds, `caiman receive` with these further arguments on the other side, and a send that follows
/// while the first one still runs. The first one uses one lane, so that its first block arrives long before its last.
async fn with_more(world: &World, args: &[&str]) -> (Running, Transfer, Transfer) {
    fs::write(world.from("first"), noise(1, 4 * BLOCK)).unwrap();
    fs::write(world.from("more"), "more").unwrap();
    let order =
        SendOrder { lanes: 1, bytes_per_sec: Some(512 * 1024), ..world.send_order(world.paths(&["first"])) };
    let mut sending = world.sender.send(order);
    let code = sending.code().await.to_string();
    let server = world.relay.addr.to_string();
    let fixed = ["receive", &code, "--patience", "0", "--server", &server];
    let receiving = Running::start(caiman(&[&fixed, args].concat()));
    sending.moving().await;
    let after = Some(sending.id);
    let following = world.sender.send(SendOrder { after, ..world.send_order(world.paths(&["more"])) });
    (receiving, sending, following)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_sender_has_more_comes_next() {
    let world = World::new().await;
    let out = world.target.path().to_str().unwrap().to_owned();
    let (receiving, mut sending, mut following) =
        with_more(&world, &["--yes", "--json", "--out", &out]).await;
    tokio::join!(sending.report(), following.report());
    let received = tokio::task::block_in_place(|| receiving.end());
    received.exits(0);
    assert_eq!(received.event("invited")["taken"], true);
    assert_eq!(received.events().iter().filter(|event| event["event"] == "done").count(), 2);
    assert_eq!(fs::read(world.to("first")).unwrap(), noise(1, 4 * BLOCK));
    assert_eq!(fs::read_to_string(world.to("more")).unwrap(), "more");
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_output_takes_one_thing_and_says_so() {
    let world = World::new().await;
    let (receiving, mut sending, mut following) = with_more(&world, &["--stdout"]).await;
    sending.report().await;
    let received = tokio::task::block_in_place(|| receiving.end());
    received.exits(0);
    assert_eq!(received.output, noise(1, 4 * BLOCK));
    assert!(received.errors.contains("has more to send. It is not received"), "{}", received.errors);
    assert!(matches!(following.error().await, TransferError::PeerGone));
}
