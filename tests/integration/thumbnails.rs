//! Thumbnails that a receiver sees before it answers: only of what it asks for, once each, and never in the way of the transfer.

use std::fs;

use crate::support::engine::{Transfer, World, entry};
use caiman::engine::{Choices, Notice};

/// A picture of 256 by 256 pixels.
const PICTURE: &[u8] = include_bytes!("../../assets/icon/caiman-256.png");

/// Waits for the answer about a picture, and returns the size of its thumbnail.
async fn answer(receiving: &mut Transfer, picture: u32) -> Option<[usize; 2]> {
    let told = |notice: &Notice| match notice {
        Notice::Thumbnail { entry, thumbnail } if *entry == picture => {
            Some(thumbnail.as_ref().map(|made| made.size()))
        }
        _ => None,
    };
    receiving.told("a thumbnail", told).await
}

#[tokio::test]
async fn a_receiver_sees_the_pictures_that_it_asks_for() {
    let world = World::new().await;
    fs::create_dir(world.from("all")).unwrap();
    for number in 0..30 {
        fs::write(world.from(&format!("all/{number:02}.png")), PICTURE).unwrap();
    }
    fs::write(world.from("all/broken.png"), &PICTURE[..300]).unwrap();
    fs::write(world.from("all/changed.png"), PICTURE).unwrap();
    let (mut sending, mut receiving, offer) = world.offer(world.send_order(world.paths(&["all"]))).await;
    fs::write(world.from("all/changed.png"), b"something else").unwrap();
    // A program without the window has no decoders, and says so of each picture.
    let size = cfg!(feature = "gui").then_some([128, 128]);
    let (broken, changed) = (entry(&offer, "all/broken.png"), entry(&offer, "all/changed.png"));
    // A folder and what isn't there are no pictures, and are asked of nobody.
    world.receiver.thumbnails(&receiving, vec![0, broken, changed, 999]);
    assert_eq!(answer(&mut receiving, broken).await, None);
    assert_eq!(answer(&mut receiving, changed).await, None);
    let pictures: Vec<u32> = (0..30).map(|number| entry(&offer, &format!("all/{number:02}.png"))).collect();
    world.receiver.thumbnails(&receiving, pictures.clone());
    for picture in &pictures {
        assert_eq!(answer(&mut receiving, *picture).await, size);
    }
    // What is asked for when the answer comes is forgotten.
    world.receiver.thumbnails(&receiving, vec![broken, pictures[3]]);
    world.receiver.accept(&receiving, Choices::default());
    let (sent, received) = tokio::join!(sending.report(), receiving.report());
    assert_eq!((sent.missing, received.missing), (1, 1), "the changed file is left out");
    assert_eq!(fs::read(world.to("all/07.png")).unwrap(), PICTURE);
}

/// Answers that are on their way when the offer is accepted do no harm.
#[tokio::test]
async fn an_answer_may_cross_the_acceptance() {
    let world = World::new().await;
    for number in 0..20 {
        fs::write(world.from(&format!("{number}.png")), PICTURE).unwrap();
    }
    let all: Vec<String> = (0..20).map(|number| format!("{number}.png")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let (mut sending, mut receiving, _) = world.offer(world.send_order(world.paths(&all))).await;
    world.receiver.thumbnails(&receiving, (0..20).collect());
    answer(&mut receiving, 0).await;
    world.receiver.accept(&receiving, Choices::default());
    let (sent, received) = tokio::join!(sending.report(), receiving.report());
    assert_eq!((sent.stored, received.stored), (20, 20));
}
