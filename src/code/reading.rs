//! Finding a code in what the user typed or pasted, which may be a sentence around it. `parts` splits the text first, and
//! `settle` decides what the parts are.
//!
//! Three rules stand above the details. A sender's own code passes through the same [`settle`] as the receiver's
//! typing, so both ends hold the same bytes. A repaired code is offered and never taken silently, and so is a code that may
//! contain filler words of a sentence. Strange text leads to an error and to nothing worse.

use super::{
    error::{CodeError, Typed},
    parts::{Gap, Split, Token, fold, split},
    phrase::{CodePhrase, MAX_DRAWN_WORDS, MAX_INPUT_BYTES, MIN_PARTS},
    settle::{Guess, Spelling, join, settle},
    words,
};

impl CodePhrase {
    /// Takes a sender's own code: at least four parts of three or more letters or digits of any script, separated
    /// by dashes or spaces.
    ///
    /// A code that the receiver's [`CodePhrase::parse`] would not read back as the same code is refused. A code made only of
    /// listed words, or of their prefixes, becomes the listed code, exactly as it does at the receiver; so show the user the
    /// result, not what was typed.
    pub fn own(text: &str) -> Result<Self, CodeError> {
        read_own(text)
    }
}

/// Finds the code in a text that is not an invite link.
pub(super) fn read(text: &str) -> Result<CodePhrase, CodeError> {
    if text.len() > MAX_INPUT_BYTES {
        return Err(CodeError::InputTooLong);
    }
    let text = fold(text);
    let Split { tokens, stray } = split(&text);
    let parts: Vec<&str> = tokens.iter().map(|token| token.part).collect();
    if parts.is_empty() {
        return Err(CodeError::Empty);
    }
    if tokens.iter().all(|token| token.gap == Gap::Dash) {
        return settle(&parts);
    }
    if let Some(found) = find_dashed(&tokens).or_else(|| find_spaced(&tokens, &parts)) {
        return found;
    }
    let has_marks = tokens.iter().any(|token| token.gap.is_mark());
    let has_spaces = tokens.iter().any(|token| token.gap.has_space());
    match (settle(&parts), stray) {
        (Err(CodeError::CodeTooLong), _) if has_spaces => Err(CodeError::NoCode),
        (result, _) if !has_marks => result,
        // A mistyped code with commas or full stops between its words.
        (Err(error @ CodeError::Unknown { suggestion: Some(_), .. }), _) => Err(error),
        (_, Some(character)) if !has_spaces => Err(CodeError::BadCharacter { character }),
        _ => Err(CodeError::NoCode),
    }
}

/// Reads a sender's own code; the text must hold nothing else.
pub(super) fn read_own(text: &str) -> Result<CodePhrase, CodeError> {
    if text.len() > MAX_INPUT_BYTES {
        return Err(CodeError::InputTooLong);
    }
    let text = fold(text);
    let Split { tokens, stray } = split(&text);
    if let Some(character) = stray {
        return Err(CodeError::BadCharacter { character });
    }
    if tokens.is_empty() {
        return Err(CodeError::Empty);
    }
    let parts: Vec<&str> = tokens.iter().map(|token| token.part).collect();
    settle(&parts).map_err(|error| match error {
        CodeError::Unknown { word, .. } => CodeError::ReadsAsSlip { word },
        other => other,
    })
}

