//! An offer as a tree with ticks: what is open, what is searched for, what is wanted. It is fast enough to search a
//! hundred thousand entries within a frame. `order` sorts it, and `walk` takes the keyboard through it.

mod order;
mod walk;

use std::sync::Arc;

use memchr::memmem::Finder;

use crate::protocol::manifest::{EntryKind, Manifest};

/// Whether an entry is wanted; a folder may be wanted in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Tick {
    /// All of it.
    On,
    /// Nothing of it.
    Off,
    /// Some of what is in it.
    Partly,
}

/// What a tree is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Order {
    /// Folders first, then by name: numbers by their value, and letters whatever their case.
    Name,
    /// The largest first.
    Size,
}

/// Where a key takes the keyboard, or what it does there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::app) enum Walk {
    /// This many rows up.
    Up(usize),
    /// This many rows down.
    Down(usize),
    /// To the first row.
    First,
    /// To the last row.
    Last,
    /// Into a folder: a closed one is opened, from an open one it goes to the first thing in it.
    In,
    /// Out of a folder: an open one is closed, from anything else it goes to the folder that holds it.
    Out,
    /// Ticks or unticks the row.
    Tick,
    /// To this node.
    To(u32),
}

/// One entry. Nodes stand in the order in which they are shown: a folder, then what is in it.
#[derive(Debug, Clone)]
pub(in crate::app) struct Node {
    /// Its place in the manifest.
    pub(in crate::app) entry: u32,
    /// How many folders it is in; 0 at the top.
    pub(in crate::app) depth: u16,
    /// Whether it is a folder.
    pub(in crate::app) is_folder: bool,
    /// Bytes of it and of everything in it.
    pub(in crate::app) bytes: u64,
    /// Files in it; 1 for a file.
    pub(in crate::app) files: u64,
    /// The number of the first node behind everything in it.
    end: u32,
    parent: u32,
    /// How many files and links in it, itself included, are wanted.
    wanted: u32,
    /// How many files and links are in it, itself included.
    leaves: u32,
    /// How many files in it, itself included, the receiver's folder already holds.
    here: u32,
    /// How many files and links in it, itself included, don't come because their names are taken.
    skipped: u32,
    /// Its place among all nodes by name.
    rank: u32,
    is_open: bool,
    /// Whether it is ticked itself. A ticked folder is made even if nothing in it is wanted.
    is_ticked: bool,
}

const NO_PARENT: u32 = u32::MAX;
/// Stands between two paths in [`Tree::folded`]; no path contains it.
const BETWEEN_PATHS: char = '\0';

/// The tree of one offer.
#[derive(Debug, Clone)]
pub(in crate::app) struct Tree {
    manifest: Arc<Manifest>,
    nodes: Vec<Node>,
    /// The nodes' paths in lower case, one after the other, for the search.
    folded: String,
    /// Where each node's path begins in `folded`.
    starts: Vec<usize>,
    /// The nodes at the top that are shown before the others, in ascending order.
    first: Vec<u32>,
    /// The nodes at the top that need a tick of their own, in ascending order.
    guarded: Vec<u32>,
    /// The files that can't be received, in ascending order. They are never ticked.
    barred: Vec<u32>,
    search: String,
    /// The nodes that are shown now, from top to bottom.
    rows: Vec<u32>,
    order: Order,
    /// The node on which the keyboard is. It is always one of the rows, if there are any.
    cursor: u32,
    wanted_bytes: u64,
    wanted_files: u64,
    wanted_holes: u64,
    here_bytes: u64,
    here_files: u64,
    skipped_files: u64,
}

