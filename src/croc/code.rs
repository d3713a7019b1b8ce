//! croc's codes: the room and the password that each version makes of one, a new one that both versions read alike,
//! and what a user typed or pasted (an own line of the sender's terminal, or a link).
//!
//! A code is taken byte for byte. What text says is only recognised here; `crate::code` reads Caiman's own codes, and four
//! words may be either.

use std::{fmt, sync::LazyLock};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The words of croc 11's codes: EFF's short list 1. One of them has a hyphen, `yo-yo`.
static WORDS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let mut words: Vec<_> = include_str!("../../assets/eff_short_wordlist_1.txt").lines().collect();
    words.sort_unstable();
    words
});

/// How many words the list has, which is six to the fourth.
const WORD_COUNT: u16 = 1296;
/// The shortest code that croc takes, in bytes.
const MIN_LEN: usize = 6;
/// The longest that is taken here.
const MAX_LEN: usize = 256;
/// How many letters the first word of a drawn code has. croc 10 takes the first four letters of any code for the room's.
const SELECTOR_LEN: usize = 4;
/// How many words a drawn code has: croc 11's own number. Its password is two of them, 20.7 bits.
const DRAWN_WORDS: usize = 3;
/// The longest text in which a code is looked for.
const MAX_TEXT: usize = 4096;

/// The password of croc's public relays, and of any other unless its owner has set one.
pub const USUAL_PASSWORD: &str = "pass123";
/// The port of a croc relay's control connections, unless its owner has set another one.
pub const USUAL_PORT: u16 = 9009;
/// The public relay of croc 10, and of croc 11 up to 11.1.3.
const SINGLE_RELAY: &str = "croc.schollz.com";
/// How many public relays different versions of croc 11 have: 11.2.2 and later, and the two before.
const POOLS: [u8; 2] = [4, 3];

/// Which of croc's two protocols a peer speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// croc 10.0.3 and later.
    V10,
    /// croc 11.
    V11,
}

impl Version {
    /// The major version.
    pub fn number(self) -> u8 {
        match self {
            Version::V10 => 10,
            Version::V11 => 11,
        }
    }
}

/// A code of croc. Wiped on drop; its `Debug` doesn't show it.
#[derive(Clone, PartialEq, Eq)]
pub struct CrocCode(Zeroizing<String>);

impl CrocCode {
    /// Takes a code as it stands. `None` for one that croc wouldn't take.
    pub fn new(code: &str) -> Option<Self> {
        let fits = (MIN_LEN..=MAX_LEN).contains(&code.len()) && !code.contains(char::is_control);
        fits.then(|| Self(Zeroizing::new(code.to_owned())))
    }

    /// Draws a code of croc 11's kind that croc 10 reads alike: its first word has four letters.
    pub fn draw() -> Result<Self, getrandom::Error> {
        let mut words = Vec::with_capacity(DRAWN_WORDS);
        while words.len() < DRAWN_WORDS {
            let mut bytes = [0; 2];
            getrandom::fill(&mut bytes)?;
            let Some(word) = drawn_word(u16::from_le_bytes(bytes)) else { continue };
            let is_selector = words.is_empty();
            if !word.contains('-') && (!is_selector || word.len() == SELECTOR_LEN) {
                words.push(word);
            }
        }
        Ok(Self(Zeroizing::new(words.join("-"))))
    }

    /// The code, to show and to send.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The room in which the two meet.
    pub fn room(&self, version: Version) -> String {
        let selector = self.split(version).0;
        HEXLOWER.encode(&Sha256::new_with_prefix(selector).chain_update("croc").finalize())
    }

    /// What the key exchange runs over.
    pub fn password(&self, version: Version) -> &[u8] {
        self.split(version).1
    }

    /// Whether both versions make the same room and password of the code.
    pub fn is_the_same_for_both(&self) -> bool {
        self.split(Version::V10) == self.split(Version::V11)
    }

