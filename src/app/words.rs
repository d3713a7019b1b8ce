//! The window's texts, in the user's language. They stand in `assets/words/*.ftl` (Project Fluent), and the source
//! names them by their keys. A test proves that English has every key; what another language lacks appears in
//! English.

use std::{
    path::{MAIN_SEPARATOR, Path, PathBuf},
    sync::LazyLock,
};

use fluent_bundle::{FluentArgs, FluentBundle, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

use crate::{transfer::show::Shown, units::Rate};

const ENGLISH: &str = include_str!("../../assets/words/en.ftl");
const GERMAN: &str = include_str!("../../assets/words/de.ftl");
const FRENCH: &str = include_str!("../../assets/words/fr.ftl");

/// A language of the window.
struct Language {
    tag: &'static str,
    /// What its speakers call it.
    own_name: &'static str,
    messages: &'static str,
    decimal_mark: &'static str,
    thousands_separator: &'static str,
    /// 1,024 bytes and the greater units.
    units: [&'static str; 6],
}

const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// The available languages. The first is English, which stands in for what another one lacks.
static LANGUAGES: [Language; 3] = [
    Language {
        tag: "en",
        own_name: "English",
        messages: ENGLISH,
        decimal_mark: ".",
        thousands_separator: ",",
        units: UNITS,
    },
    Language {
        tag: "de",
        own_name: "Deutsch",
        messages: GERMAN,
        decimal_mark: ",",
        thousands_separator: ".",
        units: UNITS,
    },
    Language {
        tag: "fr",
        own_name: "Français",
        messages: FRENCH,
        decimal_mark: ",",
        // Typographers prefer the narrow U+202F, at which the toolkit would break the line.
        thousands_separator: "\u{a0}",
        units: ["Kio", "Mio", "Gio", "Tio", "Pio", "Eio"],
    },
];

/// The texts of one language.
pub(super) struct Words {
    language: &'static Language,
    bundle: FluentBundle<FluentResource>,
    english: FluentBundle<FluentResource>,
}

impl Words {
    /// The texts in the language of `tag` (`de`, `de-AT`), or in the system's language if there is no tag; in English
    /// if that language isn't available.
    pub(super) fn of(tag: Option<&str>) -> Self {
        let wished = match tag {
            Some(tag) => vec![tag.to_owned()],
            None => sys_locale::get_locales().collect(),
        };
        let language = |tag: &String| {
            let tag = tag.to_lowercase();
            LANGUAGES.iter().find(|known| tag.split(['-', '_']).next() == Some(known.tag))
        };
        let language = wished.iter().find_map(language).unwrap_or(&LANGUAGES[0]);
        Self { language, bundle: bundle(language), english: bundle(&LANGUAGES[0]) }
    }

    /// The tag and own name of every language.
    pub(super) fn languages() -> impl Iterator<Item = (&'static str, &'static str)> {
        LANGUAGES.iter().map(|language| (language.tag, language.own_name))
    }

    /// The text of a message that takes no arguments.
    pub(super) fn say(&self, key: &str) -> String {
        self.format(key, None)
    }

    /// The text of a message with these arguments.
    pub(super) fn tell<'a>(&self, key: &str, args: &[(&'a str, FluentValue<'a>)]) -> String {
        let args = args.iter().map(|(name, value)| (*name, value.clone())).collect();
        self.format(key, Some(&args))
    }

    fn format(&self, key: &str, args: Option<&FluentArgs<'_>>) -> String {
        let pattern = |bundle: &FluentBundle<FluentResource>| {
            let pattern = bundle.get_message(key)?.value()?;
            Some(bundle.format_pattern(pattern, args, &mut Vec::new()).into_owned())
        };
        pattern(&self.bundle).or_else(|| pattern(&self.english)).unwrap_or_else(|| key.to_owned())
    }

    /// A number of bytes in units of 1,024, as this language writes it: `1.5 GiB`, and from 100 units on without a
    /// decimal. What only terminals and logs show is formatted by `transfer::show::bytes`, in English.
    pub(super) fn bytes(&self, count: u64) -> String {
        let units = &self.language.units;
        if count < 1024 {
            return self.tell("bytes", &[("count", count.into()), ("shown", self.number(count).into())]);
        }
        let mut value = count as f64 / 1024.0;
        let mut unit = 0;
        while value >= 1023.95 && unit + 1 < units.len() {
            value /= 1024.0;
            unit += 1;
        }
        let number = if value >= 99.95 { format!("{value:.0}") } else { format!("{value:.1}") };
        format!("{} {}", number.replace('.', self.language.decimal_mark), units[unit])
    }

    /// A limit on the speed in decimal units, as this language writes it: `5 MB/s`, in French `5 Mo/s`.
    pub(super) fn rate(&self, rate: Rate) -> String {
        let octets = self.language.units.iter().all(|unit| unit.ends_with('o'));
        if octets { rate.to_string().replace('B', "o") } else { rate.to_string() }
    }

    /// A count with its thousands separated as this language does it: `1,234,567`.
    pub(super) fn number(&self, count: u64) -> String {
        let digits = count.to_string();
        let mut text = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push_str(self.language.thousands_separator);
            }
            text.push(digit);
        }
        text
    }
}

/// A path as the user knows it, from `~` where it is in their home folder, and escaped so that it can't forge the
/// text around it.
pub(super) fn shown_path(path: &Path) -> String {
    Shown(&home_relative(path)).to_string()
}

