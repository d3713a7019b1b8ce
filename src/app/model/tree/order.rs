//! The order of a tree: by name as people count, folders first, or by size. Pure.

use super::{NO_PARENT, Node, Order, Tree};
use crate::{protocol::manifest::Entry, transfer::show::natural_key};

impl Tree {
    /// What it is sorted by.
    pub(in crate::app) fn order(&self) -> Order {
        self.order
    }

    /// Sorts it. Ticks, open folders and the place of the keyboard stay with their entries.
    pub(in crate::app::model) fn sort(&mut self, order: Order) {
        if order == self.order {
            return;
        }
        self.order = order;
        let moved = arranged(&self.nodes, |node| match order {
            Order::Name => (0, node.rank),
            Order::Size => (u64::MAX - node.bytes, node.rank),
        });
        let mut new_place = vec![0; moved.len()];
        for (new, (old, _)) in (0..).zip(&moved) {
            new_place[*old as usize] = new;
        }
        let mut folded = String::with_capacity(self.folded.len());
        let mut starts = Vec::with_capacity(moved.len());
        for (old, _) in &moved {
            let from = self.starts[*old as usize];
            let to = self.starts.get(*old as usize + 1).copied().unwrap_or(self.folded.len());
            starts.push(folded.len());
            folded.push_str(&self.folded[from..to]);
        }
        for list in [&mut self.first, &mut self.guarded, &mut self.barred] {
            for node in list.iter_mut() {
                *node = new_place[*node as usize];
            }
            list.sort_unstable();
        }
        self.cursor = new_place.get(self.cursor as usize).copied().unwrap_or_default();
        (self.folded, self.starts) = (folded, starts);
        self.nodes = moved.into_iter().map(|(_, node)| node).collect();
        self.lay_out();
    }

    /// The nodes of `entries` by name, each with its rank. They may come in any order in which a folder stands directly
    /// before what is in it.
    pub(super) fn by_name(nodes: &[Node], entries: &[Entry]) -> Vec<Node> {
        // A node's own number leads to its key, which is made once and compared often.
        let numbered: Vec<Node> =
            (0..).zip(nodes).map(|(number, node)| Node { rank: number, ..node.clone() }).collect();
        let name = |node: &Node| entries[node.entry as usize].path.name();
        let keys: Vec<(bool, String, &str)> =
            nodes.iter().map(|node| (!node.is_folder, natural_key(name(node)), name(node))).collect();
        let moved = arranged(&numbered, |node| &keys[node.rank as usize]);
        (0..).zip(moved).map(|(rank, (_, node))| Node { rank, ..node }).collect()
    }
}

/// The nodes with what is in each folder sorted by `key`, each beside its number in `nodes`.
fn arranged<K: Ord>(nodes: &[Node], key: impl Fn(&Node) -> K) -> Vec<(u32, Node)> {
    let node = |number: u32| &nodes[number as usize];
    let mut by_parent: Vec<u32> = (0..nodes.len() as u32).collect();
    by_parent.sort_by(|a, b| {
        let (a, b) = (node(*a), node(*b));
        a.parent.cmp(&b.parent).then_with(|| key(a).cmp(&key(b)))
    });
    let children = |parent: u32| {
        let start = by_parent.partition_point(|child| node(*child).parent < parent);
        let count = by_parent[start..].partition_point(|child| node(*child).parent == parent);
        by_parent[start..start + count].iter().rev()
    };
    let mut sorted: Vec<(u32, Node)> = Vec::with_capacity(nodes.len());
    // What is still to be placed, the next one last, each with the new number of its parent.
    let mut waiting: Vec<(u32, u32)> = children(NO_PARENT).map(|child| (*child, NO_PARENT)).collect();
    while let Some((number, parent)) = waiting.pop() {
        let place = sorted.len() as u32;
        let inside = node(number).end - number;
        sorted.push((number, Node { parent, end: place + inside, ..node(number).clone() }));
        if inside > 1 {
            waiting.extend(children(number).map(|child| (*child, place)));
        }
    }
    sorted
}
