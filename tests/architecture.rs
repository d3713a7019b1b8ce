//! The invariants of ARCHITECTURE.md, held against the text of `src/`. No compiler is asked: each file is cut
//! into tokens, test code is left out, and the rest is read name by name (`crate::net::io`, `.unwrap`, `println!`), with
//! `use` groups spread out and `super` resolved. That is blunt, but what it says can be checked by eye.

use std::{
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// What the faces of the program may name besides what is their own: the engine, and plain data that it doesn't hand on.
const FACE: &str = "app engine settings history store code net::client::RelayAddress \
    protocol::RelPath protocol::manifest protocol::path protocol::VERSION protocol::peer::Trouble \
    protocol::peer::Withdrawal protocol::relay::MAX_LANES protocol::relay::Refusal \
    transfer::error transfer::offer transfer::path_mode transfer::plan::placement transfer::progress transfer::notice transfer::show sync units";

/// Invariant 1: who may name what of this crate besides what is its own. Whoever adds a module adds a line.
const LAYERS: &[(&str, &str)] = &[
    ("main", "cli"),
    ("lib", ""),
    ("app", FACE),
    ("cli", FACE),
    (
        "settings",
        "code net::client protocol::relay relay store transfer::path_mode transfer::send::MAX_RECEIVERS",
    ),
    ("history", "store"),
    ("store", ""),
    ("engine", "code discovery net protocol relay sync transfer"),
    ("transfer", "code crypto labels net platform protocol sync"),
    ("relay", "labels net protocol sync"),
    ("discovery", "net protocol"),
    ("net", "labels protocol"),
    ("platform", "protocol"),
    ("protocol", ""),
    ("crypto", "labels"),
    ("code", "labels"),
    ("labels", ""),
    ("units", ""),
    (
        "fuzzing",
        "app::fuzzing code crypto::fuzzing discovery history net platform protocol settings store transfer",
    ),
    ("sync", ""),
];

/// The other invariants about names: their words, the names that they forbid, and where they don't apply (files, and
/// folders with their slash). An exception stands here, with its reason.
const BANS: &[(&str, &str, &str)] = &[
    ("2: only app names the toolkit", "egui eframe egui_extras egui_winit", "src/app.rs src/app/"),
    ("3: only app::dialogs names rfd", "rfd", "src/app/dialogs.rs src/app/dialogs/"),
    // winit's connection to the Wayland compositor can't be borrowed without; the file says why that is sound.
    ("5: no unsafe code", "unsafe", "src/app/wayland/foreign.rs"),
    ("6: only main ends the process", "process::exit process::abort", "src/main.rs"),
    ("7: only cli prints", "println! print! eprintln! eprint!", "src/cli.rs src/cli/"),
    ("8: a task has an owner that joins it", "tokio::spawn task::spawn task::spawn_local", ""),
    ("9: no unwrap outside tests", ".unwrap Option::unwrap Result::unwrap", ""),
];

const MAX_LINES: usize = 700;

#[test]
fn the_source_keeps_the_invariants() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    assert!(files.len() > 20, "only {} files were found below src", files.len());
    files.sort();
    let violations: Vec<String> = files
        .iter()
        .flat_map(|path| {
            let text = fs::read_to_string(path).expect("a source file is readable text");
            let name = path.strip_prefix(root).expect("it was found below the root");
            check(&name.to_string_lossy().replace('\\', "/"), &text)
        })
        .collect();
    assert!(violations.is_empty(), "ARCHITECTURE.md says otherwise:\n{}", violations.join("\n"));
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
    if file.ends_with("/tests.rs") || file.contains("/tests/") {
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
    let layer = LAYERS.iter().find(|(layer, _)| *layer == module[0]);
    if layer.is_none() {
        found.push(format!("{file}:1: 1: module {} has no line in LAYERS", module[0]));
    }
    for name in names(&tokens, &module) {
        let (line, shown) = (name.line, name.path.join("::"));
        for (rule, forbidden, places) in BANS {
            let is_here = |place: &str| file == place || (place.ends_with('/') && file.starts_with(place));
            let is_forbidden = forbidden.split(' ').any(|forbidden| holds(&name.path, forbidden));
            if is_forbidden && !places.split(' ').any(is_here) {
                found.push(format!("{file}:{line}: {rule}: {shown}"));
            }
        }
        if let (Some(target), Some((_, allowed))) = (&name.in_crate, layer) {
            let starts_with = |name: &str| name.split("::").eq(target.iter().take(name.split("::").count()));
            if target.first() != module.first() && !allowed.split(' ').any(starts_with) {
                found.push(format!("{file}:{line}: 1: {} may not name {}", module[0], target.join("::")));
            }
        }
    }
    found
}

/// `src/relay/copy.rs` is `relay::copy`. `main` and `lib` count as modules of their own.
fn module_of(file: &str) -> Vec<String> {
    let path = file.trim_start_matches("src/").trim_end_matches(".rs");
    path.split('/').map(str::to_owned).collect()
}

/// Whether the segments of `forbidden` stand side by side in `path`.
fn holds(path: &[String], forbidden: &str) -> bool {
    let wanted: Vec<&str> = forbidden.split("::").collect();
    path.windows(wanted.len()).any(|part| part == wanted)
}

/// A name as it is written, with a dot before a method and a mark behind a macro.
struct Name {
    path: Vec<String>,
    /// The same from the root of the crate, if it starts with `crate`, `self` or `super`.
    in_crate: Option<Vec<String>>,
    line: usize,
}

/// A word, a `::`, a literal or any other single character, and its line.
type Token = (String, usize);

/// The tokens of `stream`, without those of items under `#[cfg(test)]`.
fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    let mut trees = stream.into_iter().peekable();
    while let Some(tree) = trees.next() {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Group(group) => {
                let around = match group.delimiter() {
                    Delimiter::Brace => ["{", "}"],
                    Delimiter::Bracket => ["[", "]"],
                    Delimiter::Parenthesis | Delimiter::None => ["(", ")"],
                };
                tokens.push((around[0].to_owned(), line));
                flatten(group.stream(), tokens);
                tokens.push((around[1].to_owned(), group.span_close().start().line));
            }
            TokenTree::Punct(mark) if mark.as_char() == '#' && trees.peek().is_some_and(is_for_tests) => {
                let _ = trees.by_ref().find(ends_item);
            }
            TokenTree::Punct(mark) if mark.as_char() == ':' && trees.next_if(is_colon).is_some() => {
                tokens.push(("::".to_owned(), line));
            }
            other => tokens.push((other.to_string(), line)),
        }
    }
}

