//! A network made of a table: what stands at which address, who answers what, and how often each was asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::FixedClock;
use crate::ports::peers::{FetchError, Fetched, PeerAddress, PeerAnswer, PeerClient};

/// What stands at an address.
#[derive(Clone, Debug)]
enum Page {
    Bytes(Vec<u8>),
    Error(FetchError),
    Hangs,
    Late(Arc<FixedClock>, i64),
}

/// One message that was posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// To whom.
    pub peer: PeerAddress,
    /// Under which path.
    pub path: String,
    /// As what.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

#[derive(Debug, Default)]
struct Tables {
    pages: BTreeMap<String, Page>,
    asked: Vec<String>,
    posted: Vec<Posted>,
    underway: usize,
    most_underway: usize,
    answer: Option<Result<PeerAnswer, FetchError>>,
}

/// A scripted network. An address that nobody set is a refused connection; a page's `ETag` is its digest.
#[derive(Debug, Default)]
pub struct ScriptedPeers(Mutex<Tables>);

impl ScriptedPeers {
    /// Puts bytes at an address.
    pub fn serve(&self, url: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.with(|tables| tables.pages.insert(url.into(), Page::Bytes(bytes.into())));
    }

    /// Makes an address fail.
    pub fn fail(&self, url: impl Into<String>, error: FetchError) {
        self.with(|tables| tables.pages.insert(url.into(), Page::Error(error)));
    }

    /// Makes an address hang: no answer ever comes.
    pub fn hang(&self, url: impl Into<String>) {
        self.with(|tables| tables.pages.insert(url.into(), Page::Hangs));
    }

    /// Makes an address fail after so many seconds.
    pub fn late(&self, url: impl Into<String>, clock: &Arc<FixedClock>, seconds: i64) {
        let late = Page::Late(Arc::clone(clock), seconds);
        self.with(|tables| tables.pages.insert(url.into(), late));
    }

    /// Takes every page away: nobody can be reached.
    pub fn cut(&self) {
        self.with(|tables| tables.pages.clear());
    }

    /// How every post is answered; a refused connection until set.
    pub fn answer(&self, answer: Result<PeerAnswer, FetchError>) {
        self.with(|tables| tables.answer = Some(answer));
    }

    /// Every address asked, oldest first.
    pub fn asked(&self) -> Vec<String> {
        self.with(|tables| tables.asked.clone())
    }

    /// Forgets what was asked.
    pub fn forget(&self) {
        self.with(|tables| tables.asked.clear());
    }

    /// The most addresses that were being asked at one time, since the last call.
    pub fn most_at_once(&self) -> usize {
        self.with(|tables| std::mem::take(&mut tables.most_underway))
    }

    /// Takes every message posted since the last call, oldest first.
    pub fn posted(&self) -> Vec<Posted> {
        self.with(|tables| std::mem::take(&mut tables.posted))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Tables) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn refused(host: &str) -> FetchError {
    FetchError::Connect {
        host: host.to_owned(),
        reason: "connection refused".to_owned(),
    }
}

#[async_trait]
impl PeerClient for ScriptedPeers {
    async fn get(&self, url: &str, if_none_match: Option<&str>, limit: usize) -> Result<Fetched, FetchError> {
        let page = self.with(|tables| {
            tables.asked.push(url.to_owned());
            tables.underway += 1;
            tables.most_underway = tables.most_underway.max(tables.underway);
            tables.pages.get(url).cloned()
        });
        // A network answers no sooner than others have had their turn.
        tokio::task::yield_now().await;
        self.with(|tables| tables.underway -= 1);
        match page {
            Some(Page::Bytes(bytes)) if bytes.len() > limit => Err(FetchError::TooLarge {
                host: url.to_owned(),
                limit,
            }),
            Some(Page::Bytes(bytes)) => {
                let etag = format!("\"{}\"", comity_spec::ids::Digest::of(&bytes));
                if if_none_match == Some(etag.as_str()) {
                    return Ok(Fetched::NotModified);
                }
                Ok(Fetched::Body {
                    bytes,
                    etag: Some(etag),
                })
            }
            Some(Page::Error(error)) => Err(error),
            Some(Page::Hangs) => std::future::pending().await,
            Some(Page::Late(clock, seconds)) => {
                clock.advance(seconds);
                Err(refused(url))
            }
            None => Err(refused(url)),
        }
    }

    async fn post(
        &self,
        peer: &PeerAddress,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<PeerAnswer, FetchError> {
        self.with(|tables| {
            tables.posted.push(Posted {
                peer: peer.clone(),
                path: path.to_owned(),
                content_type: content_type.to_owned(),
                body,
            });
            tables
                .answer
                .clone()
                .unwrap_or_else(|| Err(refused(peer.base.as_str())))
        })
    }
}
