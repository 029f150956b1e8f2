//! The staff listener over real sockets: API, pages, and the pages in a real browser. For everything that gets through, a twin that
//! does not. Two counties in one process stand behind it; the clock stands still.

#![cfg(test)]

mod api;
mod browser;
mod pages;
mod support;