impl Tree {
    /// The tree of `manifest` with everything ticked, by name. Folders are closed, except a single one at the top.
    pub(in crate::app) fn new(manifest: Arc<Manifest>) -> Self {
        let entries = manifest.entries();
        let mut order: Vec<u32> = (0..entries.len() as u32).collect();
        // Compared part by part, so that a folder stands directly before what is in it.
        order.sort_unstable_by(|a, b| {
            let (a, b) = (&entries[*a as usize].path, &entries[*b as usize].path);
            a.names().cmp(b.names())
        });
        let mut nodes: Vec<Node> = Vec::with_capacity(order.len());
        let mut open: Vec<u32> = Vec::new();
        for entry in order {
            let Some(listed) = entries.get(entry as usize) else { continue };
            let depth = listed.path.names().count() - 1;
            for closed in open.drain(depth.min(open.len())..) {
                nodes[closed as usize].end = nodes.len() as u32;
            }
            let is_folder = matches!(listed.kind, EntryKind::Folder { .. });
            let node = Node {
                entry,
                depth: depth.try_into().unwrap_or(u16::MAX),
                is_folder,
                bytes: listed.size(),
                files: u64::from(listed.is_file()),
                end: nodes.len() as u32 + 1,
                parent: open.last().copied().unwrap_or(NO_PARENT),
                wanted: u32::from(!is_folder),
                leaves: u32::from(!is_folder),
                here: 0,
                skipped: 0,
                rank: 0,
                is_open: false,
                is_ticked: true,
            };
            if is_folder {
                open.push(nodes.len() as u32);
            }
            nodes.push(node);
        }
        for closed in open {
            nodes[closed as usize].end = nodes.len() as u32;
        }
        for index in (0..nodes.len()).rev() {
            let (parent, bytes, files) = (nodes[index].parent, nodes[index].bytes, nodes[index].files);
            let (wanted, leaves) = (nodes[index].wanted, nodes[index].leaves);
            if let Some(parent) = nodes.get_mut(parent as usize) {
                parent.bytes += bytes;
                parent.files += files;
                parent.wanted += wanted;
                parent.leaves += leaves;
            }
        }
        if nodes.iter().filter(|node| node.depth == 0).count() == 1 {
            nodes[0].is_open = true;
        }
        let nodes = Self::by_name(&nodes, entries);
        let (mut folded, mut starts) = (String::new(), Vec::with_capacity(nodes.len()));
        for node in &nodes {
            starts.push(folded.len());
            folded.push_str(&entries[node.entry as usize].path.as_str().to_lowercase());
            folded.push(BETWEEN_PATHS);
        }
        let mut tree = Self {
            manifest,
            nodes,
            folded,
            starts,
            first: Vec::new(),
            guarded: Vec::new(),
            barred: Vec::new(),
            search: String::new(),
            rows: Vec::new(),
            order: Order::Name,
            cursor: 0,
            wanted_bytes: 0,
            wanted_files: 0,
            wanted_holes: 0,
            here_bytes: 0,
            here_files: 0,
            skipped_files: 0,
        };
        tree.count();
        tree.lay_out();
        tree
    }

    /// The numbers of the nodes to show, from top to bottom.
    pub(in crate::app) fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// The node of this number.
    pub(in crate::app) fn node(&self, node: u32) -> &Node {
        &self.nodes[node as usize]
    }

    /// The name of a node; its whole path while there is a search.
    pub(in crate::app) fn name(&self, node: u32) -> &str {
        let entry = &self.manifest.entries()[self.node(node).entry as usize];
        if self.search.is_empty() { entry.path.name() } else { entry.path.as_str() }
    }

    /// Whether the content of this folder is shown.
    pub(in crate::app) fn is_open(&self, node: u32) -> bool {
        self.node(node).is_open
    }

    /// Opens or closes a folder.
    pub(super) fn toggle_open(&mut self, node: u32) {
        let node = &mut self.nodes[node as usize];
        node.is_open = !node.is_open;
        self.lay_out();
    }

    /// Shows only entries with `text` in their path, regardless of case; all of them if it is empty.
    pub(in crate::app) fn search(&mut self, text: &str) {
        let text = text.trim().to_lowercase();
        if text != self.search {
            self.search = text;
            self.lay_out();
        }
    }

    /// Whether there is a search. Its results are shown as a flat list.
    pub(in crate::app) fn is_searched(&self) -> bool {
        !self.search.is_empty()
    }

    fn lay_out(&mut self) {
        self.rows.clear();
        if self.search.is_empty() {
            self.lay_out_open();
        } else {
            self.lay_out_found();
        }
        self.keep_cursor();
    }

    fn lay_out_open(&mut self) {
        let first = std::mem::take(&mut self.first);
        // What needs a tick of its own stands before everything else.
        let (guarded, others): (Vec<u32>, Vec<u32>) =
            first.iter().partition(|top| self.guarded.binary_search(top).is_ok());
        for top in guarded.into_iter().chain(others) {
            self.lay_out_below(top);
        }
        let mut top = 0;
        while let Some(node) = self.nodes.get(top as usize) {
            let end = node.end;
            if first.binary_search(&top).is_err() {
                self.lay_out_below(top);
            }
            top = end;
        }
        self.first = first;
    }

    /// Lays out a node and what is open in it.
    fn lay_out_below(&mut self, node: u32) {
        let (mut index, end) = (node, self.node(node).end);
        while index < end {
            self.rows.push(index);
            let node = self.node(index);
            index = if node.is_folder && !node.is_open { node.end } else { index + 1 };
        }
    }