    /// The hosts of croc's public relays at which a croc may wait under this code, and the rooms there. Versions of croc choose
    /// differently, so there are a few.
    pub fn public_places(&self, with_v10: bool) -> Vec<(String, Version)> {
        let digest = Sha256::digest(self.0.as_bytes());
        let mut places = Vec::new();
        for count in POOLS {
            let remainder =
                digest.iter().fold(0, |sum, byte| (sum * 256 + u32::from(*byte)) % u32::from(count));
            let place = (format!("{}.getcroc.com", remainder + 1), Version::V11);
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places.push((SINGLE_RELAY.to_owned(), Version::V11));
        if with_v10 && !self.is_the_same_for_both() {
            places.push((SINGLE_RELAY.to_owned(), Version::V10));
        }
        places
    }

    fn split(&self, version: Version) -> (&[u8], &[u8]) {
        let code = self.0.as_bytes();
        let joint = match version {
            Version::V10 => None,
            Version::V11 => {
                three_listed(&self.0).or_else(|| three_lower(&self.0)).or_else(|| four_lower(&self.0))
            }
        };
        // Whatever stands between the two is dropped, as croc does.
        let joint = joint.unwrap_or(SELECTOR_LEN);
        (&code[..joint], &code[joint + 1..])
    }
}

/// What both sides know before they talk. Has no `Debug`, because that would show the password.
#[derive(Clone, Copy)]
pub struct CodeMeeting<'a> {
    /// The room in which they are.
    pub room: &'a str,
    /// The password that the code has in this room.
    pub password: &'a [u8],
    /// Whether a croc 10 is taken as well.
    pub allows_v10: bool,
}

impl fmt::Debug for CrocCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CrocCode(..)")
    }
}

fn drawn_word(number: u16) -> Option<&'static str> {
    let whole = u16::MAX / WORD_COUNT * WORD_COUNT;
    (number < whole).then(|| WORDS[usize::from(number % WORD_COUNT)])
}

fn is_listed(word: &str) -> bool {
    WORDS.binary_search(&word).is_ok()
}

/// Where the first of exactly three listed words ends, if the code is that. A word with a hyphen counts as one.
fn three_listed(code: &str) -> Option<usize> {
    // How many words the rest may still have, and whether it can be read so.
    fn reads(rest: &str, words: usize) -> bool {
        match words {
            1 => is_listed(rest),
            _ => rest
                .match_indices('-')
                .any(|(at, _)| is_listed(&rest[..at]) && reads(&rest[at + 1..], words - 1)),
        }
    }
    let hyphens = code.match_indices('-');
    hyphens.map(|(at, _)| at).find(|at| is_listed(&code[..*at]) && reads(&code[at + 1..], 2))
}

/// Where the first of exactly three lower-case words ends, if the code is that.
fn three_lower(code: &str) -> Option<usize> {
    match lower_words(code).as_slice() {
        [first, _, _] => Some(first.len()),
        _ => None,
    }
}

/// Where the second of exactly four lower-case words ends, if the code is that.
fn four_lower(code: &str) -> Option<usize> {
    match lower_words(code).as_slice() {
        [first, second, _, _] => Some(first.len() + 1 + second.len()),
        _ => None,
    }
}

/// The words of a code that has nothing but lower-case words; none otherwise.
fn lower_words(code: &str) -> Vec<&str> {
    let words: Vec<_> = code.split('-').take(5).collect();
    let is_lower = |word: &&str| !word.is_empty() && word.bytes().all(|letter| letter.is_ascii_lowercase());
    if words.iter().all(is_lower) { words } else { Vec::new() }
}

/// What a user typed or pasted, if it is croc's.
#[derive(Clone, PartialEq, Eq)]
pub struct FoundCode {
    /// The code.
    pub code: CrocCode,
    /// The relay that a command line names, as it stands there.
    pub relay: Option<String>,
    /// The relay's password that a command line names.
    pub relay_password: Option<Zeroizing<String>>,
    /// How sure it is that this is croc's.
    pub certainty: Certainty,
}

impl FoundCode {
    /// A code that the user calls croc's.
    pub fn typed(code: CrocCode) -> Self {
        Self { code, relay: None, relay_password: None, certainty: Certainty::Certain }
    }
}

