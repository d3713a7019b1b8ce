//! Several starts against one location: as threads, which lock the file as processes do, and as a process that is
//! killed.

use std::{
    env,
    io::{BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::{Command, Stdio},
    sync::atomic::AtomicUsize,
};

use interprocess::local_socket::traits::Stream as _;

use super::*;

fn arrival(code: &str) -> Arrival {
    Arrival::from_args(&env::temp_dir(), [code.into()]).unwrap()
}

fn code() -> Arrival {
    arrival("acid-coyote-mustard-tulip")
}

struct Setting {
    folder: tempfile::TempDir,
}

impl Setting {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn location(&self) -> InstanceLocation {
        InstanceLocation::within(self.folder.path(), "test").unwrap()
    }

    fn first(&self) -> Listener {
        match self.start(&Arrival::default()).unwrap() {
            Claim::First(listener) => listener,
            Claim::HandedOver => panic!("nobody else was there"),
        }
    }

    fn start(&self, arrival: &Arrival) -> Result<Claim, InstanceError> {
        claim_at(&self.location(), arrival, PATIENCE)
    }
}

/// A window that takes arrivals whenever it is woken, until it has `count` of them.
fn window(listener: Listener, count: usize) -> JoinHandle<Vec<Arrival>> {
    let (wake, woken) = mpsc::sync_channel(64);
    listener.wake_with(move || {
        let _ = wake.try_send(());
    });
    thread::spawn(move || {
        let mut taken = Vec::new();
        while taken.len() < count && woken.recv_timeout(Duration::from_secs(10)).is_ok() {
            taken.extend(std::iter::from_fn(|| listener.next()));
        }
        taken
    })
}

#[test]
fn a_second_start_hands_over_and_the_window_takes_it() {
    let setting = Setting::new();
    let window = window(setting.first(), 2);
    for arrival in [code(), Arrival::default()] {
        assert!(matches!(setting.start(&arrival), Ok(Claim::HandedOver)));
    }
    assert_eq!(window.join().unwrap(), [code(), Arrival::default()]);
}

#[test]
fn of_many_starts_at_once_one_is_the_first_and_all_others_reach_it() {
    const STARTS: usize = 12;
    let setting = Setting::new();
    let firsts = AtomicUsize::new(0);
    let taken = thread::scope(|scope| {
        let starts: Vec<_> = (0..STARTS)
            .map(|_| {
                scope.spawn(|| match setting.start(&code()).unwrap() {
                    Claim::First(listener) => {
                        firsts.fetch_add(1, Ordering::Relaxed);
                        Some(window(listener, STARTS - 1))
                    }
                    Claim::HandedOver => None,
                })
            })
            .collect();
        starts.into_iter().find_map(|start| start.join().unwrap()).unwrap()
    });
    assert_eq!(firsts.into_inner(), 1);
    assert_eq!(taken.join().unwrap().len(), STARTS - 1);
}

#[test]
fn what_comes_while_the_window_opens_waits_for_it() {
    let setting = Setting::new();
    let listener = setting.first();
    assert!(matches!(setting.start(&code()), Ok(Claim::HandedOver)));
    assert_eq!(window(listener, 1).join().unwrap(), [code()]);
}

#[test]
fn a_window_that_hangs_is_noticed_and_never_takes_it_later() {
    let setting = Setting::new();
    let listener = setting.first();
    listener.wake_with(|| ());
    let began = Instant::now();
    assert!(matches!(setting.start(&code()), Err(InstanceError::NoAnswer)));
    assert!(began.elapsed() < PATIENCE * 3);
    // A second try was made in the remaining time, and is withdrawn as well.
    thread::sleep(TAKE_LIMIT);
    assert_eq!(listener.next(), None);
}

#[test]
fn a_window_that_closes_makes_room_for_the_next() {
    let setting = Setting::new();
    let listener = setting.first();
    listener.wake_with(|| ());
    let starting = thread::spawn({
        let location = setting.location();
        move || claim_at(&location, &code(), PATIENCE)
    });
    thread::sleep(Duration::from_millis(300));
    drop(listener);
    assert!(matches!(starting.join().unwrap(), Ok(Claim::First(_))));
}

/// Catches a listener that waits for ever while the window waits for it: on a named pipe, a connection that is closed
/// before it is accepted doesn't count.
#[test]
fn a_window_that_closes_at_once_closes() {
    let setting = Setting::new();
    for _ in 0..200 {
        drop(setting.first());
    }
}

#[test]
fn nonsense_is_not_taken_and_does_no_harm() {
    let setting = Setting::new();
    let listener = setting.first();
    let location = setting.location();
    let huge = u32::MAX.to_le_bytes();
    for bytes in
        [&b""[..], &[0; 4], &huge, &[2, 0, 0, 0, 1, 9], &[5, 0, 0, 0, 1, 0, 0, 0, 0], b"GET / HTTP/1.1\r\n"]
    {
        let mut stream = location.connection().unwrap().connect_sync().unwrap();
        stream.set_nonblocking(false).unwrap();
        stream.write_all(bytes).unwrap();
        drop(stream);
    }
    // This sends half a message and then nothing.
    let mut slow = location.connection().unwrap().connect_sync().unwrap();
    slow.write_all(&[200, 0]).unwrap();
    let mut other_version = location.connection().unwrap().connect_sync().unwrap();
    other_version.write_all(&[1, 0, 0, 0, 99]).unwrap();
    let mut answer = [9];
    other_version.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [0]);
    assert!(matches!(setting.start(&code()), Ok(Claim::HandedOver)));
    assert_eq!(window(listener, 1).join().unwrap(), [code()]);
}

/// Not a test by itself, but the first start, in a process that the next test kills.
#[test]
fn holds_the_claim_for_another_test() {
    let Some(folder) = env::var_os("CAIMAN_TEST_HOLDER") else { return };
    let location = InstanceLocation::within(&PathBuf::from(folder), "test").unwrap();
    let claim = claim_at(&location, &Arrival::default(), PATIENCE).unwrap();
    let Claim::First(listener) = claim else { panic!("another instance holds it") };
    let window = window(listener, 1);
    println!("\nholding");
    println!("\ntook {}", window.join().unwrap().len());
    thread::sleep(Duration::from_mins(1));
}

#[test]
fn a_crash_leaves_nothing_that_hinders_the_next_start() {
    let setting = Setting::new();
    let mut holder = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "app::desktop::instance::tests::holds_the_claim_for_another_test"])
        .env("CAIMAN_TEST_HOLDER", setting.folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line == "holding"));
    assert!(matches!(setting.start(&code()), Ok(Claim::HandedOver)));
    assert!(lines.any(|line| line == "took 1"));
    holder.kill().unwrap();
    holder.wait().unwrap();
    drop(setting.first());
    drop(setting.first());
}

#[cfg(unix)]
#[test]
fn only_this_user_can_reach_the_socket() {
    use std::{fs, os::unix::fs::PermissionsExt};

    let setting = Setting::new();
    let folder = setting.folder.path().join("caiman-window");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let _listener = setting.first();
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    // A symbolic link in its place would be followed, but only this user can have put it there.
    assert!(InstanceLocation::within(&setting.folder.path().join("missing"), "test").is_err());
}

#[test]
fn names_become_plain_ones() {
    let setting = Setting::new();
    let location = InstanceLocation::within(setting.folder.path(), &"../ü ".repeat(20)).unwrap();
    let lock = location.open_lock().unwrap();
    lock.try_lock().unwrap();
    let folder = setting.folder.path().join("caiman-window");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1);
}
