//! The invariants of ARCHITECTURE.md, held against the text of `src/`. No compiler is asked: each file is cut
//! into tokens, test code is left out, and the rest is read name by name (`crate::net::io`, `.unwrap`, `println!`), with
//! `use` groups spread out and `super` resolved. That is blunt, but what it says can be checked by eye.

mod circles;
mod notices;
mod source;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use source::{flatten, module_of, names};

/// What the faces of the program may name besides what is their own: the engine, and plain data that it doesn't hand on.
const FACE: &str = "engine panics people settings history store code sync units net::client::RelayAddress \
    protocol::RelPath protocol::manifest protocol::path protocol::VERSION protocol::peer::Trouble \
    protocol::peer::Withdrawal protocol::relay::MAX_LANES protocol::relay::Refusal protocol::thumbnail \
    transfer::error transfer::meter transfer::notice transfer::offer transfer::path_mode transfer::plan::placement \
    transfer::progress transfer::show";

/// The words of a transfer that all of its rooms share.
const WORDS: &str = "transfer::error transfer::file_states transfer::notice transfer::offer transfer::path_mode transfer::progress transfer::show";

/// Invariant 1: who may name what of this crate besides what is its own. The longest module path that matches a file
/// counts; a name in capitals stands for one of the lists above. Every new module needs a line.
const LAYERS: &[(&str, &str)] = &[
    ("main", "cli"),
    ("lib", ""),
    ("cli", "FACE app"),
    ("app", "FACE app"),
    ("app::about", ""),
    ("app::model", "FACE"),
    ("app::theme", ""),
    ("app::words", "settings transfer::show units"),
    (
        "app::desktop",
        "FACE app::model app::words platform::mount platform::name_text platform::open_folder platform::os_name platform::programs",
    ),
    ("app::desktop::relocate", "FACE platform"),
    ("app::widgets", "FACE app::model app::theme app::words"),
    ("app::explain", "FACE app::model app::desktop app::error app::words"),
    ("app::views", "FACE app::about app::model app::explain app::theme app::widgets app::words"),
    (
        "settings",
        "code croc::code net::access net::client net::internet net::proxy protocol::name protocol::relay platform::host_name relay store sync transfer::croc transfer::path_mode transfer::send::MAX_RECEIVERS units",
    ),
    ("history", "store sync"),
    ("people", "crypto hex protocol::name store"),
    ("store", "sync"),
    // Only tests call it.
    (
        "fuzzing",
        "app::fuzzing code croc crypto::fuzzing discovery history net people platform protocol raw_name settings store transfer",
    ),
    ("engine", "code croc crypto discovery net panics protocol relay sync transfer"),
    ("transfer", ""),
    ("transfer::show", "foreign"),
    ("transfer::path_mode", "net::internet"),
    ("transfer::progress", "protocol"),
    ("transfer::meter", ""),
    ("transfer::error", "code net panics platform protocol transfer::show"),
    ("transfer::croc", "croc net protocol transfer::error"),
    ("transfer::plan", "platform protocol raw_name"),
    ("transfer::file_states", "protocol transfer::plan"),
    ("transfer::offer", "protocol transfer::error transfer::plan"),
    (
        "transfer::notice",
        "code crypto net protocol transfer::croc transfer::error transfer::file_states transfer::offer transfer::progress",
    ),
    ("transfer::fingerprint", "platform protocol transfer::plan"),
    ("transfer::source", "WORDS panics platform protocol sync transfer::fingerprint transfer::plan"),
    ("transfer::sink", "WORDS labels panics platform protocol sync transfer::fingerprint transfer::plan"),
    ("transfer::link", "WORDS code crypto net panics protocol sync"),
    (
        "transfer::lanes",
        "WORDS crypto net panics protocol sync transfer::link transfer::plan transfer::sink transfer::source",
    ),
    (
        "transfer::send",
        "WORDS croc crypto net panics platform protocol raw_name sync transfer::croc transfer::fingerprint transfer::lanes transfer::link transfer::plan transfer::source",
    ),
    (
        "transfer::receive",
        "WORDS code croc crypto net panics platform protocol sync transfer::croc transfer::fingerprint transfer::lanes transfer::link transfer::plan transfer::sink",
    ),
    ("relay", "net panics protocol sync"),
    // The only place of the relay that knows what croc speaks.
    ("relay::croc", "croc net protocol relay sync"),
    ("discovery", "hex net protocol"),
    ("discovery::croc", "croc::code::USUAL_PORT discovery::LocalSearch net"),
    ("net", "host panics protocol sync"),
    // A relay's password is proven by both ends of a connection, so the proof stands below both and only here.
    ("net::access", "crypto::access protocol"),
    ("platform", "protocol raw_name"),
    ("protocol", "raw_name"),
    ("crypto", "labels"),
    ("croc", "panics sync"),
    ("panics", "code sync"),
    ("code", "foreign hex host labels"),
    ("hex", ""),
    ("foreign", "raw_name"),
    ("raw_name", ""),
    ("host", ""),
    ("labels", ""),
    ("sync", ""),
    ("units", ""),
];

