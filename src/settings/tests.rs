//! What is saved comes back, and an entry that can't be read affects as little as possible.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::store::Flaw;

fn fixture(text: &str) -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(FILE_NAME), text).unwrap();
    let store = Store::at(folder.path());
    (folder, store)
}

/// The settings in `text`, and the keys that were ignored.
fn read(text: &str) -> (Settings, Vec<String>) {
    let (_folder, store) = fixture(text);
    let loaded = Settings::look(&store);
    let keys = match loaded.problem {
        None => Vec::new(),
        Some(Problem::BadEntries { entries, .. }) => entries.into_iter().map(|entry| entry.key).collect(),
        Some(problem) => panic!("{problem}"),
    };
    (loaded.settings, keys)
}

fn text_of(folder: &TempDir) -> String {
    fs::read_to_string(folder.path().join(FILE_NAME)).unwrap()
}

fn everything_set() -> Settings {
    let mut first = SavedRelay::new("relay.example".parse().unwrap());
    first.password = Some("lagoon".into());
    first.name = Some("Büro \"1\"".to_owned());
    let mut host = HostRelay { port: 9000, start_with_window: true, ..HostRelay::default() };
    host.data_ports = "9001-9003".parse().unwrap();
    host.password = Some("swamp".into());
    let mut croc_relay = SavedRelay::new("relay.example:9009".parse().unwrap());
    croc_relay.password = Some("basking".into());
    let mut croc = CrocSettings::default();
    (croc.sends, croc.version_10, croc.relays) = (true, false, vec![croc_relay]);
    Settings {
        relays: vec![first, SavedRelay::new("[2001:db8::1]:9".parse().unwrap())],
        internet: false,
        iroh_relays: vec!["https://relay.example.org".parse().unwrap()],
        internet_told: true,
        first_steps_done: true,
        croc,
        host,
        proxy: "socks5://ada:lovelace@proxy.example:1080".parse().unwrap(),
        name: Some("Ann's \"laptop\"".parse().unwrap()),
        tell_name: false,
        save_folder: Some(PathBuf::from("C:\\Users\\x\\Übertragung")),
        path_mode: PathMode::RelayOnly,
        direct_port: NonZeroU16::new(27_010),
        map_port: true,
        lanes: 3,
        bytes_per_sec: Some(20_000_000),
        code_words: 6,
        receivers: 5,
        appearance: Appearance::Dark,
        scale: 1.1,
        language: Some("de".to_owned()),
        notifications: false,
        keep_awake: false,
        closing: Closing::KeepRunning,
        window_system: WindowSystem::X11,
        reduce_motion: ReduceMotion::On,
        window: Some(WindowSize { width: 900, height: 700 }),
        other: Table::new(),
    }
}

#[test]
fn without_a_file_everything_is_as_usual() {
    let folder = tempfile::tempdir().unwrap();
    let loaded = Settings::load(&Store::at(folder.path()));
    assert!(loaded.problem.is_none());
    assert_eq!(loaded.settings, Settings::default());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "looking leaves no trace");
    let settings = loaded.settings;
    assert_eq!((settings.lanes, settings.code_words, settings.host.port), (32, 4, 27001));
    assert_eq!(settings.host.data_ports.to_string(), "27002-27009");
    assert!(settings.notifications && settings.keep_awake && !settings.host.start_with_window);
}

#[test]
fn what_is_saved_comes_back() {
    for settings in [Settings::default(), everything_set()] {
        let (_folder, store) = fixture("");
        settings.save(&store).unwrap();
        let loaded = Settings::load(&store);
        assert!(loaded.problem.is_none(), "{:?}", loaded.problem);
        assert_eq!(loaded.settings, settings);
    }
}

#[test]
fn a_person_can_read_the_file() {
    let (folder, store) = fixture("");
    everything_set().save(&store).unwrap();
    let text = text_of(&folder);
    for line in [
        "# Caiman's settings. A key that is missing has its usual value.",
        "[[relay]]",
        "address = \"relay.example:27001\"",
        "password = \"lagoon\"",
        "[host]",
        "data_ports = \"9001-9003\"",
        "scale = 1.1",
        "appearance = \"dark\"",
        "[window]",
    ] {
        assert!(text.lines().any(|written| written == line), "{line} in\n{text}");
    }
}

#[test]
fn keys_of_a_newer_version_survive() {
    let (folder, store) = fixture(
        "shape = 'round'\n[[relay]]\naddress = 'a'\ncolour = 'red'\n[host]\nspeed = { up = 1 }\n[paths]\nmode = 'direct'\n",
    );
    let mut loaded = Settings::load(&store);
    assert!(loaded.problem.is_none());
    loaded.settings.lanes = 2;
    loaded.settings.save(&store).unwrap();
    let table: Table = text_of(&folder).parse().unwrap();
    assert_eq!(table["lanes"].as_integer(), Some(2));
    assert_eq!(table["shape"].as_str(), Some("round"));
    assert_eq!(table["relay"][0]["colour"].as_str(), Some("red"));
    assert_eq!(table["host"]["speed"]["up"].as_integer(), Some(1));
    assert_eq!(table["paths"]["mode"].as_str(), Some("direct"));
}

