//! What the user typed or pasted: a code, an invite link, the line that the sender prints, or a sentence around one of them. Mail
//! programs break links over lines, put characters into them that show nothing, and wrap them in links of their own. `reading`
//! finds the code in what is no link, and `invite` reads the link once it is whole.

use std::str::FromStr;

use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::{
    error::CodeError,
    invite::{Invite, SCHEME, decode, parse_link},
    parts::is_invisible,
    phrase::{CodePhrase, MAX_INPUT_BYTES},
    reading,
};

/// Over how many line breaks a link is put together: one of 60 characters is broken at most this often by any mail program.
const MAX_BREAKS: usize = 4;
/// How often a link may be encoded: by a link around it, and by another one around that.
const MAX_ENCODINGS: usize = 3;
/// The fewest digits of a port that is taken for the rest of a broken address; fewer may be a time of day.
const MIN_PORT_DIGITS: usize = 3;
/// The options of `caiman receive` that take a value, beside the server.
const WITH_VALUE: &[&str] = &[
    "path",
    "password",
    "internet",
    "proxy",
    "port",
    "out",
    "lanes",
    "patience",
    "exclude",
    "name",
    "croc-relay",
    "croc-password",
];
/// Its other options.
const WITHOUT_VALUE: &[&str] = &[
    "yes",
    "from-people",
    "remember",
    "stdout",
    "overwrite",
    "rename",
    "skip",
    "merge",
    "allow-hidden",
    "ignore-space",
    "resume",
    "no-resume",
    "map-port",
    "no-name",
    "croc",
    "json",
];

/// The options that have a short form.
const SHORT: &[(&str, &str)] = &[("-s", "server"), ("-o", "out"), ("-y", "yes")];

impl FromStr for Invite {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        parse_any(text)
    }
}

impl CodePhrase {
    /// Reads what a receiver typed or pasted: a code with dashes or spaces in any case, an invite link, or a
    /// sentence around either.
    ///
    /// A slip is an error, [`CodeError::Unknown`], that carries the repaired code for the user to confirm.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        Ok(parse_any(text)?.into_parts().0)
    }
}

impl FromStr for CodePhrase {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        Self::parse(text)
    }
}

/// Reads what the user typed or pasted: a code, a link, the sender's printed line, or a sentence with one of them in it.
pub fn parse_any(text: &str) -> Result<Invite, CodeError> {
    if text.len() > MAX_INPUT_BYTES {
        return Err(CodeError::InputTooLong);
    }
    let seen = Zeroizing::new(text.chars().filter(|c| !is_invisible(*c)).collect::<String>());
    if let Some(encoded) = find_encoded(&seen) {
        return parse_encoded(encoded);
    }
    match find_link(&seen) {
        Some(link) => parse_link(&link),
        None => parse_command(&seen)
            .unwrap_or_else(|| Invite::new(reading::read(text)?, None))
            .map_err(|error| if is_about_address(&seen, &error) { CodeError::WebAddress } else { error }),
    }
}

/// Whether what is wrong with a text is that it holds a web address in place of a code.
fn is_about_address(text: &str, error: &CodeError) -> bool {
    let is_code = matches!(
        error,
        CodeError::Unknown { .. }
            | CodeError::SeveralCodes
            | CodeError::BadServer { .. }
            | CodeError::InputTooLong
    );
    let is_address = |word: &str| {
        let word = word.trim_start_matches(['<', '(', '"', '\'']);
        ["http://", "https://", "www."].iter().any(|start| {
            word.get(..start.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(start))
        })
    };
    !is_code && text.split_whitespace().any(is_address)
}

