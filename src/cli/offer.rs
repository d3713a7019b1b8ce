//! An offer as the user of a headless command reads it, and the question below it.

use std::{fmt, io};

use serde_json::{Value, json};

use super::{output, report::sentence};
use crate::{
    engine::{AlreadyHere, Choices, NotKept, Offer, OnConflict, OnMerge, Top},
    protocol::manifest::{EntryKind, Manifest, OfferKind},
    transfer::{
        plan::placement::Target,
        show::{self, Shown},
    },
};

/// How many entries are shown of a folder that is offered alone: they fit on a terminal of 24 lines.
const SHOWN_ENTRIES: usize = 20;
/// How many names are repeated below an offer. All of them stand in it.
const SHOWN_NAMES: usize = 10;
/// How many names at the top of an offer are printed as JSON.
pub(super) const MAX_TOPS: usize = 10_000;

/// What the arguments say about the answer to an offer.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(super) struct ReceivePolicy {
    /// Whether every offer is accepted.
    pub(super) accepts: bool,
    pub(super) on_conflict: OnConflict,
    pub(super) on_merge: OnMerge,
    /// Paths that are not wanted.
    pub(super) exclude: Vec<String>,
    pub(super) resumes: bool,
    pub(super) allows_hidden: bool,
    pub(super) ignores_space: bool,
    /// Under which name to remember the sender.
    pub(super) remember: Option<String>,
}

impl ReceivePolicy {
    /// Whether a path, or a folder that it is in, is not wanted.
    pub(super) fn excludes(&self, path: &str) -> bool {
        let is_below = |path: &str, prefix: &str| {
            path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        // A name that isn't Unicode is known to the user only as it is shown.
        let shown = (!path.is_ascii()).then(|| Shown(path).to_string());
        self.exclude.iter().map(|prefix| prefix.trim_end_matches('/')).any(|prefix| {
            is_below(path, prefix) || shown.as_ref().is_some_and(|shown| is_below(shown, prefix))
        })
    }

    /// Whether this is a hidden name that doesn't come into the home folder.
    pub(super) fn leaves_out(&self, top: &Top<'_>) -> bool {
        top.is_guarded && !self.allows_hidden
    }

    /// The answer that accepts an offer without these entries.
    pub(super) fn choices(&self, unwanted: impl Iterator<Item = usize>) -> Choices {
        Choices {
            resumes: self.resumes,
            unwanted: unwanted.filter_map(|index| u32::try_from(index).ok()).collect(),
            on_conflict: self.on_conflict,
            on_merge: self.on_merge,
            allows_hidden: self.allows_hidden,
            ignores_space: self.ignores_space,
            ..Choices::default()
        }
    }
}

/// The question below an offer.
#[derive(Clone, Copy)]
pub(super) enum OfferQuestion {
    /// Whether to accept.
    Plain,
    /// Whether the offer is accepted, and whether its folders are merged with those that are there.
    Merge,
}

/// What the user answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum UserReply {
    /// The offer is declined.
    No,
    /// It is accepted as the arguments say.
    Yes,
    /// It is accepted, and folders are merged.
    Merge,
}

impl fmt::Display for OfferQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "Receive this? [y/N] ",
            Self::Merge => "Receive this? [y/N, m to merge the folders] ",
        })
    }
}

impl OfferQuestion {
    /// Asks on the terminal. Blocks until the user has typed a line.
    pub(super) fn ask(self) -> UserReply {
        output::prompt(self);
        let mut line = String::new();
        match io::stdin().read_line(&mut line) {
            Ok(_) => self.reply(line.trim()),
            Err(_) => UserReply::No,
        }
    }

    fn reply(self, line: &str) -> UserReply {
        match (self, line) {
            (_, "y" | "Y" | "yes" | "Yes" | "YES") => UserReply::Yes,
            (Self::Merge, "m" | "M" | "merge") => UserReply::Merge,
            _ => UserReply::No,
        }
    }
}

/// `3 files, 1.2 GiB, are here already and are not sent again.`
pub(super) fn here_line(here: &AlreadyHere) -> String {
    let (files, bytes) = (show::count(here.files(), "file", "files"), show::bytes(here.bytes()));
    let are = if here.files() == 1 { "is" } else { "are" };
    format!("{files}, {bytes}, {are} here already and {are} not sent again.")
}

