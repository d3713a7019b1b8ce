//! The task of a receive, and its search on the local network.

#[cfg(feature = "croc")]
use std::net::SocketAddr;

#[cfg(feature = "croc")]
use tokio::sync::mpsc;

#[cfg(feature = "croc")]
use super::{command::CrocReceiveOrder, local::search_for_crocs};
use super::{
    command::{ReceiveOrder, TaskId},
    event::Event,
    local::search,
    outbox::{Outbox, transfer},
    signals::EndSignals,
};
#[cfg(feature = "croc")]
use crate::transfer::receive::croc::{CrocRequest, meeting::CrocLookout, receive_croc};
use crate::{
    net::addresses::Reach,
    protocol::relay::RoomId,
    transfer::{
        link::rendezvous::SearchPlaces,
        notice::Context,
        path_mode::{ConnectOptions, PathMode},
        receive::{self, ReceiveOptions, ReceiveRequest, receive},
        sink::active::ActiveReceives,
    },
};

#[cfg(feature = "croc")]
pub(super) async fn receive_croc_task(
    id: TaskId,
    order: CrocReceiveOrder,
    input: receive::ReceiverInput,
    active: ActiveReceives,
    end: EndSignals,
    out: Outbox,
) {
    let CrocReceiveOrder { search, path_mode, output, unfinished } = order;
    let (found, searching) = crocs_nearby(path_mode);
    let sender = CrocLookout::new(search, found, path_mode);
    let request = CrocRequest { sender, output, unfinished, active };
    let work = async |context: &Context| Box::pin(receive_croc(request, input, context)).await;
    let (ended, ()) = tokio::join!(transfer(id, &out, end, work), searching);
    out.send(Event::Ended(id, ended)).await;
}

pub(super) async fn receive_task(
    id: TaskId,
    order: ReceiveOrder,
    input: receive::ReceiverInput,
    active: ActiveReceives,
    end: EndSignals,
    out: Outbox,
) {
    let ReceiveOrder { code, mut relays, mut internet, path_mode, listen, output, .. } = order;
    let ReceiveOrder { lanes, patience, unfinished, chain, name, .. } = order;
    if path_mode == PathMode::LocalOnly {
        internet = None;
        // Relays on this network stay, because an invite link may name the one beside the sender.
        relays
            .retain(|relay| matches!(relay.address.reach(), Some(Reach::LocalNetwork | Reach::ThisComputer)));
    }
    let (found, searching) = if path_mode == PathMode::RelayOnly {
        (None, None)
    } else {
        let (found, searching) = search(RoomId(code.room()));
        (Some(found), Some(searching))
    };
    let search = SearchPlaces { relays, found, internet: internet.clone() };
    let connect = ConnectOptions { patience, path_mode, listen, internet };
    let options = ReceiveOptions { output, lanes, connect, unfinished, chain, name, active };
    #[cfg(feature = "croc")]
    let (croc, crocs) = match order.croc {
        Some(search) => {
            let (found, searching) = crocs_nearby(path_mode);
            (Some(CrocLookout::new(search, found, path_mode)), Some(searching))
        }
        None => (None, None),
    };
    let request = ReceiveRequest {
        code,
        search,
        #[cfg(feature = "croc")]
        croc,
        options,
    };
    let receiving = async {
        let work = async |context: &Context| Box::pin(receive(request, input, context)).await;
        transfer(id, &out, end, work).await
    };
    let searching = async {
        if let Some(searching) = searching {
            searching.await;
        }
    };
    #[cfg(feature = "croc")]
    let searching = async {
        let crocs = async {
            if let Some(crocs) = crocs {
                crocs.await;
            }
        };
        tokio::join!(searching, crocs);
    };
    let (ended, ()) = tokio::join!(receiving, searching);
    out.send(Event::Ended(id, ended)).await;
}

/// A search for crocs on the local network, if the path mode allows one.
#[cfg(feature = "croc")]
fn crocs_nearby(path_mode: PathMode) -> (Option<mpsc::Receiver<SocketAddr>>, impl Future<Output = ()>) {
    let (found, searching) =
        if path_mode == PathMode::RelayOnly { None } else { Some(search_for_crocs()) }.unzip();
    let searching = async {
        if let Some(searching) = searching {
            searching.await;
        }
    };
    (found, searching)
}