const TOOLKIT: &str = "egui eframe egui_extras egui_winit";

/// What may be named everywhere but in these folders: their words, the names, the folders.
const BANS_WITHIN: &[(&str, &str, &str)] =
    &[("11: app::model is pure: no toolkit", TOOLKIT, "src/app/model/ src/app/model.rs")];

/// The other invariants about names: their words, the names that they forbid, and where they don't apply (files, and
/// folders with their slash). An exception stands here, with its reason.
const BANS: &[(&str, &str, &str)] = &[
    ("2: only app names the toolkit", TOOLKIT, "src/app.rs src/app/"),
    ("3: only app::desktop::dialogs names rfd", "rfd", "src/app/desktop/dialogs.rs"),
    // winit's connection to the Wayland compositor can't be borrowed without; the file says why that is sound.
    ("5: no unsafe code", "unsafe", "src/app/desktop/drops/foreign.rs"),
    ("6: only main ends the process", "process::exit process::abort", "src/main.rs"),
    // They panic when nobody reads what is printed; cli::output doesn't.
    ("7: nothing prints by a macro", "println! print! eprintln! eprint!", ""),
    ("8: a task has an owner that joins it", "tokio::spawn task::spawn task::spawn_local", ""),
    ("9: no unwrap outside tests", ".unwrap Option::unwrap Result::unwrap", ""),
];

const MAX_LINES: usize = 700;

#[test]
fn the_source_keeps_the_invariants() {
    let violations: Vec<String> = source_files().iter().flat_map(|(name, text)| check(name, text)).collect();
    assert!(violations.is_empty(), "ARCHITECTURE.md says otherwise:\n{}", violations.join("\n"));
}

/// Invariant 12.
#[test]
fn files_import_each_other_in_no_circle() {
    let files = source_files();
    let circles = circles::circles(&circles::arrows(&files));
    assert!(circles.is_empty(), "{} circles of imports:\n{}", circles.len(), circles.join("\n"));
}

/// Invariant 13: a type's name means one thing, wherever it is read.
#[test]
fn no_two_files_name_a_type_alike() {
    let mut defined: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    // What stands for a part that is left out of a build has its names.
    let stands_in = |file: &str| file.ends_with("/left_out.rs");
    for (file, text) in source_files().iter().filter(|(file, _)| !is_for_tests(file) && !stands_in(file)) {
        for name in source::types(text) {
            defined.entry(name).or_default().insert(file.clone());
        }
    }
    let twice: Vec<String> = defined
        .iter()
        .filter(|(_, files)| files.len() > 1)
        .map(|(name, files)| format!("{name}: {}", files.iter().cloned().collect::<Vec<_>>().join(", ")))
        .collect();
    assert!(twice.is_empty(), "these names mean several things:\n{}", twice.join("\n"));
}

