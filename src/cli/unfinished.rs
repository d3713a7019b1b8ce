//! `caiman unfinished`: lists and removes what interrupted transfers left on this machine.

use serde_json::json;

use super::{exit::Exit, output, people, report::failure};
use crate::{
    engine::{Registry, Unfinished},
    store::Store,
    transfer::show::{self, Shown},
};

/// Lists the interrupted transfers, or removes what is here of one.
pub(super) fn run(discard: Option<&str>, json: bool) -> Exit {
    let registry = Registry::at(Store::unfinished_folder());
    let Some(id) = discard else {
        let list = registry.list();
        if list.is_empty() && !json {
            output::line("No transfer was interrupted.");
        }
        for unfinished in &list {
            let line = if json { as_json(unfinished) } else { as_line(unfinished) };
            if output::data_now(format!("{line}\n").as_bytes()).is_err() {
                return Exit::Failed;
            }
        }
        if !list.is_empty() && !json {
            output::line(
                "To resume one, have the same files sent again and receive them into the same folder.",
            );
        }
        return Exit::Done;
    };
    let offer = registry.list().into_iter().find(|unfinished| unfinished.id == id).map(|found| found.offer);
    match registry.discard(id) {
        Ok(true) => {
            if let Some(offer) = &offer {
                people::note_discarded(offer);
            }
            Exit::Done
        }
        Ok(false) => {
            let problem = format!(
                "there is no interrupted transfer “{}”, or it is running again\ncaiman unfinished lists the interrupted transfers.",
                Shown(id)
            );
            output::line(failure(&problem));
            Exit::Usage
        }
        Err(error) => {
            output::line(failure(&format!("the interrupted transfer can't be removed: {error}")));
            Exit::Failed
        }
    }
}

fn as_line(unfinished: &Unfinished) -> String {
    let Unfinished { id, folder, names, count, bytes, held, .. } = unfinished;
    let more = count - names.len();
    let mut what = Shown(&names.join(", ")).to_string();
    if more > 0 {
        what = format!("{what} and {more} more");
    }
    let folder = folder.to_string_lossy();
    format!("{id}  {} of {}  {what}  in {}", show::bytes(*held), show::bytes(*bytes), Shown(&folder))
}

fn as_json(unfinished: &Unfinished) -> String {
    let Unfinished { id, folder, names, count, bytes, held, .. } = unfinished;
    json!({ "id": id, "folder": folder.to_string_lossy(), "names": names, "count": count, "bytes": bytes, "held": held })
        .to_string()
}
