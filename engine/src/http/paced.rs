//! A connection whose other end must take what waits for it.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// What a client must take, in bytes, within the patience; or all that waits for it, if that is less.
const ENOUGH: usize = 64 << 10;

/// A stream on which writing fails when the other end takes too little for too long. While nothing waits to be written it
/// may stay as it is for ever.
#[derive(Debug)]
pub(super) struct Paced<S> {
    stream: S,
    patience: Duration,
    /// Bytes taken since the deadline was set.
    taken: usize,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<S> Paced<S> {
    pub(super) const fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, taken: 0, deadline: None }
    }

    /// Notes what became of an attempt to write so many bytes.
    fn note(
        &mut self,
        cx: &mut Context<'_>,
        offered: usize,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(taken)) => {
                self.taken += taken;
                if taken == offered || self.taken >= ENOUGH {
                    self.deadline = None;
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                let deadline = self.deadline.get_or_insert_with(|| {
                    self.taken = 0;
                    Box::pin(sleep(self.patience))
                });
                if deadline.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")));
                }
            }
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(cx, bytes.len(), written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.note(cx, parts.iter().map(|part| part.len()).sum(), written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::runtime::Builder;

    use super::*;

    /// The other end: how many bytes it takes each time; `None` if it is not ready.
    struct Other<F>(F);

    impl<F: FnMut() -> Option<usize> + Unpin> AsyncWrite for Other<F> {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            match (self.0)() {
                Some(taken) => Poll::Ready(Ok(taken)),
                None => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
            }
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    const OFFERED: usize = 100_000;

    /// What so many attempts to write came to, with a patience of some milliseconds.
    fn write(times: usize, takes: impl FnMut() -> Option<usize> + Unpin) -> (io::Result<()>, bool) {
        Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
            let mut paced = Paced::new(Other(takes), Duration::from_millis(20));
            for _ in 0..times {
                if let Err(error) = poll_fn(|cx| Pin::new(&mut paced).poll_write(cx, &[7; OFFERED])).await {
                    return (Err(error), paced.deadline.is_some());
                }
            }
            (Ok(()), paced.deadline.is_some())
        })
    }

    #[test]
    fn who_takes_all_or_much_is_served_with_no_time_running() {
        for taken in [OFFERED, ENOUGH] {
            let mut ready = false;
            let (outcome, time_runs) = write(1000, || {
                ready = !ready;
                ready.then_some(taken)
            });
            assert!(outcome.is_ok() && !time_runs, "{taken}: {outcome:?}");
        }
    }

    #[test]
    fn who_takes_nothing_or_drops_is_given_up() {
        let mut turn = 0;
        let drops = || {
            turn += 1;
            (turn % 1000 == 0).then_some(1)
        };
        for (outcome, _) in [write(1, || None), write(usize::MAX, drops)] {
            assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::TimedOut);
        }
    }
}
