//! Names that this system can't store, and the names that take their place. Pure: the rules are an argument, so that every
//! system's rules are tested on every system.

use unicode_normalization::UnicodeNormalization;

use crate::{
    platform::mount::{NameLimit, Rules},
    raw_name,
};

/// How the names of staging folders begin. No entry of an offer may have such a name, because it would be taken for a
/// staging folder as soon as something is received into the folder that it is in.
pub(crate) const STAGING_PREFIX: &str = ".caiman-";

/// The longest ending in bytes, with its dot, that is kept when a name is shortened. Anything longer is hardly an
/// extension.
const MAX_EXTENSION_BYTES: usize = 32;

impl Rules {
    /// The name nearest to `name` that this system can store and that doesn't look like a staging folder: `name` itself,
    /// if possible.
    pub fn repair(self, name: &str) -> String {
        let storable = self.storable(name);
        if !self.fold(&storable).starts_with(STAGING_PREFIX) {
            return storable;
        }
        self.storable(&format!("_{}", &storable[1..]))
    }

    /// The name nearest to `name` that this system can store: `name` itself, if it can store that.
    pub fn storable(self, name: &str) -> String {
        let mut repaired = name.to_owned();
        if self.needs_unicode && !raw_name::is_plain(name) {
            repaired =
                name.chars().map(|c| if raw_name::escaped_byte(c).is_some() { '_' } else { c }).collect();
        }
        repaired = self.shorten(&repaired, "");
        // A repair may make a name too long, and a cut may leave a dot at its end, so both are repeated until nothing
        // changes.
        loop {
            let again = if self.windows { repair_for_windows(&repaired) } else { repaired.clone() };
            let again = self.shorten(&again, "");
            if again == repaired {
                return repaired;
            }
            repaired = again;
        }
    }

    /// A name like `name` for a file system that refuses that one: storable by these rules, and with no other characters than those
    /// of ASCII.
    pub fn plainest(self, name: &str) -> String {
        let plain: String = name.chars().map(|c| if c.is_ascii() { c } else { '_' }).collect();
        self.repair(&plain)
    }

    /// `name` with a number before its ending: `photo (2).jpg`.
    pub fn numbered(self, name: &str, number: u32) -> String {
        self.shorten(name, &format!(" ({number})"))
    }

    /// The folded form of a name or path: two of them have the same form exactly when this system takes them for one.
    pub fn fold(self, text: &str) -> String {
        match (self.normalises, self.folds_case) {
            (false, false) => text.to_owned(),
            (true, false) => text.nfc().collect(),
            (false, true) => text.chars().flat_map(char::to_lowercase).collect(),
            (true, true) => text.nfc().flat_map(char::to_lowercase).collect(),
        }
    }

    /// `name` with `mark` before its ending. The stem is cut where the name would be too long.
    fn shorten(self, name: &str, mark: &str) -> String {
        let (stem, ending) = split_ending(name);
        let mut kept = stem;
        let (NameLimit::Utf8(limit) | NameLimit::Utf16(limit)) = self.limit;
        let units = |text: &str| match self.limit {
            NameLimit::Utf8(_) => raw_name::bytes_of(text).len(),
            NameLimit::Utf16(_) => text.encode_utf16().count(),
        };
        while units(kept) + units(mark) + units(ending) > limit {
            let Some((at, _)) = kept.char_indices().next_back() else { break };
            kept = &kept[..at];
        }
        format!("{kept}{mark}{ending}")
    }
}

fn split_ending(name: &str) -> (&str, &str) {
    let at = match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= MAX_EXTENSION_BYTES => dot,
        _ => return (name, ""),
    };
    match name[..at].strip_suffix(".tar") {
        Some(stem) if !stem.is_empty() => name.split_at(stem.len()),
        _ => name.split_at(at),
    }
}

/// Replaces or adds characters so that Windows can store the name, by the rules in Microsoft's "Naming Files, Paths, and
/// Namespaces".
fn repair_for_windows(name: &str) -> String {
    let mut repaired: String = name
        .chars()
        .map(|c| if c < ' ' || matches!(c, '<' | '>' | ':' | '"' | '\\' | '|' | '?' | '*') { '_' } else { c })
        .collect();
    if repaired.ends_with(['.', ' ']) {
        repaired.pop();
        repaired.push('_');
    }
    let stem_len = repaired.find('.').unwrap_or(repaired.len());
    if is_device(repaired[..stem_len].trim_end()) {
        repaired.insert(repaired[..stem_len].trim_end().len(), '_');
    }
    repaired
}

/// `name` with a number before its ending, however long it is then.
#[cfg(feature = "croc")]
pub(crate) fn numbered(name: &str, number: u32) -> String {
    let (stem, ending) = split_ending(name);
    format!("{stem} ({number}){ending}")
}