/// Invariant 14, and that the page names each module that has a line in `LAYERS`.
#[test]
fn the_map_is_whole() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("ARCHITECTURE.md")).expect("the map is readable text");
    let unnamed: Vec<&str> = LAYERS
        .iter()
        .map(|(layer, _)| *layer)
        .filter(|layer| !matches!(*layer, "main" | "lib") && !page.contains(&format!("`{layer}`")))
        .collect();
    assert!(unnamed.is_empty(), "ARCHITECTURE.md doesn't name {unnamed:?}");
    let mut rooms = 0;
    for row in page.lines().filter(|row| row.starts_with("| `")) {
        let [_, named, files, ..] = row.split('|').collect::<Vec<_>>()[..] else { continue };
        let module = named.trim().trim_matches('`');
        let is_row_of_a_room = module.starts_with("transfer") || module.starts_with("app");
        if !is_row_of_a_room || !files.trim().starts_with('`') {
            continue;
        }
        rooms += 1;
        let mapped: BTreeSet<String> =
            files.split_whitespace().map(|file| file.trim_matches('`').to_owned()).collect();
        let folder = root.join("src").join(module.replace("::", "/"));
        assert_eq!(mapped, modules_in(&folder), "the row of {module} in ARCHITECTURE.md");
    }
    let folders = ["src/transfer", "src/app"].map(|above| {
        let entries = fs::read_dir(root.join(above)).expect("a source folder can be listed");
        let is_room = |path: &PathBuf| path.is_dir() && !path.ends_with("tests");
        1 + entries.map(|entry| entry.expect("it can be listed").path()).filter(is_room).count()
    });
    assert_eq!(rooms, folders.iter().sum::<usize>(), "each folder of transfer and app has a row");
}

/// SECURITY.md names the tests that hold its promises.
#[test]
fn the_tests_behind_the_promises_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("SECURITY.md")).expect("the page is readable text");
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    collect(&root.join("tests"), &mut files);
    let code: String =
        files.iter().map(|file| fs::read_to_string(file).expect("a source file is readable text")).collect();
    let is_test = |name: &&str| {
        name.contains('_')
            && name.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_')
    };
    let named: BTreeSet<&str> = page.split('`').skip(1).step_by(2).filter(is_test).collect();
    assert!(named.len() > 30, "only {} tests are named", named.len());
    let missing: Vec<&&str> = named.iter().filter(|name| !code.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "SECURITY.md names tests that don't exist: {missing:?}");
}

/// The names of the modules whose files stand in a folder, without those for tests.
fn modules_in(folder: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("a source folder can be listed") {
        let path = entry.expect("a source folder can be listed").path();
        let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        if name != "tests" {
            names.insert(name);
        }
    }
    names
}

fn is_for_tests(file: &str) -> bool {
    file.ends_with("/tests.rs") || file.contains("/tests/")
}

/// Every file below `src`, as (path with slashes, text).
fn source_files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    assert!(files.len() > 20, "only {} files were found below src", files.len());
    files.sort();
    let read = |path: PathBuf| {
        let name = path.strip_prefix(root).expect("it was found below the root");
        let name = name.to_string_lossy().replace('\\', "/");
        (name, fs::read_to_string(path).expect("a source file is readable text"))
    };
    files.into_iter().map(read).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a source folder can be listed") {
        let path = entry.expect("a source folder can be listed").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// All violations in one file, as `file:line: invariant: what`.
fn check(file: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let lines = text.lines().count();
    if lines > MAX_LINES {
        found.push(format!("{file}:{lines}: 10: a file has at most {MAX_LINES} lines"));
    }
    if is_for_tests(file) {
        return found;
    }
    let mut tokens = Vec::new();
    flatten(text.parse().expect("a source file is made of tokens"), &mut tokens);
    let module = module_of(file);
    for (token, line) in &tokens {
        if token.starts_with("b\"caiman ") && file != "src/labels.rs" {
            found.push(format!("{file}:{line}: 4: labels stand in src/labels.rs and nowhere else: {token}"));
        }
    }
    let layers = LAYERS.iter().filter(|(layer, _)| starts_with(&module, layer));
    let layer = layers.max_by_key(|(layer, _)| layer.len());
    if layer.is_none() {
        found.push(format!("{file}:1: 1: module {} has no line in LAYERS", module[0]));
    }
    for name in names(&tokens, &module) {
        let (line, shown) = (name.line, name.path.join("::"));
        for ((rule, forbidden, places), holds_within) in
            BANS.iter().map(|ban| (ban, false)).chain(BANS_WITHIN.iter().map(|ban| (ban, true)))
        {
            let is_here = |place: &str| file == place || (place.ends_with('/') && file.starts_with(place));
            let is_forbidden = forbidden.split(' ').any(|forbidden| holds(&name.path, forbidden));
            if is_forbidden && places.split(' ').any(is_here) == holds_within {
                found.push(format!("{file}:{line}: {rule}: {shown}"));
            }
        }
        if let (Some(target), Some((layer, allowed))) = (&name.in_crate, layer) {
            let allowed = allowed.replace("FACE", FACE).replace("WORDS", WORDS);
            let is_allowed = allowed.split_whitespace().any(|name| starts_with(target, name));
            if !starts_with(target, layer) && !is_allowed {
                found.push(format!("{file}:{line}: 1: {layer} may not name {}", target.join("::")));
            }
        }
    }
    found
}