/// The link in the text, without its scheme and without the punctuation of the sentence around it.
fn find_link(text: &str) -> Option<Zeroizing<String>> {
    // Lower-casing ASCII moves no byte, so an index into one text is valid in the other.
    let lower = Zeroizing::new(text.to_ascii_lowercase());
    let link = lower.match_indices(SCHEME).find_map(|(at, scheme)| {
        let starts_here = !text[..at].ends_with(char::is_alphanumeric);
        let link = text[at + scheme.len()..].trim_start_matches('/');
        // “the code for caiman: acid coyote…” holds no link.
        let goes_on = link.starts_with(|c: char| c.is_alphanumeric() || c == '%');
        (starts_here && goes_on).then_some(link)
    })?;
    let end = link.find(ends_piece).unwrap_or(link.len());
    let mut whole = Zeroizing::new(link[..end].to_owned());
    let mut rest = &link[end..];
    for _ in 0..MAX_BREAKS {
        let Some(piece) = Piece::at_start_of(rest) else { break };
        if !goes_on(&whole, &piece) {
            break;
        }
        whole.push_str(piece.text);
        rest = piece.rest;
    }
    let bare = bare(&whole).len();
    whole.truncate(bare);
    Some(whole)
}

fn ends_piece(c: char) -> bool {
    c.is_whitespace() || matches!(c, '<' | '>' | '"')
}

/// The text without the marks at its end, which belong to the sentence around it.
fn bare(mut text: &str) -> &str {
    while let Some(last) = text.chars().next_back() {
        let is_open = last == ']' && text.matches('[').count() >= text.matches(']').count();
        if last.is_alphanumeric() || is_open {
            break;
        }
        text = &text[..text.len() - last.len_utf8()];
    }
    text
}

/// What stands after a break in a text.
struct Piece<'a> {
    text: &'a str,
    rest: &'a str,
    /// Whether it is all that stands in its line.
    is_line: bool,
}

impl<'a> Piece<'a> {
    /// The piece after the break with which `text` begins; `None` at an end and after an empty line. A break may be a space as
    /// well, because fields of one line make one of it.
    fn at_start_of(text: &'a str) -> Option<Self> {
        // What is quoted in a mail has such a mark before each line.
        let piece = text.trim_start_matches(|c: char| c.is_whitespace() || c == '>');
        let gap = &text[..text.len() - piece.len()];
        let breaks = gap.matches('\n').count();
        if !gap.starts_with(char::is_whitespace) || breaks > 1 || piece.is_empty() {
            return None;
        }
        let (text, rest) = piece.split_at(piece.find(ends_piece).unwrap_or(piece.len()));
        let line_ends = rest.trim_start_matches([' ', '\t', '\r', '>']);
        let is_line = breaks == 1 && (line_ends.is_empty() || line_ends.starts_with('\n'));
        Some(Self { text, rest, is_line })
    }
}

/// Whether a link that was broken goes on with this piece, rather than that the sentence around it does.
fn goes_on(link: &str, piece: &Piece<'_>) -> bool {
    let Some((_, query)) = link.split_once('?') else {
        let read = |code: &str| decode(code).and_then(|code| reading::read(&code));
        let (more, query) = piece.text.split_once('?').unwrap_or((bare(piece.text), ""));
        let names_server = query.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("server="));
        let makes_it_whole = || read(link).is_err() && read(&format!("{link}{more}")).is_ok();
        return names_server || link.ends_with('-') || makes_it_whole();
    };
    let Some((_, server)) = query.split_once('=') else {
        // The break is within the word.
        let joined = format!("{query}{}", piece.text).to_ascii_lowercase();
        return joined.starts_with("server=");
    };
    address_goes_on(server, piece)
}

/// Whether an address that was broken goes on with this piece. The sender always shows a port, so an address without one that is
/// followed by one was broken.
fn address_goes_on(address: &str, piece: &Piece<'_>) -> bool {
    let next = bare(piece.text);
    let is_number = !next.is_empty() && next.len() <= 5 && next.bytes().all(|byte| byte.is_ascii_digit());
    match port_of(address) {
        Some("") => is_number,
        // Half of a port can't be told from a whole one but by its place.
        Some(port) => port.len() < 5 && is_number && piece.is_line && port.len() + next.len() <= 5,
        None => port_of(next).is_some_and(|port| port.len() >= MIN_PORT_DIGITS),
    }
}

/// The digits after the colon of an address or of the end of one; `None` if there is no colon, or something else after it.
fn port_of(address: &str) -> Option<&str> {
    let (host, port) = address.rsplit_once(':')?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '[' | ']' | ':');
    // In an IPv6 address without its last bracket, colons separate parts.
    let is_within = host.matches('[').count() > host.matches(']').count();
    let is_port = port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    (is_port && !is_within && host.chars().all(fits)).then_some(port)
}