impl fmt::Debug for FoundCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { relay, certainty, .. } = self;
        f.debug_struct("FoundCode")
            .field("relay", relay)
            .field("certainty", certainty)
            .finish_non_exhaustive()
    }
}

/// How sure it is that a text is croc's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// Nothing else looks like it: croc's command line or link, or three of its words.
    Certain,
    /// Only a code that the sender of a Caiman has made up looks like it: croc 10's four digits and three words, or four of croc's words.
    Likely,
    /// It may be Caiman's as well: four words.
    Possible,
}

/// Finds croc's code in what a user typed or pasted. `None` for what is no code of croc.
pub fn find(text: &str) -> Option<FoundCode> {
    let text = text.trim();
    if text.len() > MAX_TEXT {
        return None;
    }
    in_link(text).or_else(|| in_command(text)).or_else(|| bare(text))
}

/// A code by itself, with hyphens, or three words with spaces, as croc takes them.
fn bare(text: &str) -> Option<FoundCode> {
    let words: Vec<_> = text.split_whitespace().collect();
    let code = match words.as_slice() {
        [code] => (*code).to_owned(),
        // croc joins only three or four arguments.
        [_, _, _] | [_, _, _, _] => words.join("-"),
        _ => return None,
    };
    let certainty = certainty(&code)?;
    Some(FoundCode { code: CrocCode::new(&code)?, relay: None, relay_password: None, certainty })
}

fn certainty(code: &str) -> Option<Certainty> {
    if three_listed(code).is_some() {
        return Some(Certainty::Certain);
    }
    let words = lower_words(code);
    if is_digits_and_words(code) || words.len() == 4 && words.iter().all(|word| is_listed(word)) {
        return Some(Certainty::Likely);
    }
    match words.len() {
        3 | 4 => Some(Certainty::Possible),
        _ => None,
    }
}

/// Whether a code is like those that croc 10 draws: four digits from 0 to 8 and three words.
fn is_digits_and_words(code: &str) -> bool {
    let mut parts = code.split('-');
    let is_number = |part: &str| part.len() == 4 && part.bytes().all(|digit| (b'0'..=b'8').contains(&digit));
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|letter| letter.is_ascii_lowercase());
    parts.next().is_some_and(is_number) && parts.clone().count() == 3 && parts.all(is_word)
}

/// A link to croc's page, whose fragment or query is the code.
fn in_link(text: &str) -> Option<FoundCode> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let (host, path) = rest.split_once('/')?;
    if host != "getcroc.com" && !host.ends_with(".getcroc.com") {
        return None;
    }
    let code = path.rsplit(['#', '/', '=', '?']).next()?;
    let certainty = Certainty::Certain;
    certainty_of_link(code)?;
    Some(FoundCode { code: CrocCode::new(code)?, relay: None, relay_password: None, certainty })
}

fn certainty_of_link(code: &str) -> Option<Certainty> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (code.contains('-') && code.bytes().all(is_plain)).then_some(Certainty::Certain)
}

/// A command line for the receiver, as croc's sender prints it: `croc acid-acorn-acre`, `CROC_SECRET="acid-acorn-acre" croc`,
/// with the relay and its password, if they are not the usual ones.
fn in_command(text: &str) -> Option<FoundCode> {
    let mut words = shell_words(text).into_iter().skip_while(|word| is_prompt(word)).peekable();
    let mut code = Vec::new();
    while let Some((name, value)) = words.peek().and_then(|word| word.split_once('=')) {
        if !is_variable(name) {
            break;
        }
        if name == "CROC_SECRET" {
            code = vec![value.to_owned()];
        }
        words.next();
    }
    if !matches!(words.next()?.rsplit(['/', '\\']).next()?, "croc" | "croc.exe") {
        return None;
    }
    let (mut relay, mut relay_password) = (None, None);
    while let Some(word) = words.next() {
        let Some(option) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else {
            code.push(word);
            continue;
        };
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None if WITH_VALUE.contains(&option) => (option, words.next()),
            None => (option, None),
        };
        match name {
            "relay" | "relay6" => relay = relay.or(value),
            "pass" => relay_password = value.map(Zeroizing::new),
            _ => {}
        }
    }
    let code = CrocCode::new(&code.join("-"))?;
    Some(FoundCode { code, relay, relay_password, certainty: Certainty::Certain })
}