/// Whether the part of a name before its first dot is the name of a device on Windows.
pub(crate) fn is_device(stem: &str) -> bool {
    let upper = stem.to_uppercase();
    let numbered = |prefix: &str| {
        upper.strip_prefix(prefix).is_some_and(|rest| {
            let mut chars = rest.chars();
            matches!((chars.next(), chars.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
        })
    };
    matches!(upper.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        || numbered("COM")
        || numbered("LPT")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        protocol::RelPath,
        transfer::plan::placement::tests::{LINUX, WINDOWS},
    };

    #[test]
    fn linux_keeps_what_windows_dislikes() {
        for name in ["con", "a:b", "x.", "a\\b", "a\nb", "-rf", "日本語"] {
            assert_eq!(LINUX.repair(name), name);
        }
    }

    #[test]
    fn windows_gets_names_that_it_can_store() {
        for (name, repaired) in [
            ("a:b", "a_b"),
            ("C:", "C_"),
            (r"..\evil", ".._evil"),
            ("x.", "x_"),
            ("x ", "x_"),
            ("con", "con_"),
            ("NUL.txt", "NUL_.txt"),
            ("com1.tar.gz", "com1_.tar.gz"),
            ("COM¹", "COM¹_"),
            ("lpt10", "lpt10"),
            ("a\nb", "a_b"),
            ("fine.txt", "fine.txt"),
        ] {
            assert_eq!(WINDOWS.repair(name), repaired);
        }
    }

    #[test]
    fn names_that_are_too_long_keep_their_ending() {
        let long = format!("{}.jpeg", "日".repeat(200));
        let repaired = LINUX.repair(&long);
        assert!(repaired.len() <= 255 && repaired.ends_with("日.jpeg"));
        assert_eq!(WINDOWS.repair(&long), long);
        assert!(LINUX.numbered(&repaired, 12).len() <= 255);
    }

    /// Encrypting file systems store names of at most 143 or 175 bytes.
    #[test]
    fn a_shorter_limit_is_kept_in_numbered_names_as_well() {
        let rules = Rules { limit: NameLimit::Utf8(143), ..LINUX };
        let long = format!("{}.jpeg", "n".repeat(200));
        assert_eq!(rules.repair(&long), format!("{}.jpeg", "n".repeat(138)));
        assert_eq!(rules.numbered(&long, 2).len(), 143);
    }

    #[test]
    fn a_name_that_is_not_unicode_stays_where_it_can() {
        let name = raw_name::text_of(b"caf\xe9.txt");
        assert_eq!(LINUX.repair(&name), name);
        assert_eq!(WINDOWS.repair(&name), "caf_.txt");
        // A character that is used for escapes is escaped itself.
        assert_eq!(WINDOWS.repair(&raw_name::text_of("\u{efe9}dir".as_bytes())), "___dir");
        let long = raw_name::text_of(&[0xe9; 300]);
        assert_eq!(raw_name::bytes_of(&LINUX.repair(&long)).len(), 255);
    }

    #[test]
    fn a_staging_folder_cannot_be_planted() {
        assert_eq!(LINUX.repair(".caiman-00"), "_caiman-00");
        assert_eq!(LINUX.repair(".Caiman-00"), ".Caiman-00");
        assert_eq!(WINDOWS.repair(".Caiman-00"), "_Caiman-00");
        // The repair that Windows needs may be what makes the name look like one.
        assert_eq!(WINDOWS.repair(".caiman-:"), "_caiman-_");
        assert_eq!(LINUX.storable(".caiman-00"), ".caiman-00");
    }

    #[test]
    fn numbers_stand_before_the_ending() {
        for (name, numbered) in [
            ("photo.jpg", "photo (2).jpg"),
            ("src.tar.gz", "src (2).tar.gz"),
            (".bashrc", ".bashrc (2)"),
            ("folder", "folder (2)"),
            (".tar.gz", ".tar (2).gz"),
        ] {
            assert_eq!(LINUX.numbered(name, 2), numbered);
        }
    }

    #[test]
    fn case_and_composition_fold_where_the_system_does() {
        let composed = ["É.TXT", "e\u{301}.txt"];
        for (normalises, folds_case, is_same) in
            [(true, true, true), (true, false, false), (false, true, false)]
        {
            let rules = Rules { folds_case, normalises, ..LINUX };
            assert_eq!(rules.fold(composed[0]) == rules.fold(composed[1]), is_same, "{rules:?}");
            assert_eq!(rules.fold("A") == rules.fold("a"), folds_case);
            assert_eq!(rules.fold("\u{e9}") == rules.fold("e\u{301}"), normalises);
        }
        assert_ne!(LINUX.fold("A"), LINUX.fold("a"));
    }

    proptest! {
        #[test]
        fn no_path_leaves_its_folder_once_it_is_repaired_for_this_system(text in "[a./\\\\:\0é]{0,12}") {
            if let Ok(path) = RelPath::new(&text) {
                let rules = Rules { windows: cfg!(windows), ..WINDOWS };
                let root = std::path::Path::new("root");
                let mut joined = root.to_owned();
                joined.extend(path.names().map(|name| rules.repair(name)));
                prop_assert!(joined.starts_with(root));
                prop_assert_eq!(joined.components().count(), path.names().count() + 1);
                prop_assert!(joined.components().all(|part| matches!(part, std::path::Component::Normal(_))));
            }
        }

        #[test]
        fn a_repaired_name_needs_no_repair(name in "(\\.caiman-)?[a-c.: *日\u{301}\u{1}CON1]{1,300}") {
            for rules in [LINUX, WINDOWS] {
                let repaired = rules.repair(&name);
                prop_assert_eq!(rules.repair(&repaired), repaired);
            }
        }
    }
}