/// The part of the text that is a percent-encoded link, as it stands in the links that mail programs and chats make.
fn find_encoded(text: &str) -> Option<&str> {
    let lower = Zeroizing::new(text.to_ascii_lowercase());
    let name = &SCHEME[..SCHEME.len() - 1];
    lower.match_indices(name).find_map(|(at, name)| {
        let after = &lower[at + name.len()..];
        let is_plain = after.starts_with(':');
        let is_encoded =
            after.strip_prefix('%').is_some_and(|rest| rest.trim_start_matches("25").starts_with("3a"));
        let end = text[at..]
            .find(|c: char| ends_piece(c) || matches!(c, '&' | '\'' | ')'))
            .map_or(text.len(), |end| at + end);
        let found = &text[at..end];
        let hides_query = || !found.contains('?') && lower[at..end].contains("%3f");
        (is_encoded || is_plain && hides_query()).then_some(found)
    })
}

fn parse_encoded(encoded: &str) -> Result<Invite, CodeError> {
    let mut text = Zeroizing::new(encoded.to_owned());
    for _ in 0..MAX_ENCODINGS {
        let decoded = percent_decode_str(&text).decode_utf8().map_err(|_| CodeError::BadLink)?;
        text = Zeroizing::new(decoded.into_owned());
        if find_encoded(&text).is_none() {
            let link = find_link(&text).ok_or(CodeError::BadLink)?;
            return parse_link(&link);
        }
    }
    Err(CodeError::BadLink)
}

/// Reads the line that the sender prints for the other computer, `caiman receive CODE --server HOST:PORT`. Of its options only
/// the server counts. `None` if the text has no such option.
fn parse_command(text: &str) -> Option<Result<Invite, CodeError>> {
    let (mut server, mut others, mut rest) = (None, Zeroizing::new(String::new()), text);
    let mut has_option = false;
    while let Some((before, word, after)) = next_word(rest) {
        rest = after;
        let Some((name, value)) = option(word) else {
            others.push_str(before);
            others.push_str(word);
            continue;
        };
        has_option = true;
        let takes_value = name == "server" || WITH_VALUE.contains(&name);
        let value = match value {
            Some(value) => Some(value),
            None if takes_value => next_word(rest).map(|(_, value, after)| {
                rest = after;
                value
            }),
            None => None,
        };
        if let (Some(value), "server") = (value, name) {
            let mut address = value.trim_matches(['\'', '"', '`', '<', '>']).to_owned();
            if let Some(piece) = Piece::at_start_of(rest)
                && address_goes_on(&address, &piece)
            {
                address.push_str(piece.text);
                rest = piece.rest;
            }
            server = server.or(Some(address));
        }
    }
    if !has_option {
        return None;
    }
    let server = server.filter(|server| !server.eq_ignore_ascii_case("none"));
    let invite = |code| Invite::new(code, server.as_deref().map(bare));
    Some(reading::read(&others).and_then(invite))
}

/// What stands before the next word, the word, and what comes after it.
fn next_word(text: &str) -> Option<(&str, &str, &str)> {
    let word = text.trim_start();
    let before = &text[..text.len() - word.len()];
    let (word, after) = word.split_at(word.find(char::is_whitespace).unwrap_or(word.len()));
    (!word.is_empty()).then_some((before, word, after))
}