/// Whether `path` is `prefix` or below it.
fn starts_with(path: &[String], prefix: &str) -> bool {
    prefix.split("::").eq(path.iter().take(prefix.split("::").count()))
}

/// Whether the segments of `forbidden` stand side by side in `path`.
fn holds(path: &[String], forbidden: &str) -> bool {
    let wanted: Vec<&str> = forbidden.split("::").collect();
    path.windows(wanted.len()).any(|part| part == wanted)
}

/// What `check` says of `text`, without the file's name.
fn said(file: &str, text: &str) -> Vec<String> {
    check(file, text)
        .iter()
        .map(|line| line.trim_start_matches(file).trim_start_matches(':').to_owned())
        .collect()
}

#[test]
fn forbidden_imports_are_found_however_they_are_written() {
    let text = "use crate::{\n    net::io,\n    crypto::{self, record::{Opener as O, Sealer}},\n};\n";
    let crypto = |line, name: &str| format!("{line}: 1: relay may not name crypto{name}");
    assert_eq!(
        said("src/relay/lane.rs", text),
        [crypto(3, ""), crypto(3, "::record::Opener"), crypto(3, "::record::Sealer"),]
    );
    assert_eq!(
        said("src/relay/lane.rs", "fn f() { super::super::crypto::derive() }"),
        [crypto(1, "::derive")]
    );
    assert_eq!(said("src/relay.rs", "mod a { use super::{super::crypto::x, b}; }"), [crypto(1, "::x")]);
    assert_eq!(said("src/relay/a.rs", "mod a { use super::crypto; }\nuse self::crypto;"), [""; 0]);
    assert_eq!(said("src/cli/send.rs", "use crate::transfer;"), ["1: 1: cli may not name transfer"]);
    assert_eq!(said("src/cli/send.rs", "use crate::transfer::show::bytes;"), [""; 0]);
    assert_eq!(
        said("src/cli/send.rs", "use crate::transfer::shower;"),
        ["1: 1: cli may not name transfer::shower"]
    );
    assert_eq!(
        said("src/main.rs", "fn main() { caiman::engine::run() }"),
        ["1: 1: main may not name engine::run"]
    );
    assert_eq!(said("src/new.rs", ""), ["1: 1: module new has no line in LAYERS"]);
}

#[test]
fn forbidden_names_are_found_outside_tests_comments_and_literals() {
    let found =
        |text: &str| said("src/engine.rs", text).iter().map(|line| line[..4].to_owned()).collect::<Vec<_>>();
    for (text, expected) in [
        ("use eframe::egui::Ui;", "1: 2"),
        ("fn f() {\n    rfd::FileDialog::new()\n}", "2: 3"),
        ("const A: &[u8] = b\"caiman x v1\";", "1: 4"),
        ("unsafe fn f() {}", "1: 5"),
        ("use std::process;\nfn f() { process::exit(1) }", "2: 6"),
        ("use std::{process::exit};", "1: 6"),
        ("fn f() { eprintln!(\"{x}\") }", "1: 7"),
        ("use tokio::{sync::mpsc, task::{spawn, JoinSet}};", "1: 8"),
        ("fn f<'a>(x: &'a X) { x.y('\"').unwrap() }", "1: 9"),
        ("#[cfg(test)]\nfn f(x: [u8; 2]) { x.unwrap() }\nfn g() { x.unwrap() }", "3: 9"),
        (&"\n".repeat(701), "701:"),
    ] {
        assert_eq!(found(text), [expected], "{text}");
    }
    for text in [
        "// x.unwrap()\n/* unsafe */ const A: &str = r#\"println!(\"\")\"#;",
        "const A: &str = \"b\\\"caiman x\\\" unsafe\";\nconst B: char = '\\'';",
        "fn f() { tasks.spawn(x); task::spawn_blocking(y); z.unwrap_or(1) }",
        "#[cfg(test)]\nmod tests { fn f() { println!(); x.unwrap() } }\n",
    ] {
        assert_eq!(found(text), [""; 0], "{text}");
    }
}
