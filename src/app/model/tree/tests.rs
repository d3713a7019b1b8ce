use super::*;
use crate::protocol::{
    RelPath,
    manifest::{Entry, Hole, ManifestBuilder, OfferKind},
};

fn tree(paths: &[(&str, u64)]) -> Tree {
    Tree::new(Arc::new(Manifest::made_up(OfferKind::Files, paths)))
}

fn sample() -> Tree {
    tree(&[
        ("photos/", 0),
        ("z.txt", 1),
        ("photos/2025/", 0),
        ("photos/a.jpg", 10),
        ("photos/2025/b.jpg", 100),
        ("photos/empty/", 0),
        ("photos 2/", 0),
        ("photos 2/c.jpg", 1000),
    ])
}

fn shown(tree: &Tree) -> Vec<&str> {
    tree.rows().iter().map(|row| tree.name(*row)).collect()
}

fn row(tree: &Tree, name: &str) -> u32 {
    (0..tree.nodes.len() as u32).find(|node| tree.name(*node) == name).unwrap()
}

#[test]
fn folders_stand_before_what_is_in_them_and_start_closed() {
    let mut tree = sample();
    assert_eq!(shown(&tree), ["photos", "photos 2", "z.txt"]);
    tree.toggle_open(row(&tree, "photos"));
    assert_eq!(shown(&tree), ["photos", "2025", "empty", "a.jpg", "photos 2", "z.txt"]);
    assert_eq!(tree.node(row(&tree, "photos")).bytes, 110);
    assert_eq!(tree.node(row(&tree, "photos")).files, 2);
}

#[test]
fn a_folder_alone_is_open() {
    assert_eq!(shown(&tree(&[("a/", 0), ("a/b", 1)])), ["a", "b"]);
}

#[test]
fn a_search_finds_paths_in_any_case_and_goes_back() {
    let mut tree = sample();
    tree.search(" JPG ");
    assert_eq!(shown(&tree), ["photos/2025/b.jpg", "photos/a.jpg", "photos 2/c.jpg"]);
    tree.search("t");
    assert_eq!(shown(&tree).len(), 8);
    tree.search("");
    assert_eq!(shown(&tree), ["photos", "photos 2", "z.txt"]);
}

#[test]
fn ticks_go_down_and_show_above() {
    let mut tree = sample();
    assert_eq!((tree.wanted_files(), tree.wanted_bytes()), (4, 1111));
    let deep = row(&tree, "b.jpg");
    tree.set_tick(deep, false);
    assert_eq!(tree.tick(row(&tree, "2025")), Tick::Off);
    assert_eq!(tree.tick(row(&tree, "photos")), Tick::Partly);
    assert_eq!((tree.wanted_files(), tree.wanted_bytes()), (3, 1011));
    // 2025 and what is in it.
    assert_eq!(tree.unwanted(), [2, 4]);
    tree.set_tick(row(&tree, "photos"), false);
    assert_eq!(tree.unwanted(), [0, 2, 3, 4, 5]);
    tree.set_tick(deep, true);
    // The folders above a wanted file are wanted.
    assert_eq!(tree.unwanted(), [3, 5]);
    tree.set_all(false);
    assert!(!tree.wants_anything());
    assert_eq!(tree.unwanted().len(), 8);
    tree.set_tick(row(&tree, "empty"), true);
    assert!(tree.wants_anything());
    assert_eq!(tree.unwanted(), [1, 2, 3, 4, 6, 7]);
    tree.set_all(true);
    assert_eq!(tree.unwanted(), [] as [u32; 0]);
}