/// A path from `~` where it is in the home folder.
fn home_relative(path: &Path) -> String {
    static HOME: LazyLock<Option<PathBuf>> =
        LazyLock::new(|| directories::UserDirs::new().map(|dirs| dirs.home_dir().to_owned()));
    match HOME.as_ref().and_then(|home| path.strip_prefix(home).ok()) {
        Some(rest) if !rest.as_os_str().is_empty() => format!("~{}{}", MAIN_SEPARATOR, rest.display()),
        _ => path.display().to_string(),
    }
}

fn bundle(language: &Language) -> FluentBundle<FluentResource> {
    let tag: LanguageIdentifier = language.tag.parse().expect("the tags above are well formed");
    let mut bundle = FluentBundle::new(vec![tag]);
    // Fluent would put direction marks around inserted values, which the font shows as boxes.
    bundle.set_use_isolating(false);
    // A message that can't be parsed is left out, and a test notices that.
    let resource =
        FluentResource::try_new(language.messages.to_owned()).unwrap_or_else(|(readable, _)| readable);
    bundle.add_resource_overriding(resource);
    bundle
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    /// The keys of a file, each with the names of its arguments.
    fn keys(messages: &str) -> BTreeSet<(String, BTreeSet<String>)> {
        let mut all: Vec<(String, BTreeSet<String>)> = Vec::new();
        for line in messages.lines() {
            if let Some((key, _)) = line.split_once(" =").filter(|_| !line.starts_with([' ', '#', '[', '*']))
            {
                all.push((key.to_owned(), BTreeSet::new()));
            }
            for name in line.split('$').skip(1) {
                let name = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                all.last_mut().expect("an argument stands below a key").1.insert(name);
            }
        }
        all.into_iter().collect()
    }

    #[test]
    fn every_language_says_everything_with_the_same_arguments() {
        let english = keys(ENGLISH);
        assert!(english.len() > 100);
        for Language { tag, messages, .. } in &LANGUAGES {
            assert!(FluentResource::try_new((*messages).to_owned()).is_ok(), "{tag} can't be read");
            let here = keys(messages);
            let differing: Vec<_> = english.symmetric_difference(&here).collect();
            assert!(differing.is_empty(), "{tag} and English differ in {differing:#?}");
        }
    }

    /// Every quoted text in the source that is used as a key must be one, and every key must be used.
    #[test]
    fn every_key_is_used_and_every_used_key_is_there() {
        fn collect(folder: &Path, texts: &mut String) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.file_stem().is_some_and(|stem| stem == "tests") {
                    // Texts that only tests ask for are never shown.
                } else if path.is_dir() {
                    collect(&path, texts);
                } else {
                    texts.push_str(&fs::read_to_string(path).unwrap());
                }
            }
        }
        let mut source = String::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        collect(&root.join("app"), &mut source);
        source.push_str(&fs::read_to_string(root.join("app.rs")).unwrap());
        let known: BTreeSet<String> = keys(ENGLISH).into_iter().map(|(key, _)| key).collect();
        let unused: Vec<_> = known.iter().filter(|key| !source.contains(&format!("\"{key}\""))).collect();
        assert!(unused.is_empty(), "nobody says {unused:?}");
        let asked =
            source.split(".say(\"").chain(source.split(".tell(\"")).filter_map(|rest| rest.split('"').next());
        let is_key =
            |text: &&str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        let missing: BTreeSet<_> =
            asked.filter(|key| !key.is_empty()).filter(is_key).filter(|key| !known.contains(*key)).collect();
        assert!(missing.is_empty(), "no words for {missing:?}");
    }

    #[test]
    fn numbers_are_written_as_the_language_does() {
        for (tag, one, size, large, rate, count) in [
            ("en", "1 byte", "1.5 MiB", "150 GiB", "5 MB/s", "1,234,567"),
            ("de-AT", "1 Byte", "1,5 MiB", "150 GiB", "5 MB/s", "1.234.567"),
            ("fr_CA", "1 octet", "1,5 Mio", "150 Gio", "5 Mo/s", "1\u{a0}234\u{a0}567"),
        ] {
            let words = Words::of(Some(tag));
            let sizes = [1, 1536 * 1024, 150 << 30].map(|bytes| words.bytes(bytes));
            assert_eq!(sizes, [one, size, large]);
            assert_eq!(words.rate(rate.parse().unwrap()), rate);
            assert_eq!((words.number(1_234_567).as_str(), words.number(999).as_str()), (count, "999"));
        }
        assert_eq!(Words::of(Some("xx")).language.tag, "en");
    }

    /// French counts nothing in the singular, and most other languages in the plural.
    #[test]
    fn counts_take_the_form_that_the_language_gives_them() {
        for (tag, forms) in [
            ("en", ["0 files", "1 file", "2 files"]),
            ("de", ["0 Dateien", "1 Datei", "2 Dateien"]),
            ("fr", ["0 fichier", "1 fichier", "2 fichiers"]),
        ] {
            let words = Words::of(Some(tag));
            let files = |count: u64| {
                words.tell("files", &[("count", count.into()), ("shown", words.number(count).into())])
            };
            assert_eq!([0, 1, 2].map(files), forms);
        }
        let words = Words::of(Some("fr"));
        let came = [0_u64, 1, 2].map(|came| words.tell("err-nobody-got-it", &[("came", came.into())]));
        assert!(came[0] != came[1] && came[1] != came[2], "a form for 0 goes before that of one: {came:?}");
    }

    /// The toolkit breaks a line at every space but U+00A0, the narrow U+202F included.
    #[test]
    fn no_line_of_french_begins_with_a_mark_or_ends_with_an_open_quote() {
        for loose in [" :", " ;", " !", " ?", " %", " »", "« ", "\u{202f}"] {
            let line = FRENCH.lines().find(|line| line.contains(loose));
            assert_eq!(line, None, "{loose:?} may be torn apart");
        }
    }
}
