//! What users rely on, over real sockets and real files: the engine with both its sides and a relay, hostile peers, and the
//! program itself. It is one test program, because each test program is linked with the whole library. `cargo test --test
//! integration places` runs the tests of one file.

#![allow(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod access;
mod beside;
mod cancel;
mod changes;
mod cli;
mod cli_beginner;
mod cli_conditions;
mod cli_exits;
mod cli_people;
mod cli_several;
#[cfg(target_os = "linux")]
mod cli_shells;
mod conflicts;
#[cfg(feature = "croc")]
mod croc_codes;
#[cfg(all(feature = "croc", target_os = "linux"))]
mod croc_lan;
#[cfg(feature = "croc")]
mod croc_receive;
#[cfg(feature = "croc")]
mod croc_relay;
#[cfg(feature = "croc")]
mod croc_send;
mod direct;
mod hostile_blocks;
#[cfg(feature = "croc")]
mod hostile_croc;
#[cfg(feature = "croc")]
mod hostile_croc_receiver;
mod hostile_invitations;
mod hostile_receiver;
mod hostile_return;
mod hostile_same;
mod hostile_sender;
#[cfg(feature = "internet")]
mod internet;
#[cfg(feature = "internet")]
mod internet_faults;
mod invitations;
mod listing;
mod loopback;
mod meeting;
#[cfg(unix)]
mod metadata;
mod names;
mod networks;
mod panics;
mod people;
mod places;
mod reconnect;
mod relay;
mod relay_limits;
mod relay_shares;
mod resume;
#[cfg(target_os = "linux")]
mod roaming;
mod same;
mod several;
mod stall;
mod strangers;
mod thumbnails;
mod unanswered;

#[path = "../support/mod.rs"]
mod support;
