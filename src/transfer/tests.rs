//! Tests of a sender's and a receiver's session against each other, in one thread, over connections in memory, and on a
//! clock that goes forward only when nothing else can run. What a socket test takes half a minute to notice takes
//! milliseconds here, and no result depends on the speed of the machine.

mod control;
#[cfg(target_os = "linux")]
mod destination;
mod network;
mod pair;
mod schedule;
mod sessions;