/// The option that this word is, and its value if that stands in the same word. Some programs make one long dash of two.
fn option(word: &str) -> Option<(&'static str, Option<&str>)> {
    let word = word.trim_start_matches(['\'', '"', '`']);
    if let Some((_, name)) = SHORT.iter().find(|(short, _)| *short == word) {
        return Some((name, None));
    }
    let word = word.strip_prefix("--").or_else(|| word.strip_prefix(['–', '—']))?;
    let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
    let known = ["server"].iter().chain(WITH_VALUE).chain(WITHOUT_VALUE);
    let name = known.copied().find(|known| known.eq_ignore_ascii_case(bare(name)))?;
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "acid-coyote-mustard-tulip";

    fn server_in(text: &str) -> Option<String> {
        let invite = parse_any(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(invite.code().to_string(), CODE, "{text:?}");
        invite.server().map(str::to_owned)
    }

    #[test]
    fn links_are_found_in_the_forms_that_chats_and_browsers_give_them() {
        for (text, server) in [
            ("caiman:Acid-Coyote-Mustard-Tulip", None),
            ("CAIMAN://acid-coyote-mustard-tulip/?server=Relay.Example", Some("relay.example")),
            (
                "caiman:acid%2Dcoyote%20mustard-tul?lane=3&server=relay.example%3A27001&x",
                Some("relay.example:27001"),
            ),
            ("Here: <caiman:acid-coyote-mustard-tulip?server=[::1]:27001>.", Some("[::1]:27001")),
            ("(caiman:acid-coyote-mustard-tulip?server=[::1])", Some("[::1]")),
            ("open caiman:acid-coyote-mustard-tulip?server=relay.example, please", Some("relay.example")),
            ("caiman:acid-coyote-mustard-tulip?server=", None),
            ("caiman:acid-coyote-mustard-tulip?server=::1#top", Some("[::1]")),
            ("my code for caiman: acid coyote mustard tulip", None),
        ] {
            assert_eq!(server_in(text).as_deref(), server, "{text}");
        }
    }

    /// With half of its server, such a link led to another computer, or nowhere.
    #[test]
    fn a_link_that_was_broken_over_lines_is_put_together() {
        for text in [
            "caiman:CODE?server=192.168.1.\n20:27001",
            "caiman:CODE?server=192.168.1.2\r\n0:27001\r\nSee you",
            "> caiman:CODE?server=192.168.1.\n> 20:27001",
            "<caiman:CODE?server=192.168.\n1.20:27001> is the link",
            "caiman:CODE?server=192.168.1.20:\n27001",
            "caiman:CODE?server=192.168.1.20:27\n001\nSee you",
            "caiman:CODE?server=\n192.168.1.20:27001",
            "caiman:CODE?ser\nver=192.168.1.20:27001",
            "caiman:CODE\n?server=192.168.1.20:27001",
            "caiman:acid-coyote-\nmustard-tulip?server=192.168.1.\n20:27001",
            "caiman:acid-coy\note-mustard-tulip?server=192.168.1.20:27001",
            // A field of one line makes spaces of line breaks.
            "caiman:CODE?server=192.168.1. 20:27001",
        ] {
            assert_eq!(
                server_in(&text.replace("CODE", CODE)).as_deref(),
                Some("192.168.1.20:27001"),
                "{text:?}"
            );
        }
        assert_eq!(server_in("caiman:acid-coyote-must\nard-tulip"), None);
        let text = format!("caiman:{CODE}?server=[2001:db8:\n:2]:27001");
        assert_eq!(server_in(&text).as_deref(), Some("[2001:db8::2]:27001"));
    }

    #[test]
    fn what_follows_a_whole_link_is_no_part_of_it() {
        for (text, server) in [
            ("caiman:CODE?server=relay.example.\nSee you", Some("relay.example")),
            ("caiman:CODE?server=relay.example\n10:30 is fine", Some("relay.example")),
            ("caiman:CODE?server=relay.example:2700\n3 files are waiting", Some("relay.example:2700")),
            ("caiman:CODE?server=relay.example:27001\n\n20:27001", Some("relay.example:27001")),
            ("caiman:CODE?server=relay.example:27001\n12", Some("relay.example:27001")),
            ("caiman:CODE\nok?", None),
            ("caiman:CODE now", None),
        ] {
            assert_eq!(server_in(&text.replace("CODE", CODE)).as_deref(), server, "{text:?}");
        }
    }

    #[test]
    fn characters_that_show_nothing_change_no_link() {
        for text in [
            "caiman:CODE?\u{200b}server=192.168.1.20:27001",
            "cai\u{ad}man:CODE?server=192.168.\u{200b}1.20:27001\u{feff}",
            "\u{2066}caiman:acid-\u{2060}coyote-mustard-tulip?server=192.168.1.20:27001\u{2069}",
        ] {
            assert_eq!(
                server_in(&text.replace("CODE", CODE)).as_deref(),
                Some("192.168.1.20:27001"),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_link_within_another_link_is_unwrapped() {
        for text in [
            "caiman%3ACODE%3Fserver%3D192.168.1.20%3A27001",
            "https://safe.example/?url=caiman%3ACODE%3Fserver%3D192.168.1.20%3A27001&data=05%7C02&x=caiman",
            "https://safe.example/?url=caiman%3aCODE%3fserver%3d192.168.1.20%3a27001, please",
            "https://a.example/?u=https%3A%2F%2Fb.example%2F%3Fu%3Dcaiman%253ACODE%253Fserver%253D192.168.1.20%253A27001%26x",
            "https://safe.example/?url=caiman:CODE%3Fserver%3D192.168.1.20:27001&data=5",
            "[link](https://safe.example/?url=caiman%3A%2F%2FCODE%3Fserver%3D192.168.1.20%3A27001)",
        ] {
            assert_eq!(
                server_in(&text.replace("CODE", CODE)).as_deref(),
                Some("192.168.1.20:27001"),
                "{text:?}"
            );
        }
        assert!(matches!(parse_any("caiman%3A%ff%fe-coyote"), Err(CodeError::BadLink)));
        assert!(matches!(parse_any("caiman%2525253Aacid-coyote"), Err(CodeError::BadLink)));
    }

    /// The server of such a line was dropped.
    #[test]
    fn the_line_that_the_sender_prints_is_read_with_its_server() {
        for text in [
            "caiman receive CODE --server 192.168.1.20:27001",
            "  $ caiman receive CODE --server 192.168.1.20:27001 --password …\n",
            "`caiman receive CODE --server=192.168.1.20:27001`",
            "caiman receive CODE —server 192.168.1.20:27001",
            "caiman receive --server 192.168.1.20:27001 --path relay CODE",
            "caiman recv --yes -s 192.168.1.20:27001 --out /tmp/some-four-part-name CODE --json",
            "caiman receive CODE --server 192.168.1.\n20:27001",
            "On the other computer: caiman receive acid coyote mustard tulip --server 192.168.1.20:27001.",
            "caiman receive 'caiman:CODE?server=192.168.1.20:27001' --out ~/Downloads",
        ] {
            assert_eq!(
                server_in(&text.replace("CODE", CODE)).as_deref(),
                Some("192.168.1.20:27001"),
                "{text:?}"
            );
        }
        for text in [
            "caiman receive CODE --path relay",
            "caiman receive CODE --server none",
            "caiman receive CODE --yes",
        ] {
            assert_eq!(server_in(&text.replace("CODE", CODE)), None, "{text:?}");
        }
        assert!(matches!(
            parse_any(&format!("caiman receive {CODE} --server 192.168.1")),
            Err(CodeError::BadServer { .. })
        ));
    }

    #[test]
    fn a_web_address_in_place_of_a_code_is_named_as_one() {
        for text in [
            "https://example.org/a-b-c-d",
            "HTTP://example.org",
            "see <https://example.org/x>",
            "www.example.org",
        ] {
            assert!(matches!(parse_any(text), Err(CodeError::WebAddress)), "{text}");
        }
        // A slip beside one is more likely what is meant.
        let slip = parse_any("https://example.org acid-coyote-mustrad-tulip");
        assert!(matches!(slip, Err(CodeError::Unknown { .. })));
        assert!(matches!(parse_any("httpd is down"), Err(CodeError::TooFewParts { .. })));
        assert_eq!(server_in(&format!("https://example.org: {CODE}")), None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text: String, tail in "[a-z%3A25F\\[\\]?=:#&/ \n>.0-9-]{0,60}") {
            drop(parse_any(&text));
            for text in [
                format!("caiman:{text}"),
                format!("{text}caiman:{tail}{text}"),
                format!("caiman:acid-coyote-mustard-tulip?server={text}{tail}"),
                format!("caiman:{tail}"),
                format!("caiman%{tail}"),
                format!("acid-coyote-mustard-tulip --server {tail}{text}"),
            ] {
                drop(parse_any(&text));
            }
        }
    }
}
