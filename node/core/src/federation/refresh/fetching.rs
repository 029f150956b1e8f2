//! Fetches of one refresh: counted, never the same address twice, a few at a time.

use std::collections::HashSet;

use comity_spec::mutant;
use futures_util::StreamExt as _;

use super::ObjectResult;
use crate::ports::peers::{FetchError, Fetched, PeerClient};

/// Fetches that are under way at one time.
const AT_ONCE: usize = 8;

pub(super) struct Fetching<'a> {
    peers: &'a dyn PeerClient,
    budget: usize,
    made: usize,
    visited: HashSet<String>,
}

/// What came of one address.
pub(super) enum Got {
    Body(Vec<u8>),
    Nothing(ObjectResult),
}

impl<'a> Fetching<'a> {
    pub(super) fn new(peers: &'a dyn PeerClient, budget: usize) -> Self {
        Self {
            peers,
            budget,
            made: 0,
            visited: HashSet::new(),
        }
    }

    pub(super) const fn made(&self) -> usize {
        self.made
    }

    pub(super) const fn left(&self) -> usize {
        self.budget - self.made
    }

    /// Fetches these addresses; answers in their order.
    pub(super) async fn all(&mut self, urls: &[String], limit: usize) -> Vec<Got> {
        let mut permitted = Vec::with_capacity(urls.len());
        for url in urls {
            let permit = self.permit(url);
            // Owned, so that the future of the whole refresh can move between threads.
            permitted.push((url.clone(), permit));
        }
        let peers = self.peers;
        let answers = futures_util::stream::iter(permitted).map(|(url, refused)| async move {
            match refused {
                Some(result) => Got::Nothing(result),
                None => get(peers, &url, limit).await,
            }
        });
        answers.buffered(AT_ONCE).collect().await
    }

    /// Counts a fetch, or says why it is not made.
    fn permit(&mut self, url: &str) -> Option<ObjectResult> {
        if !url.starts_with("https://") {
            return Some(ObjectResult::Unreachable(FetchError::Url(
                url.chars().take(200).collect(),
            )));
        }
        if self.visited.contains(url) && !mutant!("TRU-25") {
            return Some(ObjectResult::AskedAlready);
        }
        if self.left() == 0 {
            return Some(ObjectResult::OverBudget);
        }
        self.visited.insert(url.to_owned());
        self.made += 1;
        None
    }
}

async fn get(peers: &dyn PeerClient, url: &str, limit: usize) -> Got {
    match peers.get(url, None, limit).await {
        Ok(Fetched::Body { bytes, .. }) => Got::Body(bytes),
        // Nothing was asked conditionally, so there is nothing that could still stand.
        Ok(Fetched::NotModified) => Got::Nothing(ObjectResult::NotPublished),
        Err(error) => Got::Nothing(ObjectResult::Unreachable(error)),
    }
}
