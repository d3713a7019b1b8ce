//! From the first message to the answer: where the offer is, what it holds, and what the user accepts of it.

use std::{future, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};

use super::{
    common::{check_common, meanwhile_checked},
    comparing::{Comparing, Surveyed},
    thumbnails::ThumbnailQuestions,
};
use crate::{
    code::CodePhrase,
    panics::{Blocking, spawn_blocking},
    protocol::{
        frame,
        manifest::{Manifest, ManifestBuilder, OfferKind},
        peer::{FromSender, Work},
    },
    transfer::{
        error::{Misbehaviour, TransferError},
        link::{control::Control, invitation},
        notice::{Context, Notice},
        offer::{Answer, Choices, Offer},
        progress::Phase,
        sink::{
            active::ActiveReceives,
            same::{SameFiles, candidates},
            unfinished::Registry,
        },
    },
};

/// How long a failed transfer waits for what it still tries in the folder. A disk that hangs must not keep the failure from being told.
const TIDYING: Duration = Duration::from_secs(2);

/// What a sender says first.
pub(super) enum FirstMessage {
    Offer(AnnouncedOffer),
    /// The sender makes its offer under this code, and not here.
    Elsewhere(CodePhrase),
}

/// An offer of which only the sums are known.
pub(super) struct AnnouncedOffer {
    builder: ManifestBuilder,
    /// The most lanes that both sides allow.
    lanes: u16,
}

impl AnnouncedOffer {
    fn new(kind: OfferKind, entries: u64, bytes: u64, lanes: u16) -> Result<Self, Misbehaviour> {
        // Without lanes nothing would ever arrive.
        if lanes == 0 {
            return Err(Misbehaviour::Lanes);
        }
        Ok(Self { builder: ManifestBuilder::announced(kind, entries, bytes)?, lanes })
    }
}

/// Waits until the sender says what it offers, or under which code it does so.
pub(super) async fn first_message(
    control: &mut Control,
    max_lanes: u16,
) -> Result<FirstMessage, TransferError> {
    loop {
        match control.next().await? {
            FromSender::Offer { kind, entries, bytes, lanes } => {
                let announced = AnnouncedOffer::new(kind, entries, bytes, lanes.min(max_lanes))?;
                return Ok(FirstMessage::Offer(announced));
            }
            FromSender::Invitation { code, instead: true } => {
                return Ok(FirstMessage::Elsewhere(invitation::read(&code)?));
            }
            other => check_common(control, &other).await?,
        }
    }
}

/// Waits for the offer after a redirection. A second redirection is refused, because redirections could go on for ever.
pub(super) async fn announcement(
    control: &mut Control,
    max_lanes: u16,
) -> Result<AnnouncedOffer, TransferError> {
    loop {
        match control.next().await? {
            FromSender::Offer { kind, entries, bytes, lanes } => {
                return Ok(AnnouncedOffer::new(kind, entries, bytes, lanes.min(max_lanes))?);
            }
            other => check_common(control, &other).await?,
        }
    }
}

/// Reads the pages of an offer and checks them against its sums and its digest. Returns the manifest, and the most
/// lanes that both sides allow.
pub(super) async fn read_offer(
    control: &mut Control,
    AnnouncedOffer { mut builder, lanes }: AnnouncedOffer,
) -> Result<(Arc<Manifest>, u16), TransferError> {
    let mut digest = blake3::Hasher::new();
    loop {
        let message: FromSender = control.next().await?;
        let name = message.name();
        match message {
            // An empty page brings the end no closer, and an endless series of them would keep this side here for ever.
            FromSender::Page(entries) if entries.is_empty() => {
                return Err(Misbehaviour::OutOfTurn(name).into());
            }
            FromSender::Page(entries) => {
                for entry in entries {
                    digest.update(&frame::to_bytes(&entry));
                    builder.push(entry).map_err(Misbehaviour::Manifest)?;
                }
            }
            FromSender::OfferEnd { digest: theirs } => {
                let manifest = builder.finish().map_err(Misbehaviour::Manifest)?;
                if *digest.finalize().as_bytes() != theirs {
                    return Err(Misbehaviour::Record.into());
                }
                return Ok((Arc::new(manifest), lanes));
            }
            FromSender::ThisIs(_) | FromSender::Thumbnail { .. } => {
                return Err(Misbehaviour::OutOfTurn(name).into());
            }
            other => check_common(control, &other).await?,
        }
    }
}

