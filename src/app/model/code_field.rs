//! The code field: the word being typed, its completions, the repair of slips. `views::receive` draws it.

use std::ops::Range;

use crate::{
    code::{CodeError, CodePhrase, Invite, MIN_PARTS, words},
    engine::{CrocCode, FoundCode, TypedCode, read_code},
};

/// How many completions are offered at once: as many as can be read at a glance.
const MAX_OFFERED: usize = 5;

/// The text of the field and the state of its list of completions.
#[derive(Debug, Default)]
pub(in crate::app) struct CodeField {
    /// What was typed so far.
    pub(in crate::app) text: String,
    /// The relay that an invite link named, of which only the code stands in the field.
    pub(in crate::app) server: Option<String>,
    /// The croc code of which the text was put into the field, with what else the line or the link around it said.
    pub(in crate::app) croc: Option<FoundCode>,
    /// What is to be selected of a text that was put into the field, in characters; an empty range is where the caret
    /// goes.
    pub(in crate::app) selects: Option<Range<usize>>,
    /// Which of the completions is chosen.
    pub(in crate::app) chosen: usize,
    /// Whether Escape has closed the list for this word.
    pub(in crate::app) is_closed: bool,
    /// Whether Enter was pressed on this text. Only then is it called wrong: it is not while it is still being typed.
    pub(in crate::app) was_tried: bool,
    /// Whether the page has to scroll so that the field can be seen.
    pub(in crate::app) wants_sight: bool,
}

/// What the text amounts to so far.
pub(in crate::app) enum Reading {
    /// Nothing.
    Empty,
    /// It may still become a code.
    Typing,
    /// A code, perhaps with the relay on which its sender is found.
    Code(Invite),
    /// A code of croc.
    Croc(FoundCode),
    /// A code that Caiman and croc may both have.
    Either(Invite, FoundCode),
    /// A code with a slip in it.
    Slip {
        /// The word that isn't in the list.
        word: String,
        /// The repaired code, which the user has to confirm.
        repaired: CodePhrase,
    },
    /// It can't become a code.
    Wrong(CodeError),
}

impl Reading {
    /// Whether it can be received with.
    pub(in crate::app) fn can_receive(&self) -> bool {
        matches!(self, Self::Code(_) | Self::Either(..) | Self::Croc(_))
    }
}

impl CodeField {
    /// Reads the text.
    pub(in crate::app) fn read(&self) -> Reading {
        if self.text.trim().is_empty() {
            return Reading::Empty;
        }
        if let Some(found) = &self.croc
            && let Some(code) = CrocCode::new(self.text.trim())
        {
            return Reading::Croc(FoundCode { code, ..found.clone() });
        }
        match read_code(&self.text) {
            Ok(TypedCode::Caiman(invite)) => Reading::Code(self.to_server(invite)),
            Ok(TypedCode::Either(invite, _)) if self.server.is_some() => {
                Reading::Code(self.to_server(invite))
            }
            Ok(TypedCode::Either(invite, found)) => Reading::Either(invite, found),
            Ok(TypedCode::Croc(found)) => Reading::Croc(found),
            Err(CodeError::Unknown { word, suggestion: Some(repaired) }) => {
                Reading::Slip { word: word.to_string(), repaired }
            }
            Err(CodeError::Empty | CodeError::TooFewParts { .. } | CodeError::Unknown { .. })
                if !self.was_tried =>
            {
                Reading::Typing
            }
            Err(error) => Reading::Wrong(error),
        }
    }

    /// The invite with the relay of the link that was put into the field, unless it names one itself.
    fn to_server(&self, invite: Invite) -> Invite {
        match &self.server {
            Some(server) if invite.server().is_none() => {
                Invite::new(invite.code().clone(), Some(server)).unwrap_or(invite)
            }
            _ => invite,
        }
    }

    /// The beginning of the word that is being typed.
    fn prefix(&self) -> &str {
        self.text.rsplit(is_gap).next().unwrap_or_default()
    }

    fn finished_words(&self) -> usize {
        self.text.split(is_gap).filter(|word| !word.is_empty()).count()
            - usize::from(!self.prefix().is_empty())
    }

