//! The task that runs a relay, and the tasks that try one.

use tokio_util::sync::CancellationToken;

use super::{
    command::TaskId,
    event::Event,
    outbox::{Outbox, listening},
    signals::EndSignals,
};
use crate::{
    net::{
        client::{self, RelayChoice},
        internet::{self, IrohRelay},
        proxy::ProxyChoice,
    },
    relay::{Relay, RelayConfig},
};

pub(super) async fn relay_task(id: TaskId, config: RelayConfig, end: EndSignals, out: Outbox) {
    let ended = match Relay::bind(config).await {
        Ok(relay) => {
            out.send(listening(id, &relay)).await;
            let relay_kill = relay.kill_token();
            let serving = relay.serve(end.cancel);
            tokio::pin!(serving);
            tokio::select! {
                () = &mut serving => {}
                () = end.kill.cancelled() => {
                    relay_kill.cancel();
                    serving.await;
                }
            }
            Ok(())
        }
        Err(error) => Err(error),
    };
    out.send(Event::RelayEnded(id, ended)).await;
}

pub(super) async fn check_task(id: TaskId, relay: RelayChoice, cancel: CancellationToken, out: Outbox) {
    tokio::select! {
        checked = client::probe(&relay) => {
            out.send(Event::Checked(id, checked)).await;
        }
        () = cancel.cancelled() => {}
    }
}

pub(super) async fn check_iroh_task(
    id: TaskId,
    (relay, proxy): (IrohRelay, ProxyChoice),
    cancel: CancellationToken,
    out: Outbox,
) {
    tokio::select! {
        checked = internet::probe(&relay, proxy) => out.send(Event::CheckedIroh(id, checked)).await,
        () = cancel.cancelled() => {}
    }
}
