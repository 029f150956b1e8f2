//! A stream that ends by itself when the other side does not send its first byte, or does not take what we send.
//! Between the two, hyper's own timer watches the request head and [`super::body`] the request body.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::record_refusal;

/// Why a stream was ended by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum StreamTimeout {
    /// No first byte in time.
    #[error("未在限时内收到请求 / no request came in time")]
    FirstByte,
    /// The answer is not being taken.
    #[error("对方未在限时内接收应答 / the answer was not taken in time")]
    WriteStall,
}

impl StreamTimeout {
    const fn reason(self) -> &'static str {
        match self {
            Self::FirstByte => "first_byte_timeout",
            Self::WriteStall => "write_stalled",
        }
    }
}

/// A watched stream.
pub(super) struct WatchedIo<S> {
    inner: S,
    listener: &'static str,
    first_byte: Option<Pin<Box<Sleep>>>,
    write_stall: Duration,
    stalled: Pin<Box<Sleep>>,
    writing: bool,
}

impl<S> WatchedIo<S> {
    pub(super) fn new(inner: S, listener: &'static str, first_byte: Duration, write_stall: Duration) -> Self {
        Self {
            inner,
            listener,
            first_byte: Some(Box::pin(tokio::time::sleep(first_byte))),
            write_stall,
            stalled: Box::pin(tokio::time::sleep(write_stall)),
            writing: false,
        }
    }

    /// Counted here and not where the connection ends: to hyper, an error before the first byte is a client that
    /// went away, and no error at all.
    fn timed_out(&self, cause: StreamTimeout) -> io::Error {
        record_refusal(self.listener, cause.reason());
        io::Error::new(io::ErrorKind::TimedOut, cause)
    }

    /// Starts the stall timer at the first write that has to wait, and stops it at the first that need not.
    fn watch_write<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.writing = false;
            return written;
        }
        if !self.writing {
            self.writing = true;
            self.stalled.as_mut().reset(Instant::now() + self.write_stall);
        }
        ready!(self.stalled.as_mut().poll(cx));
        Poll::Ready(Err(self.timed_out(StreamTimeout::WriteStall)))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WatchedIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.inner).poll_read(cx, buffer);
        let Some(first_byte) = &mut self.first_byte else {
            return read;
        };
        if read.is_ready() {
            self.first_byte = None;
            return read;
        }
        ready!(first_byte.as_mut().poll(cx));
        Poll::Ready(Err(self.timed_out(StreamTimeout::FirstByte)))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WatchedIo<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.watch_write(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        self.watch_write(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.watch_write(cx, shut)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, slices);
        self.watch_write(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