#[test]
fn what_needs_a_tick_of_its_own_stands_first_and_gets_no_other() {
    let mut tree = sample();
    // z.txt and photos 2.
    let marked = |entry: u32| [1, 6].contains(&entry);
    tree.mark_tops(marked, marked);
    assert_eq!(shown(&tree), ["photos 2", "z.txt", "photos"]);
    assert!(!tree.wants_guarded());
    tree.set_all(true);
    assert_eq!(tree.unwanted(), [1, 6, 7]);
    tree.set_tick(row(&tree, "z.txt"), true);
    tree.mark_tops(marked, marked);
    assert!(tree.wants_guarded());
    assert_eq!(tree.unwanted(), [6, 7], "what was ticked stays ticked");
    tree.set_all(false);
    assert!(!tree.wants_anything());
    tree.mark_tops(|_| false, |_| false);
    assert_eq!(tree.unwanted(), [0, 2, 3, 4, 5]);
    assert_eq!(shown(&tree), ["photos", "photos 2", "z.txt"]);
}

#[test]
fn what_can_not_be_received_is_never_ticked_until_it_can() {
    let mut tree = sample();
    let (files, all) = (tree.wanted_files(), tree.unwanted().len());
    let name = (0..tree.nodes.len() as u32).find(|row| !tree.node(*row).is_folder).unwrap();
    let entry = tree.node(name).entry;
    tree.bar(&[entry]);
    for ticked in [true, false, true] {
        tree.set_all(ticked);
        tree.set_tick(0, true);
        assert_eq!(tree.tick(name), Tick::Off);
        assert!(tree.unwanted().contains(&entry));
    }
    assert_eq!(tree.wanted_files(), files - 1);
    tree.bar(&[]);
    assert_eq!((tree.tick(name), tree.wanted_files(), tree.unwanted().len()), (Tick::On, files, all));
}

#[test]
fn what_is_there_already_stays_ticked_and_does_not_count() {
    let mut tree = sample();
    // photos/a.jpg and photos/2025/b.jpg.
    tree.mark(|entry| [3, 4].contains(&entry), |_| false);
    assert_eq!((tree.wanted_files(), tree.wanted_bytes(), tree.here()), (2, 1001, (2, 110)));
    assert!(tree.is_here(row(&tree, "photos")) && tree.is_here(row(&tree, "2025")));
    assert!(!tree.is_here(row(&tree, "z.txt")) && !tree.is_here(row(&tree, "empty")));
    assert_eq!(tree.unwanted(), [] as [u32; 0]);
    tree.set_tick(row(&tree, "b.jpg"), false);
    assert_eq!((tree.wanted_files(), tree.here()), (2, (1, 10)));
    tree.mark(|_| false, |_| false);
    assert_eq!((tree.wanted_files(), tree.here()), (3, (0, 0)));
    assert!(!tree.is_here(row(&tree, "photos")));
}

#[test]
fn marks_at_the_top_cost_no_count_each() {
    // With a count of everything for each mark, this takes minutes.
    let paths: Vec<String> = (0..200_000).map(|number| format!(".{number}")).collect();
    let entries: Vec<(&str, u64)> = paths.iter().map(|path| (path.as_str(), 1)).collect();
    let mut tree = tree(&entries);
    tree.mark_tops(|_| false, |_| true);
    assert_eq!((tree.wanted_files(), tree.wanted_bytes()), (0, 0));
}

#[test]
fn holes_count_only_in_files_that_have_to_come() {
    let mut builder = ManifestBuilder::new(OfferKind::Files);
    for path in ["a", "b", "c"] {
        let holes = Box::from([Hole { start: 0, end: 90 }]);
        let kind = EntryKind::File { size: 100, modified: None, permissions: None, holes };
        builder.push_entry(Entry { path: RelPath::new(path).unwrap(), kind }).unwrap();
    }
    let mut tree = Tree::new(Arc::new(builder.finish().unwrap()));
    assert_eq!((tree.wanted_bytes(), tree.wanted_holes()), (300, 270));
    tree.mark(|entry| entry == 0, |_| false);
    assert_eq!((tree.wanted_bytes(), tree.wanted_holes()), (200, 180));
    tree.set_tick(2, false);
    assert_eq!((tree.wanted_bytes(), tree.wanted_holes()), (100, 90));
}