    /// The words that the one being typed may become, the most likely first; none once it is complete.
    pub(in crate::app) fn completions(&self) -> Vec<&'static str> {
        let prefix = self.prefix().to_lowercase();
        let is_link = self.text.contains(':');
        if self.is_closed || is_link || prefix.is_empty() || words::contains(&prefix) {
            return Vec::new();
        }
        words::completions(&prefix).take(MAX_OFFERED).collect()
    }

    /// How many letters of a completion are already typed.
    pub(in crate::app) fn typed_letters(&self) -> usize {
        self.prefix().chars().count()
    }

    /// Moves the choice up or down by one, around the ends.
    pub(in crate::app) fn choose_next(&mut self, is_up: bool) {
        let count = self.completions().len().max(1);
        self.chosen = if is_up { self.chosen + count - 1 } else { self.chosen + 1 } % count;
    }

    /// Takes a completion, and begins the next word if one is missing.
    pub(in crate::app) fn take(&mut self, word: &str) {
        let keep = self.text.len() - self.prefix().len();
        let is_last = self.finished_words() + 1 >= MIN_PARTS;
        self.text.truncate(keep);
        self.text.push_str(word);
        if !is_last {
            self.text.push('-');
        }
        self.edited();
    }

    /// Starts over with a changed text. Every change has to be followed by this.
    pub(in crate::app) fn edited(&mut self) {
        (self.chosen, self.is_closed, self.was_tried) = (0, false, false);
        if self.text.trim().is_empty() {
            (self.server, self.croc) = (None, None);
        }
    }

    /// Replaces the text. Of a link, or of any text that contains one code, only the code is put in, and its relay is kept
    /// beside it. The caret goes to the end.
    pub(in crate::app) fn set(&mut self, text: String) {
        (self.text, self.server, self.croc) = (text, None, None);
        self.take_link();
        let end = self.text.chars().count();
        self.selects = Some(end..end);
        self.edited();
    }

    /// Puts in a code with which the sender was not found, or that is wrong from its third word on, so that it can be
    /// corrected. The words that are likely to be wrong are selected.
    pub(in crate::app) fn correct(&mut self, code: &CodePhrase, server: Option<String>, is_found: bool) {
        self.set(code.to_string());
        self.server = server;
        let mut gaps = self.text.char_indices().filter(|(_, c)| *c == '-').map(|(place, _)| place);
        let behind_second = gaps.nth(1).map_or(self.text.len(), |place| self.text[..place].chars().count());
        let end = self.text.chars().count();
        self.selects = Some(if is_found { (behind_second + 1).min(end)..end } else { 0..behind_second });
    }

    /// Puts in a code of croc with which the sender was not found, so that it can be corrected.
    pub(in crate::app) fn correct_croc(&mut self, found: FoundCode) {
        self.set(found.code.as_str().to_owned());
        self.croc = Some(found);
    }

    /// Replaces a link, or another text around one code, with the code. The caret goes to its end.
    pub(in crate::app) fn take_link(&mut self) {
        let code = match read_code(&self.text) {
            Ok(TypedCode::Caiman(invite) | TypedCode::Either(invite, _)) => {
                let code = invite.code().to_string();
                if code != self.text {
                    self.server = invite.server().map(str::to_owned).or(self.server.take());
                }
                code
            }
            Ok(TypedCode::Croc(found)) => {
                let code = found.code.as_str().to_owned();
                if code != self.text {
                    (self.server, self.croc) = (None, Some(found));
                }
                code
            }
            Err(_) => return,
        };
        if code != self.text {
            let end = code.chars().count();
            (self.text, self.selects) = (code, Some(end..end));
        }
    }
}