#[test]
fn each_bad_value_gives_way_to_its_default_and_is_named() {
    for (text, key) in [
        ("name = ' '", "name"),
        ("name = \"a\\nb\"", "name"),
        ("name = 1", "name"),
        ("tell_name = 'yes'", "tell_name"),
        ("direct_port = 65536", "direct_port"),
        ("map_port = 'yes'", "map_port"),
        ("lanes = 0", "lanes"),
        ("lanes = 33", "lanes"),
        ("lanes = 70000", "lanes"),
        ("lanes = '8'", "lanes"),
        ("code_words = 3", "code_words"),
        ("code_words = 7", "code_words"),
        ("bytes_per_sec = 0", "bytes_per_sec"),
        ("bytes_per_sec = -1", "bytes_per_sec"),
        ("appearance = 'sepia'", "appearance"),
        ("scale = 2.01", "scale"),
        ("scale = nan", "scale"),
        ("scale = inf", "scale"),
        ("language = 1", "language"),
        ("save_folder = false", "save_folder"),
        ("notifications = 'yes'", "notifications"),
        ("keep_awake = 1", "keep_awake"),
        ("window_system = 'wayland'", "window_system"),
        ("reduce_motion = true", "reduce_motion"),
        ("window = 'large'", "window"),
        ("croc = 'on'", "croc"),
        ("[croc]\nsends = 1", "croc: sends"),
        ("[croc]\nversion_10 = 'no'", "croc: version_10"),
        ("[croc]\nrelay = 'relay.example'", "croc: relay"),
        ("[[croc.relay]]\naddress = '?'", "croc: relay 1: address"),
        ("host = 27001", "host"),
        ("relay = 'relay.example'", "relay"),
        ("[host]\nport = 65536", "host: port"),
        ("[host]\ndata_ports = '5-3'", "host: data_ports"),
        ("[host]\ndata_ports = 27002", "host: data_ports"),
        ("[host]\npassword = 4711", "host: password"),
        ("[host]\nstart_with_window = 'no'", "host: start_with_window"),
        ("[window]\nwidth = 900\nheight = 0", "window: height"),
        ("[[relay]]", "relay 1: address"),
        ("[[relay]]\naddress = 'not a host'", "relay 1: address"),
        ("relay = [1]", "relay 1: address"),
    ] {
        assert_eq!(read(text), (Settings::default(), vec![key.to_owned()]), "{text}");
    }
}

#[test]
fn a_bad_value_costs_nothing_else() {
    let (settings, bad) = read(
        "lanes = 0\nscale = 2\nappearance = 'light'\n\
         [[relay]]\naddress = 'a'\npassword = 1\n[[relay]]\naddress = '?'\n[[relay]]\naddress = 'c'\n\
         [host]\nport = -1\nstart_with_window = true\n[window]\nwidth = 900\n",
    );
    assert_eq!(bad, ["relay 1: password", "relay 2: address", "host: port", "lanes"]);
    let addresses: Vec<_> = settings.relays.iter().map(|relay| relay.address.to_string()).collect();
    assert_eq!(addresses, ["a:27001", "c:27001"]);
    assert_eq!((settings.lanes, settings.scale, settings.appearance), (32, 2.0, Appearance::Light));
    assert!(settings.host.start_with_window);
    assert_eq!(settings.window, None);
}

#[test]
fn a_croc_relay_has_crocs_port_unless_another_is_named() {
    let (settings, bad) = read("[[croc.relay]]\naddress = 'a'\n[[croc.relay]]\naddress = 'b:9'\n");
    assert!(bad.is_empty(), "{bad:?}");
    let addresses: Vec<_> = settings.croc.relays.iter().map(|relay| relay.address.to_string()).collect();
    assert_eq!(addresses, ["a:9009", "b:9"]);
    assert!(settings.relays.is_empty());
}

#[test]
fn empty_text_is_none() {
    let (settings, bad) = read("language = ''\nsave_folder = ''\n[[relay]]\naddress = 'a'\npassword = ''\n");
    assert!(bad.is_empty(), "{bad:?}");
    assert_eq!((settings.language, settings.save_folder), (None, None));
    assert!(settings.relays[0].password.is_none());
}

#[test]
fn a_message_says_what_to_write_and_repeats_no_password() {
    let (_folder, store) = fixture("lanes = 99\n[[relay]]\naddress = 'a'\npassword = 4711\n");
    let said = Settings::load(&store).problem.unwrap().to_string();
    assert!(said.contains("“lanes” must be a number from 1 to 32"), "{said}");
    assert!(said.contains("“relay 1: password” must be text in quotation marks"), "{said}");
    assert!(!said.contains("4711"), "{said}");
    let shown = format!("{:?}", everything_set());
    assert!(["lagoon", "swamp", "basking"].iter().all(|password| !shown.contains(password)), "{shown}");
}

