//! The transport over real sockets (chapter 11): for everything that gets through, a twin that does not. Times
//! are small limits of the server, and what is asserted is that the connection ends, never how long it took.

#![cfg(test)]

mod client;
mod federation;
mod listener;
mod support;
