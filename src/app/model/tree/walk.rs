//! The keyboard in a tree: on which row it is, and where a key takes it. Pure.

use super::{NO_PARENT, Tick, Tree, Walk};

impl Tree {
    /// The node on which the keyboard is; `None` if no row is shown.
    pub(in crate::app) fn cursor(&self) -> Option<u32> {
        self.rows.get(self.cursor_row()?).copied()
    }

    /// Which of the rows the keyboard is on.
    pub(in crate::app) fn cursor_row(&self) -> Option<usize> {
        self.row_of(self.cursor)
    }

    fn row_of(&self, node: u32) -> Option<usize> {
        // What stands first, and what a search has found, keeps the rows from being in ascending order.
        match self.rows.binary_search(&node) {
            Ok(row) => Some(row),
            Err(_) if self.first.is_empty() => None,
            Err(_) => self.rows.iter().position(|row| *row == node),
        }
    }

    /// Keeps the keyboard on a row that is shown: on the folder that holds what it was on, or on the first row.
    pub(super) fn keep_cursor(&mut self) {
        let mut at = self.cursor;
        while at != NO_PARENT && (at as usize) < self.nodes.len() {
            if self.row_of(at).is_some() {
                self.cursor = at;
                return;
            }
            at = self.node(at).parent;
        }
        self.cursor = self.rows.first().copied().unwrap_or_default();
    }

    /// Does what a key asks for.
    pub(in crate::app::model) fn walk(&mut self, walk: Walk) {
        let (Some(row), Some(node)) = (self.cursor_row(), self.cursor()) else { return };
        let last = self.rows.len() - 1;
        let has_folds = self.node(node).is_folder && !self.is_searched();
        let to = match walk {
            Walk::Up(rows) => row.saturating_sub(rows),
            Walk::Down(rows) => row.saturating_add(rows).min(last),
            Walk::First => 0,
            Walk::Last => last,
            Walk::In if has_folds && !self.is_open(node) => return self.toggle_open(node),
            Walk::In if has_folds && self.node(node).end > node + 1 => (row + 1).min(last),
            Walk::In => row,
            Walk::Out if has_folds && self.is_open(node) => return self.toggle_open(node),
            Walk::Out if self.is_searched() => row,
            Walk::Out => self.row_of(self.node(node).parent).unwrap_or(row),
            Walk::Tick => return self.set_tick(node, self.tick(node) != Tick::On),
            Walk::To(node) => self.row_of(node).unwrap_or(row),
        };
        self.cursor = self.rows[to];
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::protocol::manifest::{Manifest, OfferKind};

    fn tree() -> Tree {
        let entries = [("a/", 0), ("a/b/", 0), ("a/b/c.txt", 1), ("a/d.txt", 2), ("e/", 0), ("f.txt", 4)];
        Tree::new(Arc::new(Manifest::made_up(OfferKind::Files, &entries)))
    }

    fn at(tree: &Tree) -> &str {
        tree.name(tree.cursor().expect("there are rows"))
    }

    #[test]
    fn arrows_go_through_the_rows_and_in_and_out_of_folders() {
        let mut tree = tree();
        assert_eq!(at(&tree), "a");
        for (walk, expected) in [
            (Walk::Up(1), "a"),
            (Walk::In, "a"),
            (Walk::In, "b"),
            (Walk::In, "b"),
            (Walk::In, "c.txt"),
            (Walk::In, "c.txt"),
            (Walk::Down(1), "d.txt"),
            (Walk::Out, "a"),
            (Walk::Last, "f.txt"),
            (Walk::Out, "f.txt"),
            (Walk::Up(1), "e"),
            (Walk::In, "e"),
            (Walk::In, "e"),
            (Walk::First, "a"),
            (Walk::Down(100), "f.txt"),
            (Walk::Up(100), "a"),
            (Walk::Out, "a"),
        ] {
            tree.walk(walk);
            assert_eq!(at(&tree), expected, "{walk:?}");
        }
        assert!(!tree.is_open(0), "the last one closed it");
    }

    #[test]
    fn a_tick_is_put_where_the_keyboard_is() {
        let mut tree = tree();
        tree.walk(Walk::Tick);
        assert_eq!((tree.wanted_files(), tree.wanted_bytes()), (1, 4));
        tree.walk(Walk::Last);
        tree.walk(Walk::Tick);
        assert_eq!(tree.wanted_files(), 0);
        tree.walk(Walk::Tick);
        assert_eq!(tree.wanted_files(), 1);
    }

    #[test]
    fn the_keyboard_stays_on_a_row_that_is_shown() {
        let mut tree = tree();
        for walk in [Walk::In, Walk::In, Walk::In, Walk::In] {
            tree.walk(walk);
        }
        assert_eq!(at(&tree), "c.txt");
        tree.toggle_open(0);
        assert_eq!(at(&tree), "a", "it is in the closed folder");
        tree.search("txt");
        assert_eq!(at(&tree), "a/b/c.txt");
        tree.walk(Walk::Last);
        tree.search("nothing");
        assert_eq!(tree.cursor(), None);
        tree.walk(Walk::Down(1));
        tree.search("");
        assert_eq!(at(&tree), "a");
        // What stands first breaks the order of the rows.
        tree.mark_tops(|entry| entry == 5, |_| false);
        tree.walk(Walk::First);
        assert_eq!(at(&tree), "f.txt");
        tree.walk(Walk::Down(1));
        assert_eq!(at(&tree), "a");
    }
}