/// Looks for a code among the parts that dashes join. A listed code is preferred to a mistyped one, and that to an own code,
/// which must also stand free: the end of a web address is not a code.
fn find_dashed(tokens: &[Token<'_>]) -> Option<Result<CodePhrase, CodeError>> {
    let mut listed = Vec::new();
    let mut slip = None;
    let mut own = Vec::new();
    let mut start = 0;
    for group in tokens.chunk_by(|_, next| next.gap == Gap::Dash) {
        let end = start + group.len();
        let stands_free = group[0].gap != Gap::Mark { spaced: false }
            && tokens.get(end).is_none_or(|next| next.gap != Gap::Mark { spaced: false });
        start = end;
        if group.len() < MIN_PARTS {
            continue;
        }
        match settle(&group.iter().map(|token| token.part).collect::<Vec<_>>()) {
            Ok(code) if code.is_listed() => listed.push(code),
            Ok(code) if stands_free => own.push(code),
            Err(error @ CodeError::Unknown { .. }) => slip = slip.or(Some(error)),
            _ => {}
        }
    }
    only_one(listed).or(slip.map(Err)).or_else(|| only_one(own))
}

/// Looks for a listed code among consecutive parts, whatever separates them.
///
/// Filler words can look like abbreviations (“the code” begins *theater* and *codeword*), so only words that are written out
/// are taken from a sentence without asking; anything else is offered.
fn find_spaced(tokens: &[Token<'_>], parts: &[&str]) -> Option<Result<CodePhrase, CodeError>> {
    let written_out = parts.iter().filter(|part| words::contains(part)).count();
    let is_uniform = written_out == 0 || written_out == parts.len() || parts.len() == MIN_PARTS;
    if is_uniform && parts.len() >= MIN_PARTS && parts.iter().all(|part| words::find(part).is_some()) {
        return Some(settle(parts));
    }
    let mut certain = Vec::new();
    let mut offer = None;
    for sentence in tokens.chunk_by(|_, next| !next.gap.is_mark()) {
        let guesses: Vec<Guess<'_>> = sentence.iter().map(|token| Guess::of(token.part)).collect();
        let mut start = 0;
        for run in guesses.chunk_by(|one, next| one.is_plausible() == next.is_plausible()) {
            let is_cut_out = start > 0 && sentence[start].gap == Gap::Dash
                || sentence.get(start + run.len()).is_some_and(|next| next.gap == Gap::Dash);
            start += run.len();
            // A dash joins the run to a part that can't be a code word, so the run is a piece of something else.
            if is_cut_out || !run[0].is_plausible() {
                continue;
            }
            let doubtful = run.iter().find(|guess| guess.spelling != Spelling::WrittenOut);
            let run = trim_fillers(run);
            if !(MIN_PARTS..=MAX_DRAWN_WORDS).contains(&run.len()) {
                continue;
            }
            let written_out = run.iter().filter(|guess| guess.spelling == Spelling::WrittenOut).count();
            match doubtful {
                None => certain.push(join(run)),
                Some(guess) if written_out * 2 >= run.len() && offer.is_none() => {
                    let word = Typed::new(guess.part);
                    offer = Some(CodeError::Unknown { word, suggestion: Some(join(run)) });
                }
                Some(_) => {}
            }
        }
    }
    only_one(certain).or(offer.map(Err))
}

/// Drops abbreviations from both ends, down to the length of an ordinary code.
fn trim_fillers<'a, 'b>(mut run: &'a [Guess<'b>]) -> &'a [Guess<'b>] {
    while let [first, rest @ ..] = run
        && rest.len() >= MIN_PARTS
        && first.spelling == Spelling::Abbreviated
    {
        run = rest;
    }
    while let [rest @ .., last] = run
        && rest.len() >= MIN_PARTS
        && last.spelling == Spelling::Abbreviated
    {
        run = rest;
    }
    run
}