fn is_gap(c: char) -> bool {
    c == '-' || c.is_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(text: &str) -> CodeField {
        CodeField { text: text.to_owned(), ..CodeField::default() }
    }

    #[test]
    fn words_are_completed_and_a_dash_follows_until_the_last() {
        let mut field = field("ac");
        assert!(field.completions().contains(&"acid"));
        field.take("acid");
        assert_eq!(field.text, "acid-");
        field.text.push_str("coyote mustard tul");
        assert_eq!(field.completions(), ["tulip"]);
        field.take("tulip");
        assert_eq!(field.text, "acid-coyote mustard tulip");
        assert!(field.completions().is_empty());
        assert!(matches!(field.read(), Reading::Code(_)));
    }

    #[test]
    fn a_slip_is_offered_for_repair_and_never_repaired_silently() {
        let Reading::Slip { word, repaired } = field("acid-coyote-mustrad-tulip").read() else {
            panic!("no slip was seen");
        };
        assert_eq!((word.as_str(), repaired.to_string().as_str()), ("mustrad", "acid-coyote-mustard-tulip"));
    }

    #[test]
    fn nothing_is_called_wrong_while_it_is_being_typed() {
        let mut field = field("acid coyote");
        assert!(matches!(field.read(), Reading::Typing));
        field.was_tried = true;
        assert!(matches!(field.read(), Reading::Wrong(CodeError::TooFewParts { .. })));
    }

    #[test]
    fn an_invite_link_is_read_and_not_completed() {
        let field = field("caiman:acid-coyote-mustard-tulip?server=192.0.2.7:27001");
        assert!(field.completions().is_empty());
        let Reading::Code(invite) = field.read() else { panic!("the link was not read") };
        assert_eq!(invite.server(), Some("192.0.2.7:27001"));
    }

    #[test]
    fn a_link_that_is_put_in_shows_its_code_and_keeps_its_relay() {
        let mut field = CodeField::default();
        field.set("caiman:acid-coyote-mustard-tulip?server=192.0.2.7:27001".to_owned());
        assert_eq!(field.text, "acid-coyote-mustard-tulip");
        assert_eq!(field.selects, Some(25..25));
        let Reading::Code(invite) = field.read() else { panic!("the code was not read") };
        assert_eq!(invite.server(), Some("192.0.2.7:27001"));
        field.set("caiman:aci-coy-mus-tul".to_owned());
        assert_eq!((field.text.as_str(), field.server.as_deref()), ("acid-coyote-mustard-tulip", None));
        field.set("caiman:acid-coyote-mustard-tulip?server=192.0.2.7:27001".to_owned());
        field.text.clear();
        field.edited();
        assert_eq!(field.server, None, "the next code has nothing to do with it");
    }

    #[test]
    fn a_code_comes_back_with_the_suspicious_words_selected() {
        let code: CodePhrase = "acid-coyote-mustard-tulip".parse().unwrap();
        let mut field = CodeField::default();
        field.correct(&code, Some("192.0.2.7:27001".to_owned()), false);
        assert_eq!(field.selects, Some(0..11));
        field.correct(&code, None, true);
        assert_eq!((field.selects.clone(), field.server.as_deref()), (Some(12..25), None));
    }

    #[test]
    fn a_line_of_croc_shows_its_code_and_keeps_its_relay() {
        let mut field = CodeField::default();
        field.set("croc --relay 192.0.2.7:9009 acid-acorn-acre".to_owned());
        assert_eq!(field.text, "acid-acorn-acre");
        let Reading::Croc(found) = field.read() else { panic!("the code was not read") };
        assert_eq!(found.relay.as_deref(), Some("192.0.2.7:9009"));
        field.text = "acid-acorn-ache".to_owned();
        field.edited();
        let Reading::Croc(found) = field.read() else { panic!("the code was not read") };
        assert_eq!(
            (found.code.as_str(), found.relay.as_deref()),
            ("acid-acorn-ache", Some("192.0.2.7:9009"))
        );
        field.text.clear();
        field.edited();
        assert!(field.croc.is_none(), "the next code has nothing to do with it");
        field.set("acid acorn acre".to_owned());
        assert!(matches!(field.read(), Reading::Croc(_)));
    }

    #[test]
    fn arrows_go_round() {
        let mut field = field("a");
        field.choose_next(true);
        assert_eq!(field.chosen, MAX_OFFERED - 1);
        field.choose_next(false);
        assert_eq!(field.chosen, 0);
    }
}