#[test]
fn a_file_that_is_no_toml_is_moved_aside_and_said() {
    let (folder, store) = fixture("lanes = 4\nscale =\n");
    let looked = Settings::look(&store).problem.unwrap();
    assert!(matches!(looked, Problem::Broken { kept: None, .. }));
    assert_eq!(text_of(&folder), "lanes = 4\nscale =\n", "looking touches nothing");

    let loaded = Settings::load(&store);
    assert_eq!(loaded.settings, Settings::default());
    let Some(Problem::Broken { flaw: Flaw::NotToml { line: 2, .. }, kept: Some(kept), .. }) = loaded.problem
    else {
        panic!("{:?}", loaded.problem)
    };
    assert_eq!(kept, folder.path().join("settings.broken-1.toml"));
    assert_eq!(fs::read_to_string(&kept).unwrap(), "lanes = 4\nscale =\n");
    assert!(Settings::load(&store).problem.is_none(), "it is told once");
}

#[test]
fn saving_keeps_what_it_could_not_read_whole() {
    for text in ["lanes = 99\nscale = 1.5\n", "no settings at all"] {
        let (folder, store) = fixture(text);
        let settings = Settings::look(&store).settings;
        for _ in 0..2 {
            settings.save(&store).unwrap();
        }
        let aside = folder.path().join("settings.broken-1.toml");
        assert_eq!(fs::read_to_string(aside).unwrap(), text);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "once is enough");
        assert_eq!(Settings::load(&store).settings, settings);
    }
}

#[test]
fn settings_that_can_not_be_read_are_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(FILE_NAME)).unwrap();
    let store = Store::at(folder.path());
    let loaded = Settings::load(&store);
    assert!(matches!(loaded.problem, Some(Problem::Unreadable { .. })));
    assert_eq!(loaded.settings, Settings::default());
    assert!(matches!(loaded.settings.save(&store), Err(SaveError::InTheWay(_))));
    assert!(folder.path().join(FILE_NAME).is_dir());
}

#[test]
fn the_first_relay_is_the_default_and_passwords_are_found_by_address() {
    let mut settings = Settings::default();
    assert!(settings.default_relay().is_none());
    let mut relay = SavedRelay::new("Relay.Example:9".parse().unwrap());
    relay.password = Some("lagoon".into());
    settings.relays = vec![SavedRelay::new("first".parse().unwrap()), relay];
    assert_eq!(settings.default_relay().unwrap().address.host(), "first");
    let password = |address: &str| {
        let found = settings.password_for(&address.parse().unwrap());
        found.map(|password| password.as_str().to_owned())
    };
    assert_eq!(password("relay.example:9").as_deref(), Some("lagoon"));
    for other in ["first", "relay.example", "relay.example:10"] {
        assert_eq!(password(other), None, "{other}");
    }
}

#[test]
fn received_files_go_to_the_chosen_folder_or_to_one_that_exists() {
    let chosen = Settings { save_folder: Some(PathBuf::from("/gone")), ..Settings::default() };
    assert_eq!(chosen.save_folder(), PathBuf::from("/gone"));
}

#[test]
fn they_never_go_to_the_home_folder_itself() {
    let home = tempfile::tempdir().unwrap();
    let (made, downloads) = (home.path().join("Caiman"), home.path().join("Downloads"));
    for _ in 0..2 {
        assert_eq!(usual_folder(home.path(), Some(&downloads)), made);
        assert!(made.is_dir());
    }
    assert_eq!(usual_folder(home.path(), None), made);
    fs::create_dir(&downloads).unwrap();
    assert_eq!(usual_folder(home.path(), Some(&downloads)), downloads);
    assert_eq!(
        usual_folder(home.path(), None),
        downloads,
        "a small desktop has no list of the user's folders"
    );
    fs::remove_dir(&made).unwrap();
    fs::remove_dir(&downloads).unwrap();
    fs::write(&made, "a file").unwrap();
    // That is where the user looks for it, and the offer tells why it is of no use.
    assert_eq!(usual_folder(home.path(), None), made);
}

#[cfg(unix)]
#[test]
fn a_folder_that_toml_can_not_hold_costs_nothing_else() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let (_folder, store) = fixture("");
    let odd = PathBuf::from(OsStr::from_bytes(b"/odd/\xff"));
    let settings = Settings { save_folder: Some(odd), lanes: 2, ..Settings::default() };
    settings.save(&store).unwrap();
    let loaded = Settings::load(&store);
    assert!(loaded.problem.is_none());
    assert_eq!((loaded.settings.lanes, loaded.settings.save_folder), (2, None));
}

#[test]
fn a_computer_has_the_name_that_its_user_gave_it_and_tells_it_unless_that_is_switched_off() {
    let (mut settings, _) = read("name = \"Ann's laptop\"");
    assert_eq!(settings.told_name().unwrap().as_str(), "Ann's laptop");
    settings.tell_name = false;
    assert_eq!((settings.told_name(), settings.own_name().unwrap().as_str()), (None, "Ann's laptop"));
    let (unnamed, _) = read("");
    assert_eq!((unnamed.own_name(), unnamed.told_name()), (host_name(), host_name()));
}
