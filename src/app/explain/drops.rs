//! Why something that was dropped on the window is not sent.

use crate::app::{desktop::drops::DropTrouble, words::Words};

/// What is wrong with a drop, and what to do instead.
pub(in crate::app) fn dropped(words: &Words, trouble: &DropTrouble) -> String {
    match trouble {
        DropTrouble::NotFiles { count: 1, named } if let Some(address) = named.first() => {
            words.tell(why(address), &[("address", address.as_str().into())])
        }
        DropTrouble::NotFiles { count, named } => {
            let more = count.saturating_sub(named.len());
            let names = listed(words, named, more);
            words.tell("drop-not-files", &[("count", (*count).into()), ("names", names.into())])
        }
        DropTrouble::Lost { count, named } => {
            let names = listed(words, named, count.saturating_sub(named.len()));
            words.tell("drop-lost", &[("names", names.into())])
        }
        DropTrouble::Picture => words.say("drop-picture"),
        DropTrouble::Unreadable => words.say("drop-unreadable"),
    }
}

fn listed(words: &Words, named: &[String], more: usize) -> String {
    let list = named
        .iter()
        .map(|address| words.tell("quoted", &[("text", address.clone().into())]))
        .collect::<Vec<_>>()
        .join(", ");
    match more {
        0 => list,
        more => words.tell("and-more", &[("names", list.into()), ("count", more.into())]),
    }
}

/// The sentence about an address that is no file of this computer.
fn why(address: &str) -> &'static str {
    let scheme = address.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("http" | "https" | "ftp") => "drop-web",
        Some("trash") => "drop-trash",
        Some("file") => "drop-elsewhere",
        Some("data" | "blob") => "drop-picture",
        Some(_) => "drop-place",
        None if address.starts_with('/') => "drop-unreached",
        None => "drop-no-file",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_has_its_own_advice() {
        let words = Words::of(Some("en"));
        let one = |address: &str| {
            dropped(&words, &DropTrouble::NotFiles { count: 1, named: vec![address.to_owned()] })
        };
        for (address, advice) in [
            ("https://example.org/a", "web address"),
            ("trash:///a", "Restore it"),
            ("sftp://nas/a", "Copy it to this computer"),
            ("mtp://phone/a", "Copy it to this computer"),
            ("file://elsewhere/a", "another computer"),
            ("data:image/png;base64,AA", "Save it"),
            ("/home/other/a", "can't be reached"),
            ("what is this", "not a file"),
        ] {
            let text = one(address);
            assert!(text.contains(advice), "{address}: {text}");
        }
        let named = vec!["sftp://nas/a".to_owned(), "trash:///b".to_owned()];
        let text = dropped(&words, &DropTrouble::NotFiles { count: 5, named });
        assert!(text.starts_with("5 ") && text.contains("trash:///b") && text.contains("3 more"), "{text}");
    }
}