/// The options of croc that take a value.
const WITH_VALUE: &[&str] = &[
    "relay",
    "relay6",
    "pass",
    "out",
    "ip",
    "socks5",
    "connect",
    "curve",
    "multicast",
    "throttleUpload",
    "hash",
];

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

fn is_prompt(word: &str) -> bool {
    matches!(word, "$" | "%" | ">" | "#")
}

/// The words of a command line, without the quotes around them or in them.
fn shell_words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> CrocCode {
        CrocCode::new(text).unwrap()
    }

    #[test]
    fn rooms_and_passwords_are_crocs() {
        for (text, password, room) in [
            (
                "8123-alpha-bravo-charlie",
                "alpha-bravo-charlie",
                "1cdafe5c70a87f001f2f437fa6773c0ee726d10b7c3f86184dc68fa709c2f355",
            ),
            (
                "acid-acorn-acre",
                "acorn-acre",
                "f72491c26f320da8a93ea323d8d23b4561e0634f967ba21cb268a1cd0df48a12",
            ),
            (
                "poker-hedge-floss",
                "hedge-floss",
                "fced940f7e6edf059a837d10515c2b095fc4e9d9a079ed62229b0fb8ddba8be1",
            ),
            (
                "yo-yo-acid-acorn",
                "acid-acorn",
                "f8fbf63e42e2aaebb9962a27896c7c9fcd5ad3c3d3457bbc23a60e5cf4384266",
            ),
            (
                "alpha-bravo-charlie-delta",
                "charlie-delta",
                "82ed354962d360d22cd73b8448ee8f9793b069714a504ac1deabcee219dee7a1",
            ),
            (
                "Alpha-bravo-charlie",
                "-bravo-charlie",
                "94548cbeeba0c89fffade65a415449490867e8840b31f99fc57acf9f0df56ed1",
            ),
            ("hello-world", "-world", "dfe709f1615e56e943774c13c219257e9e725f62f3fd44629a57c210bc357f6c"),
        ] {
            let code = code(text);
            assert_eq!(code.room(Version::V11), room, "{text}");
            assert_eq!(code.password(Version::V11), password.as_bytes(), "{text}");
        }
    }

    #[test]
    fn public_relays_are_chosen_as_croc_chooses_them() {
        let hosts =
            |text| code(text).public_places(true).into_iter().map(|(host, _)| host).collect::<Vec<_>>();
        let single = "croc.schollz.com";
        assert_eq!(hosts("acid-acorn-acre"), ["3.getcroc.com", "2.getcroc.com", single]);
        assert_eq!(hosts("poker-hedge-floss"), ["2.getcroc.com", "3.getcroc.com", single, single]);
        assert_eq!(hosts("yo-yo-acid-acorn"), ["4.getcroc.com", "1.getcroc.com", single, single]);
        assert_eq!(hosts("hello-world"), ["2.getcroc.com", single]);
    }

    #[test]
    fn croc_10_takes_the_first_four_bytes_for_the_room() {
        let code = code("poker-hedge-floss");
        assert_eq!(code.password(Version::V10), b"-hedge-floss");
        assert!(!code.is_the_same_for_both());
    }

    #[test]
    fn drawn_codes_are_the_same_for_both_versions() {
        for _ in 0..200 {
            let code = CrocCode::draw().unwrap();
            assert!(code.is_the_same_for_both());
            assert_eq!(certainty(code.as_str()), Some(Certainty::Certain));
        }
    }

    #[test]
    fn the_list_is_effs() {
        assert_eq!(WORDS.len(), usize::from(WORD_COUNT));
        let list = include_bytes!("../../assets/eff_short_wordlist_1.txt");
        let expected = "36ecca49e4fa20ca84b176c32f2e9c82f98f446585190e75f9879a95c08247bf";
        assert_eq!(HEXLOWER.encode(&Sha256::digest(list)), expected);
    }

    #[test]
    fn short_codes_and_long_ones_are_refused() {
        assert_eq!(CrocCode::new("abc-d"), None);
        assert_eq!(CrocCode::new(&"a".repeat(MAX_LEN + 1)), None);
        assert_eq!(CrocCode::new("acid\nacorn"), None);
    }

    #[test]
    fn a_code_is_recognised_for_what_it_is() {
        for (text, expected) in [
            ("acid-acorn-acre", Some(Certainty::Certain)),
            (" acid-acorn-acre\n", Some(Certainty::Certain)),
            ("acid acorn acre", Some(Certainty::Certain)),
            ("yo-yo-acid-acorn", Some(Certainty::Certain)),
            ("8123-alpha-bravo-charlie", Some(Certainty::Likely)),
            ("9123-alpha-bravo-charlie", None),
            ("alpha-bravo-charlie", Some(Certainty::Possible)),
            ("alpha-bravo-charlie-delta", Some(Certainty::Possible)),
            ("acid-acorn-acre-acts", Some(Certainty::Likely)),
            ("hello", None),
            ("hello world", None),
            ("one-two-three-four-five", None),
            ("", None),
        ] {
            assert_eq!(find(text).map(|found| found.certainty), expected, "{text}");
        }
    }

    #[test]
    fn command_lines_give_code_relay_and_password() {
        for (text, expected, relay, password) in [
            ("croc acid-acorn-acre", "acid-acorn-acre", None, None),
            ("$ croc acid acorn acre", "acid-acorn-acre", None, None),
            ("CROC_SECRET=\"acid-acorn-acre\" croc", "acid-acorn-acre", None, None),
            ("CROC_SECRET='8123-a-b-c' croc --yes", "8123-a-b-c", None, None),
            (
                "croc --relay 10.0.0.1:9009 --pass hunter2 hello-world",
                "hello-world",
                Some("10.0.0.1:9009"),
                Some("hunter2"),
            ),
            (
                "CROC_SECRET=\"my-own-code\" croc --relay=relay.example:9009 --pass='x y'",
                "my-own-code",
                Some("relay.example:9009"),
                Some("x y"),
            ),
            ("./croc.exe --out folder --yes my-own-code", "my-own-code", None, None),
        ] {
            let found = find(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(found.code.as_str(), expected, "{text}");
            assert_eq!(found.relay.as_deref(), relay, "{text}");
            assert_eq!(found.relay_password.as_ref().map(|password| password.as_str()), password, "{text}");
        }
        assert_eq!(find("croc"), None);
        assert_eq!(find("CROC_SECRET=acid-acorn-acre"), None);
        assert_eq!(find("caiman receive acid-acorn-acre"), None);
    }

    #[test]
    fn links_of_getcroc_give_their_code() {
        for text in [
            "https://getcroc.com/#acid-acorn-acre",
            "https://getcroc.com/acid-acorn-acre",
            "https://www.getcroc.com/?code=acid-acorn-acre",
        ] {
            assert_eq!(find(text).unwrap().code.as_str(), "acid-acorn-acre", "{text}");
        }
        assert_eq!(find("https://example.com/#acid-acorn-acre"), None);
        assert_eq!(find("https://notgetcroc.com/#acid-acorn-acre"), None);
    }

    #[test]
    fn neither_a_code_nor_a_password_is_ever_printed() {
        let shown = format!("{:?}", find("croc --relay r.example --pass hunter2 acid-acorn-acre"));
        assert!(
            shown.contains("r.example") && !shown.contains("acorn") && !shown.contains("hunter2"),
            "{shown}"
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_reading_panic(text: String) {
            let _ = find(&text);
            let _ = find(&format!("croc {text}"));
            if let Some(code) = CrocCode::new(&text) {
                for version in [Version::V10, Version::V11] {
                    let _ = (code.room(version), code.password(version));
                }
            }
        }
    }
}
