//! The task of a receive, and its search on the local network.

#[cfg(feature = "croc")]
use super::command::CrocReceiveOrder;
use super::{
    command::{ReceiveOrder, TaskId},
    event::Event,
    local::search,
    outbox::{Outbox, transfer},
    signals::EndSignals,
};
#[cfg(feature = "croc")]
use crate::transfer::receive::croc::{CrocRequest, receive_croc};
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
    let CrocReceiveOrder { search, output, unfinished } = order;
    let request = CrocRequest { search, output, unfinished, active };
    let work = async |context: &Context| Box::pin(receive_croc(request, input, context)).await;
    let ended = transfer(id, &out, end, work).await;
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
    let request = ReceiveRequest {
        code,
        search,
        #[cfg(feature = "croc")]
        croc: order.croc,
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
    let (ended, ()) = tokio::join!(receiving, searching);
    out.send(Event::Ended(id, ended)).await;
}
