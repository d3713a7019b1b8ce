//! What a control channel begins with: a connection between two peers that have met, and what they need to stay in touch.

use std::{sync::Arc, time::Duration};

use super::{
    direct::{MetHow, Paths},
    handshake::Keys,
    online::OnlineParts,
    opener::{LaneWays, NetworkWays},
    pipe::Pipe,
    reconnect::{FindPeer, KnownRelay, Reconnect},
    rendezvous::{Meeting, Relayed, Seat},
};
use crate::{
    crypto::{ChannelKeys, KnownPair, Side},
    net::{internet::Reveal, venue::Venue},
    transfer::{notice::Context, path_mode::ConnectOptions},
};

/// A fresh connection whose handshake is done, and what a session needs beside it.
pub(crate) struct Session {
    /// The connection.
    pub(crate) pipe: Pipe,
    /// Which of the two sides this one is.
    pub(crate) side: Side,
    /// The keys of the control channel on this connection.
    pub(crate) keys: ChannelKeys,
    /// By what the two sides can find each other again on later days.
    pub(crate) pair: KnownPair,
    /// The keys of the lanes.
    pub(crate) lane_keys: ChannelKeys,
    /// How lanes are opened.
    pub(crate) ways: Arc<dyn LaneWays>,
    /// This side's seat at the relay, if the connection goes through one.
    pub(crate) seat: Option<Seat>,
    /// Finds the other side again after a loss.
    pub(crate) find: Arc<dyn FindPeer>,
    /// The direct paths around the relay, unless the user wants none.
    pub(crate) paths: Option<Paths>,
    /// How long a lost peer is looked for. With no patience at all, a loss ends the session.
    pub(crate) patience: Duration,
}

impl Session {
    /// A session between two peers that have met. They also reconnect where they have met.
    pub(crate) fn through(meeting: Meeting, side: Side, options: ConnectOptions, context: &Context) -> Self {
        let ConnectOptions { patience, path_mode, listen, internet } = options;
        let Meeting { venue, is_here, pipe, relayed, keys, own, met_with } = meeting;
        let Keys { metadata, data, reconnect, pair } = keys;
        let reveal = path_mode.reveal();
        // Where all goes through a relay anyway, one relay is enough.
        let is_useful = relayed.is_none() || reveal == Reveal::Addresses;
        let internet = match venue {
            Venue::Internet(internet) => Some(internet),
            Venue::Relay(_) => internet.filter(|_| is_useful && (side == Side::Receiver || own.is_some())),
        };
        let online = internet.map(|internet| OnlineParts { internet, reveal, own, met_with });
        let met = MetHow { is_here, has_relay: relayed.is_some() };
        let paths = Paths::open(side, &reconnect, (path_mode, listen), met, online);
        let direct = paths.as_ref().map(|paths| Arc::clone(paths.direct()));
        let (seat, relay, known) = match relayed {
            Some(Relayed { relay, lanes, token, seat }) => {
                let known = KnownRelay { relay, known: lanes.socket(), client_token: seat.client_token };
                (Some(seat), Some((lanes, token)), Some(known))
            }
            None => (None, None, None),
        };
        let find = Reconnect {
            relay: known,
            side,
            key: reconnect,
            direct: direct.clone(),
            context: context.clone(),
        };
        Self {
            pipe,
            side,
            keys: metadata,
            pair: KnownPair::new(pair, side),
            lane_keys: data,
            ways: Arc::new(NetworkWays { relay, direct }),
            seat,
            find: Arc::new(find),
            paths,
            patience,
        }
    }
}
