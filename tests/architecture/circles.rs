//! Which file imports which, and where that goes round in a circle.
//!
//! An arrow leads from a file to every file that defines something it names; test code is left out. A `pub use` is no arrow of
//! its own: it hands something on, and the arrow leads from the file that uses it to the file that defines it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use crate::{
    is_for_tests,
    source::{Name, Token, flatten, module_of, names},
};

/// From each file to those that it imports from, with the first line and name that do so.
pub(crate) type Arrows = BTreeMap<String, BTreeMap<String, (usize, String)>>;

struct Source {
    file: String,
    tokens: Vec<Token>,
    names: Vec<Name>,
}

/// The arrows between `files`, given as (path with slashes, text).
pub(crate) fn arrows(files: &[(String, String)]) -> Arrows {
    let sources: BTreeMap<Vec<String>, Source> = files
        .iter()
        .filter(|(file, _)| !is_for_tests(file))
        .map(|(file, text)| {
            let mut tokens = Vec::new();
            flatten(text.parse().expect("a source file is made of tokens"), &mut tokens);
            let module = module_of(file);
            let names = names(&tokens, &module);
            (module, Source { file: file.clone(), tokens, names })
        })
        .collect();
    let mut arrows = Arrows::new();
    for (module, source) in &sources {
        let targets = arrows.entry(source.file.clone()).or_default();
        for name in source.names.iter().filter(|name| !name.is_reexport || is_used(source, name)) {
            let Some(path) = &name.in_crate else { continue };
            let Some(target) = definer(&sources, path).filter(|target| target != module) else {
                continue;
            };
            targets.entry(sources[&target].file.clone()).or_insert((name.line, name.path.join("::")));
        }
    }
    arrows
}

/// Whether a file that hands `name` on uses it as well.
fn is_used(source: &Source, name: &Name) -> bool {
    let Some(last) = name.path.last() else {
        return false;
    };
    let reexports = source.names.iter().filter(|name| name.is_reexport && name.path.last() == Some(last));
    source.tokens.iter().filter(|(token, _)| token == last).count() > reexports.count()
}

/// The module whose file defines `path`, through whatever hands it on.
fn definer(sources: &BTreeMap<Vec<String>, Source>, path: &[String]) -> Option<Vec<String>> {
    let len = (1..=path.len()).rev().find(|len| sources.contains_key(&path[..*len]))?;
    let (module, rest) = path.split_at(len);
    let handed_on = rest.first().and_then(|first| {
        let mut names = sources[module].names.iter().filter(|name| name.is_reexport);
        let name = names.find(|name| name.path.last() == Some(first))?;
        definer(sources, &[name.in_crate.as_deref()?, &rest[1..]].concat())
    });
    Some(handed_on.unwrap_or_else(|| module.to_vec()))
}

/// The circles, each told with its files and the arrows between them.
pub(crate) fn circles(arrows: &Arrows) -> Vec<String> {
    let reach: BTreeMap<&str, BTreeSet<&str>> =
        arrows.keys().map(|file| (file.as_str(), reachable(arrows, file))).collect();
    let mut told = BTreeSet::new();
    let mut circles = Vec::new();
    for (file, reached) in &reach {
        let circle: BTreeSet<&str> =
            reached.iter().copied().filter(|other| reach[other].contains(file)).collect();
        if circle.is_empty() || !told.insert(circle.clone()) {
            continue;
        }
        let mut text = format!("a circle of {} files", circle.len());
        for file in &circle {
            for (target, (line, name)) in &arrows[*file] {
                if circle.contains(target.as_str()) {
                    let _ = write!(text, "\n  {file}:{line} -> {target} ({name})");
                }
            }
        }
        circles.push(text);
    }
    circles
}

/// Every file that can be reached from `file` by at least one arrow.
fn reachable<'a>(arrows: &'a Arrows, file: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut due: Vec<&str> = arrows[file].keys().map(String::as_str).collect();
    while let Some(next) = due.pop() {
        if found.insert(next) {
            due.extend(arrows[next].keys().map(String::as_str));
        }
    }
    found
}

#[test]
fn circles_are_found_through_what_hands_names_on() {
    let found = |files: &[(&str, &str)]| {
        let files: Vec<_> =
            files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
        circles(&arrows(&files))
    };
    let circle = found(&[
        ("src/a.rs", "mod b;\nuse self::b::B;\npub struct A;"),
        ("src/a/b.rs", "use super::A;\npub struct B;"),
    ]);
    assert_eq!(
        circle,
        [
            "a circle of 2 files\n  src/a.rs:2 -> src/a/b.rs (self::b::B)\n  src/a/b.rs:1 -> src/a.rs (super::A)"
        ]
    );
    // A parent that only hands its child on does not use it.
    let parent = ("src/a.rs", "mod b;\npub use b::B;\npub struct A;");
    assert_eq!(found(&[parent, ("src/a/b.rs", "use super::A;\npub struct B;")]), [""; 0]);
    // A file that takes it from the parent uses the child.
    let user = ("src/c.rs", "use crate::a::B;\npub struct C;");
    let child = ("src/a/b.rs", "use crate::c::C;\npub struct B;");
    assert_eq!(found(&[parent, user, child]).len(), 1);
    assert_eq!(
        found(&[("src/a.rs", "#[cfg(test)]\nmod tests { use crate::b; }"), ("src/b.rs", "use crate::a::A;")]),
        [""; 0]
    );
}