/// What the user decides about an offer.
pub(super) struct UserChoice {
    /// The answer. Its sender is dropped if the user goes away.
    pub(super) answer: oneshot::Receiver<Answer>,
    /// The folder against which the offer is to be held meanwhile.
    pub(super) look: watch::Receiver<Option<PathBuf>>,
    /// Of which entries the user would see a thumbnail now.
    pub(super) in_sight: watch::Receiver<Vec<u32>>,
}

/// Reports the offer and waits for the user's answer, while its files are compared with those in the folder. Returns
/// what the user chose, and the files that are known to be the same by then.
pub(super) async fn ask(
    control: &mut Control,
    manifest: &Arc<Manifest>,
    folder: Option<PathBuf>,
    UserChoice { mut answer, mut look, in_sight }: UserChoice,
    (unfinished, active): (&Registry, &ActiveReceives),
    context: &Context,
) -> Result<(Choices, SameFiles), TransferError> {
    let has_folder = folder.is_some();
    let survey = |folder| {
        let (offered, unfinished, active) = (Arc::clone(manifest), unfinished.clone(), active.clone());
        spawn_blocking(move || survey(&offered, folder, &unfinished, &active))
    };
    let mut holding = survey(folder);
    let held = match meanwhile_checked(control, Work::Disk, &mut holding).await {
        Ok(held) => held,
        Err(error) => {
            // The folder in which the mount is tried is gone before the end is told.
            let _ = timeout(TIDYING, holding).await;
            return Err(error);
        }
    };
    context.enter(Phase::WaitingForAnswer);
    let mut comparing = Comparing::new(Arc::clone(manifest));
    comparing.begin(held, control)?;
    let mut thumbnails = ThumbnailQuestions::new(Arc::clone(manifest), in_sight);
    let mut looking = None;
    loop {
        tokio::select! {
            answer = &mut answer => return match answer {
                Ok(Answer::Accept(choices)) => Ok((choices, comparing.end())),
                Ok(Answer::Decline) => Err(TransferError::Declined),
                Err(_) => Err(TransferError::Cancelled),
            },
            Ok(()) = look.changed(), if looking.is_none() => {
                // An offer that goes to a writer has no folder to be compared with.
                let folder = look.borrow_and_update().clone().filter(|_| has_folder);
                looking = Some(survey(folder));
            }
            held = finished(&mut looking) => {
                looking = None;
                match held {
                    Surveyed { offer: Offer { unusable: Some(error), .. }, .. } => context.tell(Notice::CantUse(error)).await,
                    held => comparing.begin(held, control)?,
                }
            }
            notice = comparing.next() => context.tell(notice).await,
            () = thumbnails.scrolled() => thumbnails.ask(control)?,
            message = control.next() => {
                let message: FromSender = message?;
                let name = message.name();
                match message {
                    FromSender::ThisIs(told) => comparing.hear(told, name)?,
                    FromSender::Thumbnail { entry, thumbnail } => {
                        let notice = thumbnails.hear(entry, thumbnail, name)?;
                        context.tell(notice).await;
                        thumbnails.ask(control)?;
                    }
                    other => check_common(control, &other).await?,
                }
            }
        }
    }
}

/// Compares an offer with a folder. Blocks on the disk.
pub(super) fn survey(
    manifest: &Arc<Manifest>,
    folder: Option<PathBuf>,
    unfinished: &Registry,
    active: &ActiveReceives,
) -> Surveyed {
    let offer = Offer::look(manifest, folder, unfinished, active);
    let candidates = candidates(&offer);
    Surveyed { offer, candidates }
}

/// Waits for a survey of a folder; never returns if there is none.
pub(super) async fn finished(looking: &mut Option<Blocking<Surveyed>>) -> Surveyed {
    match looking {
        Some(task) => task.await,
        None => future::pending().await,
    }
}