fn is_colon(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Punct(mark) if mark.as_char() == ':')
}

fn is_for_tests(attribute: &TokenTree) -> bool {
    attribute.to_string().replace(' ', "") == "[cfg(test)]"
}

fn ends_item(tree: &TokenTree) -> bool {
    match tree {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(mark) => mark.as_char() == ';',
        _ => false,
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_') && !token.contains(['"', '\''])
}

/// All names among `tokens`, which are the body of `module`.
fn names(tokens: &[Token], module: &[String]) -> Vec<Name> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.0.as_str());
    let mut found = Vec::new();
    let mut inner: Vec<(usize, &str)> = Vec::new();
    let (mut at, mut depth) = (0, 0);
    while at < tokens.len() {
        match text(at) {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                inner.retain(|(opened, _)| *opened <= depth);
            }
            "mod" if text(at + 2) == "{" => inner.push((depth + 1, text(at + 1))),
            word if is_word(word) => {
                let mut paths = Vec::new();
                let is_method = at > 0 && text(at - 1) == ".";
                at = spread(tokens, at, &[], &mut paths);
                let inner = inner.iter().map(|(_, name)| (*name).to_owned());
                let home: Vec<String> = module.iter().cloned().chain(inner).collect();
                for (mut path, last) in paths {
                    let in_crate = resolve(&path, &home);
                    if is_method {
                        path[0].insert(0, '.');
                    } else if text(last + 1) == "!" {
                        path.last_mut().expect("a path has a name").push('!');
                    }
                    found.push(Name { path, in_crate, line: tokens[last].1 });
                }
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Spreads `a::{b, c::d}` into `a::b` and `a::c::d`, each with its last token; gives the token that follows it all.
fn spread(
    tokens: &[Token],
    mut at: usize,
    before: &[String],
    found: &mut Vec<(Vec<String>, usize)>,
) -> usize {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.0.as_str());
    let mut path = before.to_vec();
    loop {
        if text(at) == "{" {
            at += 1;
            while !matches!(text(at), "}" | "") {
                at = match text(at) {
                    "," => at + 1,
                    "as" => at + 2,
                    _ => spread(tokens, at, &path, found),
                };
            }
            return at + 1;
        }
        if text(at) != "self" || path.is_empty() {
            path.push(text(at).to_owned());
        }
        at += 1;
        let next = text(at + 1);
        if text(at) != "::" || !(next == "{" || next == "*" || is_word(next)) {
            found.push((path, at - 1));
            return at;
        }
        at += 1;
    }
}

fn resolve(path: &[String], home: &[String]) -> Option<Vec<String>> {
    let supers = path.iter().take_while(|name| *name == "super").count();
    let (base, rest): (&[String], _) = match path[0].as_str() {
        _ if path.len() == 1 => return None,
        "crate" | "caiman" => (&[], &path[1..]),
        "self" => (home, &path[1..]),
        "super" => (&home[..home.len().saturating_sub(supers)], &path[supers..]),
        _ => return None,
    };
    Some(base.iter().chain(rest).cloned().collect())
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
