//! Every kind of error.

use std::{io, iter::successors, sync::LazyLock};

use crate::{
    app::{explain::failures::Standpoint, tests::made_up},
    code::CodeError,
    engine::{PeerName, ProxyError, RelayClientError, TransferError},
    history::Direction,
    panics::PanicReport,
    protocol::{
        VERSION,
        frame::FrameError,
        manifest::ManifestError,
        path::PathError,
        peer::{Trouble, Withdrawal},
        relay::Refusal,
    },
    transfer::{
        error::{FileAction, Impossible, Misbehaviour},
        notice::LeftOutReason,
    },
};

/// All values of an enumeration, each leading to the next. The `match` in `next` forgets none.
pub(super) fn all<T>(first: T, next: impl Fn(&T) -> Option<T>) -> Vec<T> {
    successors(Some(first), next).collect()
}

pub(super) fn troubles() -> Vec<Trouble> {
    use Trouble as T;
    all(T::NoSpace, |trouble| {
        Some(match trouble {
            T::NoSpace => T::Files,
            T::Files => T::Misbehaved,
            T::Misbehaved => T::Network,
            T::Network => T::Damaged,
            T::Damaged => T::Withdrawn,
            T::Withdrawn => T::Internal,
            T::Internal => T::Impossible,
            T::Impossible => T::Closed,
            T::Closed => return None,
        })
    })
}

pub(super) fn withdrawals() -> Vec<Withdrawal> {
    use Withdrawal as W;
    all(W::Changed, |reason| {
        Some(match reason {
            W::Changed => W::Vanished,
            W::Vanished => W::Unreadable,
            W::Unreadable => return None,
        })
    })
}

pub(super) fn refusals() -> Vec<Refusal> {
    use Refusal as R;
    all(R::Version(VERSION - 1), |refusal| {
        Some(match refusal {
            R::Version(version) if *version < VERSION => R::Version(VERSION + 1),
            R::Version(_) => R::PasswordRequired,
            R::PasswordRequired => R::PasswordWrong,
            R::PasswordWrong => R::NoSuchRoom,
            R::NoSuchRoom => R::RoleTaken,
            R::RoleTaken => R::OtherSender,
            R::OtherSender => R::TooManyConnections,
            R::TooManyConnections => R::TooManyRooms,
            R::TooManyRooms => R::TooManyJoins,
            R::TooManyJoins => R::TooMuchFromHere,
            R::TooMuchFromHere => R::OutOfMemory,
            R::OutOfMemory => R::TooSlow,
            R::TooSlow => R::Malformed,
            R::Malformed => R::NoSuchLane,
            R::NoSuchLane => R::Draining,
            R::Draining => return None,
        })
    })
}

/// The kinds that are told apart, and one that isn't.
pub(super) fn causes() -> impl Iterator<Item = io::Error> {
    use io::ErrorKind as K;
    let kinds = [
        K::StorageFull,
        K::QuotaExceeded,
        K::PermissionDenied,
        K::ReadOnlyFilesystem,
        K::NotFound,
        K::ConnectionRefused,
        K::TimedOut,
        K::NotADirectory,
        K::AlreadyExists,
        K::InvalidFilename,
        K::FileTooLarge,
        K::ResourceBusy,
        K::NetworkUnreachable,
        K::HostUnreachable,
        K::ConnectionReset,
    ];
    kinds.into_iter().map(io::Error::from)
}

pub(super) fn relay_errors() -> Vec<RelayClientError> {
    use RelayClientError as R;
    let mut errors: Vec<R> = Vec::new();
    for one in all(R::Lost, |error| {
        Some(match error {
            R::Lost => R::NotARelay(made_up::relay()),
            R::NotARelay(_) => R::Refused(Refusal::Draining),
            R::Refused(_) => {
                R::Unreachable { address: made_up::relay(), cause: io::ErrorKind::TimedOut.into() }
            }
            R::Unreachable { .. } => {
                R::NoSuchHost { address: made_up::relay(), cause: io::ErrorKind::NotFound.into() }
            }
            R::NoSuchHost { .. } => R::TurnedAway(made_up::relay()),
            R::TurnedAway(_) => R::Proxy {
                address: made_up::relay(),
                proxy: "proxy.example:1080".to_owned(),
                cause: ProxyError::NotAProxy,
            },
            R::Proxy { .. } => R::Internal(PanicReport::made_up("the relay is made of paper")),
            R::Internal(_) => return None,
        })
    }) {
        match one {
            R::Refused(_) => errors.extend(refusals().into_iter().map(R::Refused)),
            R::Unreachable { .. } => {
                errors.extend(causes().map(|cause| R::Unreachable { address: made_up::relay(), cause }));
            }
            R::Proxy { address, proxy, .. } => {
                errors.extend(proxy_errors().into_iter().map(|cause| R::Proxy {
                    address: address.clone(),
                    proxy: proxy.clone(),
                    cause,
                }));
            }
            one => errors.push(one),
        }
    }
    errors
}

