//! Reads a source file as names: cut into tokens, test code left out, `use` groups spread out and `super` resolved.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// `src/relay/copy.rs` is `relay::copy`. `main` and `lib` count as modules of their own.
pub(crate) fn module_of(file: &str) -> Vec<String> {
    let path = file.trim_start_matches("src/").trim_end_matches(".rs");
    path.split('/').map(str::to_owned).collect()
}

/// A name as it is written, with a dot before a method and a mark behind a macro.
pub(crate) struct Name {
    pub(crate) path: Vec<String>,
    /// The path from the root of the crate, if it starts with `crate`, `self`, `super` or a child module.
    pub(crate) in_crate: Option<Vec<String>>,
    /// Whether it stands in a `pub use`.
    pub(crate) is_reexport: bool,
    pub(crate) line: usize,
}

/// A word, a `::`, a literal or any other single character, and its line.
pub(crate) type Token = (String, usize);

/// The tokens of `stream`, without those of items under `#[cfg(test)]`.
pub(crate) fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
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
    let attribute = attribute.to_string().replace(' ', "");
    attribute == "[cfg(test)]" || attribute.starts_with("[cfg(all(test,")
}

fn ends_item(tree: &TokenTree) -> bool {
    match tree {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(mark) => mark.as_char() == ';',
        _ => false,
    }
}

/// The types that a file defines at its top: structs, enums, traits, aliases.
pub(crate) fn types(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    flatten(text.parse().expect("a source file is made of tokens"), &mut tokens);
    let mut depth = 0;
    let mut found = Vec::new();
    for pair in tokens.windows(2) {
        match pair[0].0.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            "struct" | "enum" | "trait" | "type" | "union" if depth == 0 && is_word(&pair[1].0) => {
                found.push(pair[1].0.clone());
            }
            _ => {}
        }
    }
    found
}

fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_') && !token.contains(['"', '\''])
}

/// All names among `tokens`, which are the body of `module`.
pub(crate) fn names(tokens: &[Token], module: &[String]) -> Vec<Name> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.0.as_str());
    let mut found = Vec::new();
    let mut inner: Vec<(usize, &str)> = Vec::new();
    let is_child = |name: &str| {
        tokens.windows(3).any(|part| part[0].0 == "mod" && part[1].0 == name && part[2].0 == ";")
    };
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
                let before = |distance: usize| at.checked_sub(distance).map_or("", text);
                let is_method = before(1) == ".";
                let is_visibility = before(1) == "in" && before(2) == "(";
                let is_reexport = before(1) == "use" && matches!(before(2), "pub" | ")");
                at = spread(tokens, at, &[], &mut paths);
                let inner = inner.iter().map(|(_, name)| (*name).to_owned());
                let home: Vec<String> = module.iter().cloned().chain(inner).collect();
                for (mut path, last) in paths.into_iter().filter(|_| !is_visibility) {
                    let in_crate = if path.len() > 1 && is_child(&path[0]) {
                        Some(home.iter().chain(&path).cloned().collect())
                    } else {
                        resolve(&path, &home)
                    };
                    if is_method {
                        path[0].insert(0, '.');
                    } else if text(last + 1) == "!" {
                        path.last_mut().expect("a path has a name").push('!');
                    }
                    found.push(Name { path, in_crate, is_reexport, line: tokens[last].1 });
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