    /// Shows some of the entries at the top before the others, and unticks those that need a tick of their own. An entry
    /// that no longer needs one is ticked.
    pub(super) fn mark_tops(&mut self, is_first: impl Fn(u32) -> bool, is_guarded: impl Fn(u32) -> bool) {
        let (mut first, mut guarded) = (Vec::new(), Vec::new());
        let (mut top, mut is_changed) = (0, false);
        while let Some(node) = self.nodes.get(top as usize) {
            let (entry, end) = (node.entry, node.end);
            let was_guarded = self.guarded.binary_search(&top).is_ok();
            if is_guarded(entry) {
                guarded.push(top);
            }
            if is_guarded(entry) != was_guarded {
                self.put_tick(top, was_guarded);
                is_changed = true;
            }
            if is_first(entry) {
                first.push(top);
            }
            top = end;
        }
        self.guarded = guarded;
        // Once for all of them, because there may be as many as entries.
        if is_changed {
            self.count();
        }
        if first != self.first {
            self.first = first;
            self.lay_out();
        }
    }

    /// Unticks the files that can't be received, in ascending order by entry. A file that no longer is one of them is ticked.
    pub(super) fn bar(&mut self, entries: &[u32]) {
        if entries.is_empty() && self.barred.is_empty() {
            return;
        }
        let before = std::mem::take(&mut self.barred);
        let is_barred = |node: &Node| !node.is_folder && entries.binary_search(&node.entry).is_ok();
        let barred = (0..).zip(&self.nodes).filter(|(_, node)| is_barred(node));
        self.barred = barred.map(|(number, _)| number).collect();
        for node in before {
            if self.barred.binary_search(&node).is_err() {
                self.put_tick(node, true);
            }
        }
        self.untick_barred(0, self.nodes.len() as u32);
        self.count();
    }

    /// Whether a file can't be received.
    pub(in crate::app) fn is_barred(&self, node: u32) -> bool {
        self.barred.binary_search(&node).is_ok()
    }

    /// Unticks the barred files from node `from` to node `to`, exclusive.
    fn untick_barred(&mut self, from: u32, to: u32) {
        let start = self.barred.partition_point(|node| *node < from);
        let end = self.barred.partition_point(|node| *node < to);
        for place in start..end {
            self.put_tick(self.barred[place], false);
        }
    }

    /// Whether anything is ticked that needs a tick of its own.
    pub(super) fn wants_guarded(&self) -> bool {
        let mut guarded = self.guarded.iter().map(|node| self.node(*node));
        guarded.any(|node| node.wanted > 0 || (node.leaves == 0 && node.is_ticked))
    }

    fn lay_out_found(&mut self) {
        let finder = Finder::new(&self.search);
        let (mut node, mut from) = (0, 0);
        while let Some(place) = self.folded.as_bytes().get(from..).and_then(|rest| finder.find(rest)) {
            let behind = |node: usize| self.starts.get(node + 1).copied().unwrap_or(self.folded.len());
            while behind(node) <= from + place {
                node += 1;
            }
            self.rows.push(node as u32);
            from = behind(node);
        }
    }

    /// Whether a node is wanted.
    pub(in crate::app) fn tick(&self, node: u32) -> Tick {
        let node = self.node(node);
        match (node.leaves, node.wanted) {
            (0, _) if node.is_ticked => Tick::On,
            (0, _) | (_, 0) => Tick::Off,
            (all, wanted) if all == wanted => Tick::On,
            _ => Tick::Partly,
        }
    }

    /// Ticks or unticks a node and everything in it.
    pub(super) fn set_tick(&mut self, node: u32, is_ticked: bool) {
        self.put_tick(node, is_ticked);
        self.untick_barred(node, self.node(node).end);
        self.count();
    }

    fn put_tick(&mut self, node: u32, is_ticked: bool) {
        let Node { end, parent, wanted: before, .. } = *self.node(node);
        for index in node..end {
            let inner = &mut self.nodes[index as usize];
            inner.is_ticked = is_ticked;
            inner.wanted = if is_ticked { inner.leaves } else { 0 };
        }
        let after = self.node(node).wanted;
        let mut above = parent;
        while let Some(folder) = self.nodes.get_mut(above as usize) {
            folder.wanted = folder.wanted + after - before;
            folder.is_ticked |= is_ticked;
            above = folder.parent;
        }
    }

    /// Ticks everything that needs no tick of its own, or nothing; while there is a search, only of what it has found.
    pub(super) fn set_all(&mut self, is_ticked: bool) {
        if self.is_searched() {
            return self.set_found(is_ticked);
        }
        let mut index = 0;
        while let Some(node) = self.nodes.get_mut(index) {
            if is_ticked && self.guarded.binary_search(&(index as u32)).is_ok() {
                index = node.end as usize;
                continue;
            }
            node.is_ticked = is_ticked;
            node.wanted = if is_ticked { node.leaves } else { 0 };
            index += 1;
        }
        self.untick_barred(0, self.nodes.len() as u32);
        self.count();
    }