fn proxy_errors() -> Vec<ProxyError> {
    use ProxyError as P;
    all(P::NotAProxy, |error| {
        Some(match error {
            P::NotAProxy => P::Unreachable(io::ErrorKind::TimedOut.into()),
            P::Unreachable(_) => P::NoSuchHost,
            P::NoSuchHost => P::Silent,
            P::Silent => P::Login,
            P::Login => P::Refused("HTTP status 403".to_owned()),
            P::Refused(_) => P::Failed("Host unreachable".to_owned()),
            P::Failed(_) => P::Unusable,
            P::Unusable => return None,
        })
    })
}

/// Every error that a transfer can end with. Each kind is listed once and then spread out into everything inside it.
pub(super) fn errors() -> Vec<TransferError> {
    use TransferError as E;
    let name = || "report.pdf".to_owned();
    let kinds = all(E::TooManyTries, |error| {
        Some(match error {
            E::TooManyTries => E::WrongCode { tries_left: None },
            E::WrongCode { .. } => E::Retired,
            E::Retired => {
                E::NobodyThere { relays: vec![made_up::relay()], looked_locally: true, looked_online: false }
            }
            E::NobodyThere { .. } => E::Offline,
            E::Offline => E::OnlyStrangers { count: 1 },
            E::OnlyStrangers { .. } => E::CodeTaken,
            E::CodeTaken => E::PeerDeclined,
            E::PeerDeclined => E::PeerCancelled,
            E::PeerCancelled => E::Cancelled,
            E::Cancelled => E::Declined,
            E::Declined => E::Superseded,
            E::Superseded => E::PeerLost,
            E::PeerLost => E::PeerSilent { seconds: 12 },
            E::PeerSilent { .. } => E::Unconfirmed,
            E::Unconfirmed => E::PeerFailed(Trouble::NoSpace),
            E::PeerFailed(_) => E::PeerMisbehaved(Misbehaviour::Record),
            E::PeerMisbehaved(_) => E::PeerVersion { theirs: VERSION },
            E::PeerVersion { .. } => E::Relay(RelayClientError::Lost),
            E::Relay(_) => E::file(FileAction::Read, "/home/ada/a", io::ErrorKind::Other.into()),
            E::File { .. } => E::NoSpace { needed: 1 << 30, free: 1 },
            E::NoSpace { .. } => E::Damaged { path: name() },
            E::Damaged { .. } => E::Withdrawn { path: name(), reason: Withdrawal::Changed },
            E::Withdrawn { .. } => E::PeerGone,
            E::PeerGone => E::Internal(PanicReport::made_up("the disk is upside down")),
            E::Internal(_) => E::NobodyGotIt { came: 2 },
            E::NobodyGotIt { .. } => E::Impossible(Impossible::Nothing),
            E::Impossible(_) => return None,
        })
    });
    let spread = |kind: TransferError| -> Vec<TransferError> {
        match kind {
            E::WrongCode { .. } => {
                [None, Some(0), Some(1), Some(2)].map(|tries_left| E::WrongCode { tries_left }).into()
            }
            E::PeerMisbehaved(_) => misbehaviours().into_iter().map(E::PeerMisbehaved).collect(),
            E::PeerFailed(_) => troubles().into_iter().map(E::PeerFailed).collect(),
            E::PeerVersion { .. } => {
                [VERSION - 1, VERSION + 1].map(|theirs| E::PeerVersion { theirs }).into()
            }
            E::Relay(_) => relay_errors().into_iter().map(E::Relay).collect(),
            E::File { path, .. } => {
                let with = |action| {
                    let path = path.clone();
                    causes().map(move |cause| TransferError::file(action, path.clone(), cause))
                };
                file_actions().into_iter().flat_map(with).collect()
            }
            E::Withdrawn { .. } => {
                withdrawals().into_iter().map(|reason| E::Withdrawn { path: name(), reason }).collect()
            }
            E::Impossible(_) => unsuited().into_iter().map(E::Impossible).collect(),
            E::NobodyThere { relays, looked_locally, .. } => [false, true]
                .map(|looked_online| E::NobodyThere { relays: relays.clone(), looked_locally, looked_online })
                .into(),
            E::OnlyStrangers { .. } => [1, 2, 4].map(|count| E::OnlyStrangers { count }).into(),
            E::NobodyGotIt { .. } => [0, 1, 2].map(|came| E::NobodyGotIt { came }).into(),
            one => vec![one],
        }
    };
    kinds.into_iter().flat_map(spread).collect()
}

