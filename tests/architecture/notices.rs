//! The notices of what others made, `assets/third-party.txt`, which goes out with every program. `packaging/notices/make.py` makes it;
//! this holds it against the crates that cargo puts into the program.

use std::{collections::BTreeSet, env, fs, path::Path, process::Command};

/// Where Caiman runs; the same list as in `deny.toml`.
const TARGETS: [&str; 6] = [
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "x86_64-pc-windows-msvc",
    "x86_64-pc-windows-gnu",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
];

#[test]
fn the_notices_name_every_crate_of_the_program_and_none_of_an_older_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| fs::read_to_string(root.join(file)).expect("the file is readable text");
    let notices = read("assets/third-party.txt");
    let crates = notices.split("\nCrates\n").nth(1).expect("the crates have a section");
    let crates = crates.split("\nLicences of the crates\n").next().expect("a text has a first part");
    // Below the name of each crate, its licence and its address are indented.
    let lines: Vec<&str> = crates.lines().collect();
    let above: Vec<&str> =
        lines.windows(2).filter(|pair| pair[1].starts_with("    ")).map(|pair| pair[0]).collect();
    let named: BTreeSet<String> =
        above.into_iter().filter(|line| !line.starts_with(' ')).map(str::to_owned).collect();
    let missing: Vec<String> = crates_of_the_program(root).difference(&named).cloned().collect();
    let locked = locked(&read("Cargo.lock"));
    let old: Vec<&String> = named.difference(&locked).collect();
    assert!(named.len() > 400, "only {} crates are named", named.len());
    assert!(
        missing.is_empty() && old.is_empty(),
        "run packaging/notices/make.py; not in the notices: {missing:#?}, no longer in the program: {old:#?}"
    );
}

/// The licences that a crate may have stand in two lists: cargo-deny's, and that of the tool that collects the notices.
#[test]
fn both_lists_of_accepted_licences_are_the_same() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| fs::read_to_string(root.join(file)).expect("the file is readable text");
    let table = |text: &str| text.parse::<toml::Table>().expect("the file is TOML");
    let texts = |list: &toml::Value| -> Vec<String> {
        let list = list.as_array().expect("it is a list");
        list.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let (deny, about) = (table(&read("deny.toml")), table(&read("packaging/notices/about.toml")));
    let mut allowed = texts(&deny["licenses"]["allow"]);
    for exception in deny["licenses"]["exceptions"].as_array().expect("it is a list") {
        allowed.extend(texts(&exception["allow"]));
    }
    let sorted = |list: Vec<String>| list.into_iter().collect::<BTreeSet<String>>();
    assert_eq!(sorted(allowed), sorted(texts(&about["accepted"])));
    assert_eq!(texts(&deny["graph"]["targets"]), TARGETS);
    assert_eq!(texts(&about["targets"]), TARGETS);
}

/// Every crate, with its version, that is compiled into the program somewhere. Cargo knows that without the network, unless it has
/// yet to fetch crates that only other systems need.
fn crates_of_the_program(root: &Path) -> BTreeSet<String> {
    let mut tree = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    tree.current_dir(root).args([
        "tree",
        "--locked",
        "--all-features",
        "--edges",
        "normal",
        "--prefix",
        "none",
    ]);
    tree.args(TARGETS.iter().flat_map(|target| ["--target", target]));
    let output = tree.output().expect("cargo can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listed = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    let crates = listed.lines().filter_map(|line| {
        let (name, rest) = line.split_once(" v")?;
        let version = rest.split(' ').next()?;
        Some(format!("{name} {version}"))
    });
    crates.filter(|named| named != concat!("caiman ", env!("CARGO_PKG_VERSION"))).collect()
}

/// Every crate of `Cargo.lock`, with its version.
fn locked(lock: &str) -> BTreeSet<String> {
    let lock: toml::Table = lock.parse().expect("Cargo.lock is TOML");
    let packages = lock["package"].as_array().expect("it lists packages");
    let text = |package: &toml::Value, key: &str| package[key].as_str().expect("it is a text").to_owned();
    packages.iter().map(|package| format!("{} {}", text(package, "name"), text(package, "version"))).collect()
}
