//! How the code of a send is passed on: where it leads, the links with it, and the QR code of the first.

use super::card::Card;
use crate::{code::Invite, engine::OnlineState, net::client::RelayAddress};

impl Card {
    /// The addresses at which others reach this computer, if its code is on no other relay.
    pub(in crate::app) fn only_here(&self) -> Option<&[RelayAddress]> {
        self.hosted.as_deref().filter(|_| self.relay.is_none())
    }

    /// The addresses at which others reach this computer, if the words of the code alone don't lead to it from elsewhere.
    pub(in crate::app) fn only_by_link(&self) -> Option<&[RelayAddress]> {
        self.only_here().filter(|_| self.internet.is_none())
    }

    /// Invite links with the code and a relay, the most likely address first. Where the internet alone leads to this
    /// computer, the link names no relay, because an address of this computer would be of no use and told to everybody
    /// who sees the link. It names none either where this computer has no address that others could use.
    pub(in crate::app) fn invites(&self) -> Vec<Invite> {
        let Some(code) = &self.code else { return Vec::new() };
        let servers: Vec<&RelayAddress> = match (self.only_here(), &self.online) {
            (Some(hosted), None | Some(OnlineState::NoRelay | OnlineState::Taken)) => hosted.iter().collect(),
            (Some(_), Some(OnlineState::Reachable { .. })) => Vec::new(),
            (None, _) => self.relay.iter().collect(),
        };
        let invite = |server: Option<String>| Invite::new(code.clone(), server.as_deref()).ok();
        if servers.is_empty() {
            return invite(None).into_iter().collect();
        }
        servers.into_iter().filter_map(|server| invite(Some(server.to_string()))).collect()
    }

    /// Shows the QR code of the link as it is now, if one is shown.
    pub(super) fn renew_qr(&mut self) {
        if self.folds.qr.is_some() {
            self.folds.qr = None;
            self.fold_qr();
        }
    }

    /// Shows or hides the QR code of the first invite link.
    pub(in crate::app) fn fold_qr(&mut self) {
        let link = self.invites().first().map(ToString::to_string);
        self.folds.qr = match (self.folds.qr.take(), link) {
            (None, Some(link)) => fast_qr::QRBuilder::new(link).build().ok().map(|code| {
                let row = |y: usize| (0..code.size).map(|x| code[y][x].value()).collect();
                (0..code.size).map(row).collect()
            }),
            _ => None,
        };
    }
}
