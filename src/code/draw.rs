//! Drawing a code from the operating system's generator.

use zeroize::Zeroize;

use super::{
    error::CodeError,
    phrase::{CodePhrase, MAX_DRAWN_WORDS, MIN_PARTS},
    words,
};

impl CodePhrase {
    /// Draws a code of four to six words from the operating system's generator, each word equally likely.
    pub fn generate(words: usize) -> Result<Self, CodeError> {
        if !(MIN_PARTS..=MAX_DRAWN_WORDS).contains(&words) {
            return Err(CodeError::WordCount { asked: words });
        }
        let drawn = (0..words).map(|_| draw_word()).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::from_parts(&drawn))
    }
}

fn draw_word() -> Result<&'static str, CodeError> {
    let mut bytes = [0; 2];
    // Each round succeeds with a probability of 98.9 %, so the loop ends.
    loop {
        getrandom::fill(&mut bytes)?;
        let word = words::from_random(u16::from_le_bytes(bytes));
        bytes.zeroize();
        if let Some(word) = word {
            return Ok(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::MIN_PART_CHARS;

    #[test]
    fn a_drawn_code_has_the_words_asked_for_and_reads_back() {
        for words in MIN_PARTS..=MAX_DRAWN_WORDS {
            let code = CodePhrase::generate(words).unwrap();
            assert_eq!(code.words().count(), words);
            assert!(code.is_listed());
            assert!(code.words().all(|word| word.len() >= MIN_PART_CHARS));
            assert_eq!(CodePhrase::parse(&code.to_string()).unwrap(), code);
            assert_eq!(CodePhrase::own(&code.to_string()).unwrap(), code);
        }
        assert_ne!(CodePhrase::generate(6).unwrap(), CodePhrase::generate(6).unwrap());
    }

    #[test]
    fn a_code_of_too_few_or_too_many_words_is_not_drawn() {
        for words in [0, 3, 7, usize::MAX] {
            assert!(matches!(CodePhrase::generate(words), Err(CodeError::WordCount { .. })));
        }
    }
}