fn file_actions() -> Vec<FileAction> {
    use FileAction as A;
    all(A::Read, |action| {
        Some(match action {
            A::Read => A::ReadInput,
            A::ReadInput => A::ReadBack,
            A::ReadBack => A::Write,
            A::Write => A::WriteIn,
            A::WriteIn => A::WriteOutput,
            A::WriteOutput => A::Store,
            A::Store => A::Replace,
            A::Replace => A::MakeFolder,
            A::MakeFolder => A::MakeLink,
            A::MakeLink => A::UseFolder,
            A::UseFolder => A::Remove,
            A::Remove => return None,
        })
    })
}

pub(super) fn unsuited() -> Vec<Impossible> {
    use Impossible as U;
    all(U::Nothing, |reason| {
        Some(match reason {
            U::Nothing => U::NoRandomness,
            U::NoRandomness => U::Code(CodeError::WordCount { asked: 99 }),
            U::Code(_) => U::Special { path: "/dev/null".into() },
            U::Special { .. } => U::NoSize { path: "/proc/cpuinfo".into() },
            U::NoSize { .. } => U::TooManyEntries,
            U::TooManyEntries => U::TooMuchText,
            U::TooMuchText => U::Manifest(ManifestError::Sizes),
            U::Manifest(_) => U::LongText { limit: 1 << 20 },
            U::LongText { .. } => U::StreamName,
            U::StreamName => U::NotOneFile { entries: 2 },
            U::NotOneFile { .. } => U::NoRelayHere("port 27001 is taken".to_owned()),
            U::NoRelayHere(_) => U::Croc10Off,
            U::Croc10Off => U::Arguments("an option is missing".to_owned()),
            U::Arguments(_) => return None,
        })
    })
}

pub(super) fn misbehaviours() -> Vec<Misbehaviour> {
    use Misbehaviour as M;
    all(M::Record, |misbehaviour| {
        Some(match misbehaviour {
            M::Record => M::Frame(FrameError::TooLong { length: 1 << 30, limit: 1024 }),
            M::Frame(_) => M::Manifest(ManifestError::NotBelowFolder),
            M::Manifest(_) => M::OutOfTurn("done"),
            M::OutOfTurn(_) => M::UnknownBlock,
            M::UnknownBlock => M::BlockTwice,
            M::BlockTwice => M::UnknownEntry,
            M::UnknownEntry => M::Iterations,
            M::Iterations => M::Lanes,
            M::Lanes => M::DoneTooEarly,
            M::DoneTooEarly => M::Heard,
            M::Heard => M::Unread,
            M::Unread => M::Invitation,
            M::Invitation => M::Croc("a file without a hash"),
            M::Croc(_) => return None,
        })
    })
}

pub(super) fn unfits() -> Vec<LeftOutReason> {
    use LeftOutReason as U;
    all(U::Special, |reason| {
        Some(match reason {
            U::Special => U::NoSize,
            U::NoSize => U::LinkName,
            U::LinkName => U::Link(PathError::Escapes),
            U::Link(PathError::Escapes) => U::Link(PathError::Empty),
            U::Link(_) => U::Name(PathError::TooLong),
            U::Name(_) => U::TooDeep,
            U::TooDeep => U::Unreadable(io::ErrorKind::PermissionDenied),
            U::Unreadable(io::ErrorKind::PermissionDenied) => U::Unreadable(io::ErrorKind::NotFound),
            U::Unreadable(io::ErrorKind::NotFound) => U::Unreadable(io::ErrorKind::Other),
            U::Unreadable(_) => return None,
        })
    })
}

/// Both sides, before and after bytes have moved, and with something kept.
pub(super) fn standpoints() -> Vec<Standpoint<'static>> {
    static ANN: LazyLock<PeerName> = LazyLock::new(|| "Ann's laptop".parse().unwrap());
    let cases = [
        (Direction::Sent, false, false),
        (Direction::Sent, true, false),
        (Direction::Received, false, false),
        (Direction::Received, true, false),
        (Direction::Received, true, true),
    ];
    let with = |peer| {
        cases.map(|(direction, has_begun, is_kept)| Standpoint { direction, peer, has_begun, is_kept })
    };
    [with(None), with(Some(&*ANN))].concat()
}
