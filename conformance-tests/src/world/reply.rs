//! What a server of the world answers: mostly a whole answer, and for hostile peers every other way to end a connection.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reply {
    /// HTTP status.
    pub(crate) status: u16,
    /// Headers.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// What follows.
    pub(crate) contents: Contents,
    /// How long nothing comes first.
    pub(crate) after: Duration,
}

/// The body of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Contents {
    /// All of it, at once.
    Whole(Vec<u8>),
    /// Fewer bytes than announced, then the end of the connection.
    CutOff(Vec<u8>, u64),
    /// A byte at a time.
    Drip(Vec<u8>, Duration),
    /// So many bytes, without a length announced.
    Flood(u64),
}

impl Reply {
    /// 200 with this content.
    pub(crate) fn ok(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::status(200).with("content-type", content_type).body(body)
    }

    /// Nothing but a status.
    pub(crate) const fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            contents: Contents::Whole(Vec::new()),
            after: Duration::ZERO,
        }
    }

    /// There is no such thing.
    pub(crate) fn not_found() -> Self {
        Self::problem("not-found", 404)
    }

    /// A problem document of the registry.
    pub(crate) fn problem(slug: &str, status: u16) -> Self {
        let document = serde_json::json!({
            "type": format!("urn:comity:problem:{slug}"),
            "title": slug,
            "status": status,
            "next_step": { "zh": "示例", "en": "example" },
        });
        Self::status(status)
            .with("content-type", "application/problem+json")
            .body(document.to_string())
    }

    /// Look elsewhere.
    pub(crate) fn redirect(to: &str) -> Self {
        Self::status(302).with("location", to)
    }

    /// With this header.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// With this body.
    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.contents = Contents::Whole(body.into());
        self
    }

    /// With these contents.
    pub(crate) fn contents(mut self, contents: Contents) -> Self {
        self.contents = contents;
        self
    }

    /// After some time.
    pub(crate) const fn after(mut self, after: Duration) -> Self {
        self.after = after;
        self
    }
}

/// The body on its way.
pub(crate) struct OnItsWay {
    contents: Contents,
    sent: u64,
    next: Pin<Box<Sleep>>,
    swallowed: Option<Box<dyn FnOnce() + Send>>,
}

impl OnItsWay {
    pub(crate) fn new(contents: Contents) -> Self {
        Self {
            contents,
            sent: 0,
            next: Box::pin(tokio::time::sleep(Duration::ZERO)),
            swallowed: None,
        }
    }

    /// Told when all of a flood is gone that is larger than the buffers on the way: whoever asked has read it and not cut it off.
    pub(crate) fn read_to_the_end(mut self, swallowed: impl FnOnce() + Send + 'static) -> Self {
        if matches!(self.contents, Contents::Flood(total) if total > BUFFERED) {
            self.swallowed = Some(Box::new(swallowed));
        }
        self
    }
}

/// Bytes of one piece of a flood.
const PIECE: u64 = 64 << 10;
/// Bytes that two sockets and two TLS connections may hold of what nobody has read.
const BUFFERED: u64 = 24 << 20;

impl Body for OnItsWay {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        let piece = match &this.contents {
            Contents::Whole(bytes) | Contents::CutOff(bytes, _) if this.sent == 0 && !bytes.is_empty() => {
                bytes.clone()
            }
            Contents::Whole(_) => return Poll::Ready(None),
            Contents::CutOff(..) => {
                let cut = std::io::Error::new(std::io::ErrorKind::ConnectionAborted, "cut off on purpose");
                return Poll::Ready(Some(Err(cut)));
            }
            Contents::Drip(bytes, every) => {
                if this.next.as_mut().poll_elapsed(cx).is_pending() {
                    return Poll::Pending;
                }
                this.next.as_mut().reset(Instant::now() + *every);
                match bytes.get(usize::try_from(this.sent).unwrap_or(usize::MAX)) {
                    Some(byte) => vec![*byte],
                    None => return Poll::Ready(None),
                }
            }
            Contents::Flood(total) if this.sent < *total => {
                vec![b'a'; usize::try_from(PIECE.min(total - this.sent)).unwrap_or(0)]
            }
            Contents::Flood(_) => {
                if let Some(swallowed) = this.swallowed.take() {
                    swallowed();
                }
                return Poll::Ready(None);
            }
        };
        this.sent += piece.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.contents, Contents::Whole(bytes) if self.sent >= bytes.len() as u64)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.contents {
            Contents::Whole(bytes) | Contents::Drip(bytes, _) => {
                SizeHint::with_exact(bytes.len() as u64 - self.sent.min(bytes.len() as u64))
            }
            Contents::CutOff(_, announced) => SizeHint::with_exact(announced - self.sent.min(*announced)),
            Contents::Flood(_) => SizeHint::default(),
        }
    }
}

/// `Sleep` as a poll.
trait PollElapsed {
    fn poll_elapsed(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()>;
}

impl PollElapsed for Sleep {
    fn poll_elapsed(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        std::future::Future::poll(self, cx)
    }
}