/// Says which hidden names are left out, and why.
pub(super) fn left_out_line(names: &[&str]) -> String {
    format!(
        "Left out: {}. Programs look for such names in the home folder, and some run what they find. Add --allow-hidden to \
         receive them there.",
        listed(names)
    )
}

/// The first few names, and how many there are besides.
fn listed(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(SHOWN_NAMES).map(|name| Shown(name).to_string()).collect();
    match names.len().checked_sub(SHOWN_NAMES) {
        Some(more @ 1..) => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}

/// An offer for a script.
pub(super) fn fields(offer: &Offer, tops: &[Top<'_>], here: &AlreadyHere, policy: &ReceivePolicy) -> Value {
    let conflicts = offer.conflicts(here, policy.on_merge);
    let repaired: Vec<_> =
        offer.repaired().map(|(theirs, here)| json!({ "from": theirs, "to": here })).collect();
    let named = tops.iter().take(MAX_TOPS).map(|top| {
        json!({
            "name": top.name, "files": top.files, "bytes": top.bytes, "hidden": top.is_hidden, "merges": top.merges,
        })
    });
    json!({
        "kind": format!("{:?}", offer.manifest.kind()).to_lowercase(),
        "entries": offer.manifest.entries().len(),
        "files": offer.manifest.files(),
        "bytes": offer.manifest.bytes(),
        "data_bytes": offer.manifest.data_bytes(),
        "too_large": offer.too_large.len(),
        "free": offer.free,
        "resumable": if policy.resumes { offer.resumable } else { 0 },
        "here": here.files(),
        "here_bytes": here.bytes(),
        "conflicts": conflicts.len(),
        "replaced": conflicts.iter().filter(|target| target.comes_to(policy.on_conflict) == OnConflict::Replace).count(),
        "repaired": repaired,
        "tops": named.collect::<Vec<_>>(),
        "more_tops": tops.len().saturating_sub(MAX_TOPS),
    })
}

/// An offer for the user, line by line. `name` is what the sender's computer calls itself, fit to be shown.
pub(super) fn describe(
    offer: &Offer,
    name: Option<&str>,
    tops: &[Top<'_>],
    here: &AlreadyHere,
    policy: &ReceivePolicy,
) -> Vec<String> {
    let manifest = &offer.manifest;
    let offered = name.map_or_else(|| "Offered:".to_owned(), |name| format!("{name} offers"));
    let mut lines = match (manifest.kind(), name) {
        (OfferKind::Text, Some(name)) => return vec![format!("A text from {name}:")],
        (OfferKind::Text, None) => return vec!["A text:".to_owned()],
        (OfferKind::Stream, _) => vec![format!("{offered} a file whose size is not known yet")],
        (OfferKind::Files, _) => vec![format!(
            "{offered} {}, {}{}",
            show::count(manifest.files(), "file", "files"),
            show::bytes(manifest.bytes()),
            data_part(manifest)
        )],
    };
    match tops {
        [alone] if manifest.entries().len() > 1 => {
            lines.push(top_line(offer, alone, here));
            lines.extend(entry_lines(offer, here));
        }
        _ => lines.extend(tops.iter().map(|top| top_line(offer, top, here))),
    }
    if let (Some(folder), Some(free)) = (&offer.folder, offer.free) {
        lines.push(format!("Into {} ({} free)", Shown(&folder.to_string_lossy()), show::bytes(free)));
    }
    if offer.resumable > 0 {
        let line = "of it is here already from an interrupted transfer and is not sent again";
        lines.push(format!("{} {line}", show::bytes(offer.resumable)));
    }
    let kept = offer.not_sent_again(here, policy.on_merge);
    if kept.files() > 0 {
        lines.push(here_line(&kept));
    }
    if here.is_growing() {
        lines.push("Comparing with what is here already…".to_owned());
    }
    if let Some(error) = &offer.unusable {
        lines.push(sentence(&error.to_string()));
    }
    // A long list has scrolled away, so what is unusual about it stands here again.
    let hidden: Vec<&str> = tops.iter().filter(|top| top.is_hidden).map(|top| top.name).collect();
    if !hidden.is_empty() {
        lines.push(format!(
            "{} hidden: {}",
            show::count(hidden.len() as u64, "name is", "names are"),
            listed(&hidden)
        ));
    }
    let merging = tops.iter().filter(|top| top.merges && !policy.leaves_out(top));
    let merging: Vec<&str> = merging.map(|top| top.name).collect();
    if !merging.is_empty() {
        let what = match policy.on_merge {
            OnMerge::Skip => "left out",
            OnMerge::Merge => "merged with what arrives",
            OnMerge::KeepBoth => {
                "kept; what arrives gets a number in its name, unless you merge them (--merge)"
            }
        };
        let are = show::count(merging.len() as u64, "folder is", "folders are");
        lines.push(format!("{are} already there ({}): {what}", listed(&merging)));
    }
    let conflicts = offer.conflicts(here, policy.on_merge);
    for (outcome, what) in [
        (OnConflict::Skip, "left out"),
        (OnConflict::Replace, "replaced"),
        (OnConflict::KeepBoth, "kept; what arrives gets a number in its name"),
    ] {
        let comes_to_it = |target: &&&Target| target.comes_to(policy.on_conflict) == outcome;
        let count = conflicts.iter().filter(comes_to_it).count() as u64;
        if count > 0 {
            lines.push(format!("{} already there: {what}", show::count(count, "name is", "names are")));
        }
    }
    lines.extend(too_large_lines(offer));
    for (theirs, here) in offer.repaired().take(SHOWN_ENTRIES) {
        lines.push(format!("Can't be named {} here: it becomes {}", Shown(theirs), Shown(here)));
    }
    lines
}

/// How much of an offer is more than holes, if it has any.
fn data_part(manifest: &Manifest) -> String {
    match manifest.data_bytes() {
        data if data < manifest.bytes() => format!(" ({} without holes)", show::bytes(data)),
        _ => String::new(),
    }
}

/// Says which files are too large for the disk.
fn too_large_lines(offer: &Offer) -> Vec<String> {
    let names = offer.too_large.iter().filter_map(|entry| offer.manifest.entries().get(*entry as usize));
    let names: Vec<&str> = names.map(|entry| entry.path.as_str()).collect();
    if names.is_empty() {
        return Vec::new();
    }
    let most = show::bytes(offer.largest_file);
    vec![format!(
        "Left out, because a file can have at most {most} there: {}. Choose a folder on another disk with --out to receive all.",
        listed(&names)
    )]
}

/// What a disk could not keep of files that are in place, one sentence for each kind.
pub(super) fn not_kept_lines(not_kept: NotKept) -> Vec<String> {
    let NotKept { times, executable, private } = not_kept;
    let files = |count| show::count(count, "file", "files");
    let mut lines = Vec::new();
    if times > 0 {
        lines.push(format!(
            "The disk does not keep when a file was changed: {} got another time.",
            files(times)
        ));
    }
    if executable > 0 {
        lines.push(format!(
            "The disk does not keep which files are programs: {} can't be run.",
            files(executable)
        ));
    }
    if private > 0 {
        lines.push(format!(
            "The disk does not keep who may read a file: {} that only the sender could read can be read by others here.",
            files(private)
        ));
    }
    lines
}

/// `  photos/  21 files, 3.0 MiB (already there)`
fn top_line(offer: &Offer, top: &Top<'_>, here: &AlreadyHere) -> String {
    let Some(entry) = offer.manifest.entries().get(top.entry as usize) else { return String::new() };
    let name = Shown(top.name);
    let mut line = match &entry.kind {
        EntryKind::File { size, .. } if here.contains(top.entry as usize) => {
            format!("  {name}  {}, already here", show::bytes(*size))
        }
        EntryKind::File { size, .. } => format!("  {name}  {}", show::bytes(*size)),
        EntryKind::Folder { .. } => {
            format!("  {name}/  {}, {}", show::count(top.files, "file", "files"), show::bytes(top.bytes))
        }
        EntryKind::Link { target, .. } => format!("  {name} -> {}", Shown(target.as_str())),
    };
    let marks: Vec<&str> = [(top.is_hidden, "hidden"), (top.merges, "a folder of this name is there")]
        .into_iter()
        .filter_map(|(holds, mark)| holds.then_some(mark))
        .collect();
    if !marks.is_empty() {
        line = format!("{line} ({})", marks.join("; "));
    }
    line
}

/// The first entries in the only folder of an offer.
fn entry_lines(offer: &Offer, here: &AlreadyHere) -> Vec<String> {
    let entries = offer.manifest.entries();
    let mut lines = Vec::new();
    for (index, entry) in entries.iter().enumerate().skip(1).take(SHOWN_ENTRIES) {
        let path = Shown(entry.path.as_str());
        lines.push(match &entry.kind {
            EntryKind::File { size, .. } if here.contains(index) => {
                format!("    {path}  {}, already here", show::bytes(*size))
            }
            EntryKind::File { size, .. } => format!("    {path}  {}", show::bytes(*size)),
            EntryKind::Folder { .. } => format!("    {path}/"),
            EntryKind::Link { target, .. } => format!("    {path} -> {}", Shown(target.as_str())),
        });
    }
    if let Some(more @ 1..) = entries.len().checked_sub(SHOWN_ENTRIES + 1) {
        lines.push(format!("    … and {more} more"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn policy(on_merge: OnMerge) -> ReceivePolicy {
        ReceivePolicy {
            accepts: false,
            on_conflict: OnConflict::KeepBoth,
            on_merge,
            exclude: vec!["b/".to_owned()],
            resumes: true,
            allows_hidden: false,
            ignores_space: false,
            remember: None,
        }
    }

    fn offer(names: &[&str]) -> Offer {
        let entries: Vec<(&str, u64)> = names.iter().map(|name| (*name, 1)).collect();
        Offer::new(Arc::new(Manifest::made_up(OfferKind::Files, &entries)))
    }

    /// Catches a list that ends before the name that matters, and one in the sender's order.
    #[test]
    fn every_name_at_the_top_is_shown_hidden_ones_first_and_again_at_the_end() {
        let pictures: Vec<String> = (0..300).map(|number| format!("{number}.jpg")).collect();
        let mut names: Vec<&str> = pictures.iter().map(String::as_str).collect();
        names.extend([".ssh/", ".ssh/authorized_keys", ".zshenv"]);
        let offer = offer(&names);
        let tops = offer.tops(&offer.here);
        let lines = describe(&offer, None, &tops, &offer.here, &policy(OnMerge::KeepBoth));
        assert_eq!(lines[1..3], ["  .ssh/  1 file, 1 byte (hidden)", "  .zshenv  1 byte (hidden)"]);
        assert!(pictures.iter().all(|name| lines.contains(&format!("  {name}  1 byte"))));
        assert_eq!(lines.last().unwrap(), "2 names are hidden: .ssh, .zshenv");
    }

    #[test]
    fn a_script_gets_a_bounded_number_of_names() {
        let names: Vec<String> = (0..MAX_TOPS + 5).map(|number| number.to_string()).collect();
        let offer = offer(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let tops = offer.tops(&offer.here);
        let fields = fields(&offer, &tops, &offer.here, &policy(OnMerge::KeepBoth));
        assert_eq!((fields["tops"].as_array().unwrap().len(), &fields["more_tops"]), (MAX_TOPS, &json!(5)));
    }

    #[test]
    fn a_folder_alone_is_shown_with_its_first_entries() {
        let names: Vec<String> = (0..25).map(|number| format!("a/{number}")).collect();
        let names: Vec<&str> = ["a/"].into_iter().chain(names.iter().map(String::as_str)).collect();
        let offer = offer(&names);
        let lines =
            describe(&offer, Some("Ann"), &offer.tops(&offer.here), &offer.here, &policy(OnMerge::Merge));
        assert_eq!(
            lines[..3],
            ["Ann offers 25 files, 25 bytes", "  a/  25 files, 25 bytes", "    a/0  1 byte"]
        );
        assert_eq!(lines.last().unwrap(), "    … and 5 more");
    }

    #[test]
    fn only_a_question_about_merging_takes_that_answer() {
        assert!(
            OfferQuestion::Merge.reply("m") == UserReply::Merge
                && OfferQuestion::Plain.reply("m") == UserReply::No
        );
        for question in [OfferQuestion::Merge, OfferQuestion::Plain] {
            assert!(question.reply("y") == UserReply::Yes && question.reply("") == UserReply::No);
        }
    }

    #[test]
    fn an_excluded_folder_and_all_in_it_is_unwanted() {
        let policy = policy(OnMerge::Merge);
        assert!(policy.excludes("b") && policy.excludes("b/c") && !policy.excludes("bc"));
    }
}