#[test]
fn what_is_skipped_stays_ticked_and_does_not_come() {
    let mut tree = sample();
    // photos/a.jpg is here, z.txt and what is in photos 2 are skipped.
    tree.mark(|entry| entry == 3, |entry| [1, 7].contains(&entry));
    assert_eq!((tree.wanted_files(), tree.wanted_bytes()), (1, 100));
    assert_eq!((tree.here(), tree.skipped_files()), ((1, 10), 2));
    assert!(tree.is_skipped(row(&tree, "photos 2")) && !tree.is_skipped(row(&tree, "photos")));
    tree.set_tick(row(&tree, "z.txt"), false);
    assert_eq!(tree.skipped_files(), 1, "what isn't wanted isn't skipped either");
}

#[test]
fn a_sorted_tree_keeps_its_ticks_and_goes_back() {
    let mut tree = sample();
    tree.toggle_open(row(&tree, "photos"));
    tree.set_tick(row(&tree, "b.jpg"), false);
    tree.mark_tops(|entry| entry == 6, |entry| entry == 1);
    let unwanted = tree.unwanted();
    tree.walk(Walk::To(row(&tree, "a.jpg")));
    tree.sort(Order::Size);
    assert_eq!(shown(&tree), ["photos 2", "photos", "2025", "a.jpg", "empty", "z.txt"]);
    assert_eq!((tree.unwanted(), tree.name(tree.cursor().unwrap())), (unwanted.clone(), "a.jpg"));
    assert_eq!(tree.tick(row(&tree, "photos")), Tick::Partly);
    tree.set_tick(row(&tree, "photos"), true);
    assert_eq!((tree.wanted_files(), tree.wanted_bytes()), (3, 1110));
    tree.search("jpg");
    assert_eq!(shown(&tree), ["photos 2/c.jpg", "photos/2025/b.jpg", "photos/a.jpg"]);
    tree.search("");
    tree.set_tick(row(&tree, "b.jpg"), false);
    tree.sort(Order::Name);
    assert_eq!(shown(&tree), ["photos 2", "photos", "2025", "empty", "a.jpg", "z.txt"]);
    assert_eq!(tree.unwanted(), unwanted);
}

#[test]
fn all_and_none_act_on_what_a_search_has_found() {
    let mut tree = sample();
    tree.search("jpg");
    tree.set_all(false);
    tree.search("");
    assert_eq!((tree.wanted_files(), tree.tick(row(&tree, "z.txt"))), (1, Tick::On));
    tree.search("photos/");
    tree.set_all(true);
    tree.search("");
    assert_eq!(tree.unwanted(), [6, 7]);
    // A folder that is found counts with all that is in it, and what needs a tick of its own gets none.
    tree.mark_tops(|_| false, |entry| entry == 0);
    tree.search("photos");
    tree.set_all(true);
    tree.search("");
    assert_eq!(tree.unwanted(), [0, 2, 3, 4, 5]);
    tree.search("photos 2");
    tree.set_all(false);
    assert_eq!((tree.wanted_files(), tree.wanted_bytes()), (1, 1));
}

#[test]
fn a_hundred_thousand_entries_are_sorted_within_a_frame_or_two() {
    // Comparing whole paths, or searching for each folder's content, takes seconds.
    let paths: Vec<String> = (0..100_000).map(|number| format!("{}/{number}.dat", number % 100)).collect();
    let folders: Vec<String> = (0..100).map(|number| format!("{number}/")).collect();
    let mut entries: Vec<(&str, u64)> = folders.iter().map(|path| (path.as_str(), 0)).collect();
    entries.extend((0..).zip(&paths).map(|(size, path)| (path.as_str(), size)));
    let mut tree = tree(&entries);
    let start = std::time::Instant::now();
    tree.sort(Order::Size);
    tree.sort(Order::Name);
    assert!(start.elapsed() < std::time::Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(shown(&tree)[..3], ["0", "1", "2"]);
}