/// The code if there is exactly one; one that appears twice counts once.
fn only_one(codes: Vec<CodePhrase>) -> Option<Result<CodePhrase, CodeError>> {
    let mut codes = codes.into_iter();
    let first = codes.next()?;
    Some(if codes.all(|other| other == first) { Ok(first) } else { Err(CodeError::SeveralCodes) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CODE: &str = "acid-coyote-mustard-tulip";

    fn read_text(text: &str) -> String {
        read(text).unwrap_or_else(|error| panic!("{text:?}: {error}")).to_string()
    }

    fn offer(text: &str) -> Option<String> {
        match read(text) {
            Err(CodeError::Unknown { suggestion, .. }) => suggestion.map(|code| code.to_string()),
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn a_listed_code_is_read_in_every_usual_form() {
        for text in [
            CODE,
            "ACID coyote\tMustard\nTulip",
            "  acid_coyote – mustard—tulip.\n",
            "aci-coy-mus-tul",
            "acid coyo mustard tuli",
            "acid-coyote-\nmustard-tulip",
            "acid, coyote, mustard, tulip",
            "Acid. Coyote. Mustard. Tulip.",
            "acid+coyote+mustard+tulip",
            "“acid-coyote-mustard-tulip”",
            "\u{feff}ａｃｉｄ-co\u{ad}yote-mustard-tulip",
            "the code is Acid-Coyote-Mustard-Tulip, ok?",
            "the acid-coyote-mustard-tulip",
            "code:aci-coy-mus-tul",
            "Hi Ann, the code is acid coyote mustard tulip. See you, Bob",
            "it is acid-coyote-mustard-tulip (acid-coyote-mustard-tulip)",
            "state-of-the-art, see https://example.com/some-long-page-title: acid-coyote-mustard-tulip",
        ] {
            assert_eq!(read_text(text), CODE, "{text:?}");
        }
        assert_eq!(read_text("aci-coy-mus-tul-lem"), "acid-coyote-mustard-tulip-lemon");
    }

    #[test]
    fn a_slip_is_offered_and_never_repaired_silently() {
        for text in [
            "acid-coyote-mustrad-tulip",
            "acdi-coyoe-mustarrd-tulpi",
            "aci coy mustrad tul",
            "acid coyote mustrad tulip",
            "acid, coyote, mustrad, tulip",
            "acid-c0yote-mustard-tulip",
            "Hi Ann, it is acid-coyote-mustrad-tulip, see you",
            "Hi Ann, it is acid coyote mustrad tulip, see you",
        ] {
            assert_eq!(offer(text).as_deref(), Some(CODE), "{text:?}");
        }
        assert_eq!(offer("acid-coyote-mmmmmmm-tulip"), None);
        assert_eq!(offer("acid-canyon-mustang-tulip"), None);
    }

    /// `the` and `use` begin listed words. Catches a five-word code that is read where the sentence holds one of four.
    #[test]
    fn a_filler_word_that_looks_like_an_abbreviation_makes_an_offer() {
        for text in [
            "the acid coyote mustard tulip",
            "use acid coyote mustard tulip",
            "the code acid coyote mustrad tulip",
        ] {
            assert_eq!(offer(text).as_deref(), Some(CODE), "{text:?}");
        }
    }

    #[test]
    fn an_own_code_is_taken_as_it_stands() {
        for (text, code) in [
            ("blue-horse-7731-kitchen", "blue-horse-7731-kitchen"),
            ("Blue Horse 7731 Kitchen", "blue-horse-7731-kitchen"),
            ("the code is blue-horse-7731-kitchen, ok?", "blue-horse-7731-kitchen"),
            ("correct-horse-battery-staple", "correct-horse-battery-staple"),
            ("acid-coyote-mustard-7731", "acid-coyote-mustard-7731"),
            ("Größe-Straße-Küche-Bär", "größe-straße-küche-bär"),
            ("日本語-東京都-大阪府-北海道", "日本語-東京都-大阪府-北海道"),
        ] {
            assert_eq!(read_text(text), code);
        }
        // The listed words within an own code are not taken for the code.
        assert!(matches!(read("code:acid-coyote-mustard-tulip-7731"), Err(CodeError::BadCharacter { .. })));
        assert!(matches!(read("code:7731-acid-coyote-mustard-tulip now"), Err(CodeError::NoCode)));
        // A prefix of a listed word stays as it is in an own code.
        assert_eq!(read_text("aci-horse-7731-kitchen"), "aci-horse-7731-kitchen");
    }

    #[test]
    fn a_text_without_one_code_says_why() {
        let message = |text: &str| read(text).unwrap_err().to_string();
        for (text, beginning) in [
            ("", "no code was given"),
            (" -. ", "no code was given"),
            ("acid-coyote-mustard", "a code has at least 4 words, and this has 3"),
            ("blue-ho-7731-kitchen", "“ho” is too short"),
            ("blue-m&m-7731-kitchen", "a code can't hold '&'"),
            ("https://example.com/some-long-page-title", "a code can't hold ':'"),
            ("Hi Ann, how are you?", "there is no code"),
            ("acid-coyote-mustard-tulip or lemon-tiger-yogurt-zebra", "there are several codes"),
        ] {
            assert!(message(text).starts_with(beginning), "{text:?}: {}", message(text));
        }
        assert!(matches!(read(&"long ".repeat(100)), Err(CodeError::NoCode)));
        assert!(matches!(read(&"long-".repeat(100)), Err(CodeError::CodeTooLong)));
        assert!(read(&"aci-".repeat(51)).is_ok());
        assert!(matches!(read(&"aci-".repeat(64)), Err(CodeError::CodeTooLong)));
        assert!(matches!(read(&"abb-".repeat(64)), Err(CodeError::CodeTooLong)));
        assert!(matches!(read(&"x".repeat(100_000)), Err(CodeError::InputTooLong)));
        assert!(matches!(read_own(&"x".repeat(100_000)), Err(CodeError::InputTooLong)));
    }

    #[test]
    fn an_own_code_that_the_other_side_would_misread_is_refused() {
        for text in ["acid-coyote-mustrad-tulip", "acid-coyote-mmmmmmm-tulip", "acid-coyote-green-kitchen"] {
            assert!(matches!(read_own(text), Err(CodeError::ReadsAsSlip { .. })), "{text}");
        }
        assert!(matches!(
            read_own("blue-horse-77:31-kitchen"),
            Err(CodeError::BadCharacter { character: ':' })
        ));
        assert!(matches!(
            read_own("blue-horse-7731-kitchen!"),
            Err(CodeError::BadCharacter { character: '!' })
        ));
        assert!(matches!(read_own("blue-horse-kitchen"), Err(CodeError::TooFewParts { found: 3 })));
        assert!(matches!(read_own("blue-horse-77-kitchen"), Err(CodeError::PartTooShort { .. })));
        assert!(matches!(read_own(" "), Err(CodeError::Empty)));
    }

    #[test]
    fn an_own_code_of_listed_words_or_their_prefixes_is_the_listed_code() {
        assert_eq!(read_own("aci coy mus Tulip").unwrap().to_string(), CODE);
    }

    fn part() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-zA-Z]{3,8}",
            "[0-9a-z]{2,6}",
            "\\PC{3,6}",
            "[A-ZΑ-Ωä-üÄ-Üσßİſǅ]{3,6}",
            any::<prop::sample::Index>().prop_map(|index| {
                let words: Vec<_> = words::completions("").collect();
                (*index.get(&words)).to_owned()
            }),
            (any::<prop::sample::Index>(), 0..6_usize).prop_map(|(index, at)| {
                let words: Vec<_> = words::completions("").collect();
                let mut word = (*index.get(&words)).to_owned();
                word.truncate(at.max(3));
                word
            }),
        ]
    }

    proptest! {
        #[test]
        fn what_a_sender_may_use_the_receiver_reads_back(
            parts in prop::collection::vec(part(), 4..8),
            separator in "[-_ –\n]{1,2}",
        ) {
            if let Ok(code) = read_own(&parts.join(&separator)) {
                let shown = code.to_string();
                prop_assert_eq!(&read(&shown).unwrap(), &code);
                prop_assert_eq!(&read_own(&shown).unwrap(), &code);
                prop_assert_eq!(&read(&format!(" “{shown}”.\n")).unwrap(), &code);
            }
        }

        #[test]
        fn no_text_makes_reading_panic(text in any::<String>(), parts in prop::collection::vec(part(), 0..40)) {
            drop(read(&text));
            drop(read_own(&text));
            drop(read(&parts.join(" ")));
            drop(read(&parts.join("-")));
            drop(read(&parts.join(&text)));
        }
    }
}
