//! Sessions of a sender and a receiver against each other in one thread, over memory and on a clock that runs only while
//! nothing else does: what a socket test takes half a minute to notice takes milliseconds here, and nothing is left to the
//! speed of the machine.

mod control;
mod network;
mod pair;
mod schedule;
mod sessions;
