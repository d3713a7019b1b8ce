//! Asks for the code on a terminal: again after an empty line or a code that can't be, and whether a repaired code is meant.

use std::io::{self, IsTerminal};

use tokio::task::spawn_blocking;

use super::{interrupts::Interrupts, output, report::sentence};
use crate::{
    code::{CodeError, CodePhrase, Invite},
    engine::TypedCode,
};

/// How often the code is asked for. A user who has no code by then has to look for it first.
const MOST_TRIES: usize = 5;

/// Why there is no code.
pub(super) enum NoCode {
    /// What was given last is none.
    Unusable(CodeError),
    /// The user has ended the program instead.
    Ended,
}

impl From<CodeError> for NoCode {
    fn from(error: CodeError) -> Self {
        Self::Unusable(error)
    }
}

/// The code that was `given` on the command line or in the environment, or else the one that the user types, as `read` reads it.
pub(super) async fn for_code(
    given: Option<String>,
    read: impl Fn(&str) -> Result<TypedCode, CodeError>,
    interrupts: &mut Interrupts,
) -> Result<TypedCode, NoCode> {
    if !io::stdin().is_terminal() {
        let text = match given {
            Some(text) => text,
            // If the line can't be read, the code is empty and is refused with a message.
            None => line(String::new(), interrupts).await?.unwrap_or_default(),
        };
        return Ok(read(&text)?);
    }
    let is_given = given.is_some();
    let mut next = given;
    let mut tries = 0;
    loop {
        let text = match next.take() {
            Some(text) => text,
            None => line("Code: ".to_owned(), interrupts).await?.ok_or(NoCode::Ended)?,
        };
        tries += 1;
        let error = match read(&text) {
            Ok(typed) => return Ok(typed),
            Err(error) => error,
        };
        if let CodeError::Unknown { word, suggestion: Some(repaired) } = &error
            && !names_server(&text)
        {
            output::line(format_args!("“{word}” is not one of the code words."));
            if is_meant(repaired, interrupts).await? {
                return Ok(TypedCode::Caiman(Invite::new(repaired.clone(), None)?));
            }
        } else if is_given && tries == 1 || tries == MOST_TRIES {
            return Err(error.into());
        } else if matches!(error, CodeError::Empty) {
            output::line("Type the four words that the sender reads out. Ctrl-C ends this.");
        } else {
            output::line(sentence(&error.to_string()));
        }
        if tries == MOST_TRIES {
            return Err(error.into());
        }
    }
}

/// Whether the user means the repaired code.
async fn is_meant(repaired: &CodePhrase, interrupts: &mut Interrupts) -> Result<bool, NoCode> {
    let answer = line(format!("Did you mean {repaired}? [Y/n] "), interrupts).await?.ok_or(NoCode::Ended)?;
    Ok(matches!(answer.trim(), "" | "y" | "Y" | "yes" | "Yes" | "YES"))
}

/// Whether a line names a server beside its code. The repaired code alone would lead elsewhere then.
fn names_server(text: &str) -> bool {
    text.contains(['?', ':'])
        || text.split_whitespace().any(|word| word.starts_with("-s") || word.contains("server"))
}

/// A line that the user types after `question`; `None` if there is no more.
async fn line(question: String, interrupts: &mut Interrupts) -> Result<Option<String>, NoCode> {
    let asking = spawn_blocking(move || {
        output::prompt(question);
        let mut line = String::new();
        if let Ok(1..) = io::stdin().read_line(&mut line) {
            return Some(line);
        }
        // The end of the input leaves the cursor behind the question.
        if io::stdin().is_terminal() {
            output::line("");
        }
        None
    });
    tokio::select! {
        line = asking => Ok(line.unwrap_or_default()),
        () = interrupts.next() => Err(NoCode::Ended),
    }
}