    fn set_found(&mut self, is_ticked: bool) {
        let rows = std::mem::take(&mut self.rows);
        // What is in a folder that was found has been done together with it.
        let mut done = 0;
        for row in rows.iter().copied() {
            if row < done || (is_ticked && self.is_in_guarded(row)) {
                continue;
            }
            self.put_tick(row, is_ticked);
            done = self.node(row).end;
            self.untick_barred(row, done);
        }
        self.rows = rows;
        self.count();
    }

    /// Whether a node is, or is in, one at the top that needs a tick of its own.
    fn is_in_guarded(&self, node: u32) -> bool {
        let before = self.guarded.partition_point(|guarded| *guarded <= node);
        before.checked_sub(1).is_some_and(|at| node < self.node(self.guarded[at]).end)
    }

    /// Marks the files that the receiver's folder already holds, by entry, and what isn't received because its name is
    /// taken there. Ticked or not, they don't move.
    pub(super) fn mark(&mut self, is_here: impl Fn(u32) -> bool, is_skipped: impl Fn(u32) -> bool) {
        for node in &mut self.nodes {
            node.here = u32::from(!node.is_folder && is_here(node.entry));
            node.skipped = u32::from(!node.is_folder && is_skipped(node.entry));
        }
        for index in (0..self.nodes.len()).rev() {
            let Node { parent, here, skipped, .. } = self.nodes[index];
            if let Some(parent) = self.nodes.get_mut(parent as usize) {
                parent.here += here;
                parent.skipped += skipped;
            }
        }
        self.count();
    }

    /// Whether a file, or everything in a folder, isn't received because its name is taken.
    pub(in crate::app) fn is_skipped(&self, node: u32) -> bool {
        let node = self.node(node);
        node.skipped > 0 && node.skipped == node.leaves
    }

    /// Whether a file, or everything in a folder, is already there.
    pub(in crate::app) fn is_here(&self, node: u32) -> bool {
        let node = self.node(node);
        node.here > 0 && node.here == node.leaves
    }

    fn count(&mut self) {
        (self.wanted_bytes, self.wanted_files, self.wanted_holes) = (0, 0, 0);
        (self.here_bytes, self.here_files, self.skipped_files) = (0, 0, 0);
        let has_holes = self.manifest.bytes() != self.manifest.data_bytes();
        for node in self.nodes.iter().filter(|node| !node.is_folder && node.wanted > 0) {
            if node.skipped > 0 {
                self.skipped_files += node.files;
                continue;
            }
            if has_holes && node.here == 0 {
                let entry = &self.manifest.entries()[node.entry as usize];
                self.wanted_holes += entry.size() - entry.data_bytes();
            }
            let (bytes, files) = match node.here {
                0 => (&mut self.wanted_bytes, &mut self.wanted_files),
                _ => (&mut self.here_bytes, &mut self.here_files),
            };
            *bytes += node.bytes;
            *files += node.files;
        }
    }

    /// How many ticked files don't come because their names are taken.
    pub(in crate::app) fn skipped_files(&self) -> u64 {
        self.skipped_files
    }

    /// How many ticked files are already there, and their bytes.
    pub(in crate::app) fn here(&self) -> (u64, u64) {
        (self.here_files, self.here_bytes)
    }

    /// The bytes of ticked files that have to come.
    pub(in crate::app) fn wanted_bytes(&self) -> u64 {
        self.wanted_bytes
    }

    /// The bytes of those that are in holes.
    pub(super) fn wanted_holes(&self) -> u64 {
        self.wanted_holes
    }

    /// How many ticked files have to come.
    pub(in crate::app) fn wanted_files(&self) -> u64 {
        self.wanted_files
    }

    /// Whether anything is ticked.
    pub(super) fn wants_anything(&self) -> bool {
        self.nodes.iter().any(|node| node.wanted > 0 || (node.leaves == 0 && node.is_ticked))
    }

    /// The entries that are not wanted, sorted, as an answer takes them. A folder is wanted if anything in it is.
    pub(in crate::app) fn unwanted(&self) -> Vec<u32> {
        let is_wanted =
            |node: &Node| node.wanted > 0 || (node.is_folder && node.leaves == 0 && node.is_ticked);
        // A folder without files is wanted if it is ticked, and so are the folders that it is in.
        let mut keeps = vec![false; self.nodes.len()];
        for index in (0..self.nodes.len()).rev() {
            if is_wanted(&self.nodes[index]) {
                keeps[index] = true;
            }
            if keeps[index]
                && let Some(above) = keeps.get_mut(self.nodes[index].parent as usize)
            {
                *above = true;
            }
        }
        let unwanted =
            self.nodes.iter().zip(&keeps).filter(|(_, keeps)| !**keeps).map(|(node, _)| node.entry);
        let mut unwanted: Vec<u32> = unwanted.collect();
        unwanted.sort_unstable();
        unwanted
    }
}

#[cfg(test)]
mod tests;
