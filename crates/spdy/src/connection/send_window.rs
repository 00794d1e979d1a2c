//! How much of a stream may be sent: shared by its writer and the driver, without a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;
use tokio_util::sync::CancellationToken;

use super::command::{LONGEST_PIECE, PIECE_OVERHEAD};
use crate::frame::ResetStatus;

/// What a stream may send before it is told more (draft 3.1, section 2.6.8).
pub(super) const INITIAL: i64 = 64 * 1024;

#[derive(Debug)]
struct Shared {
    /// Bytes that may still be sent. Negative after the peer has shrunk its initial window.
    left: AtomicI64,
    /// Memory of pieces that have not been written yet.
    queued: AtomicUsize,
    enforced: AtomicBool,
    ended: AtomicBool,
    /// Why, if by a reset; 0 otherwise.
    reset: AtomicU32,
    writer: AtomicWaker,
    /// Cancelled with the end, for those who wait for it and do not write.
    over: CancellationToken,
}

/// The writer's side.
#[derive(Debug)]
pub(super) struct SendWindow(Arc<Shared>);

/// The driver's side. Dropping it ends the writing.
#[derive(Debug)]
pub(super) struct SendWindowControl(Arc<Shared>);

/// Why a writer may not write any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    /// Set if the peer reset the stream.
    pub(super) reset: Option<ResetStatus>,
}

/// The two sides of a new stream's window.
pub(super) fn send_window(initial: i64, enforced: bool) -> (SendWindow, SendWindowControl) {
    let shared = Arc::new(Shared {
        left: AtomicI64::new(initial),
        queued: AtomicUsize::new(0),
        enforced: AtomicBool::new(enforced),
        ended: AtomicBool::new(false),
        reset: AtomicU32::new(0),
        writer: AtomicWaker::new(),
        over: CancellationToken::new(),
    });
    (SendWindow(shared.clone()), SendWindowControl(shared))
}

impl SendWindow {
    /// How many of `wanted` bytes may be sent now: at least one, or it waits. Each stream waits for its own pieces alone, so
    /// that one whose writer is not polled on takes nobody's place.
    pub(super) fn poll_allowance(&self, context: &mut Context<'_>, wanted: usize) -> Poll<Result<usize, Ended>> {
        // Registered first, so that no change between looking and waiting is missed.
        self.0.writer.register(context.waker());
        if let Some(ended) = self.ended() {
            return Poll::Ready(Err(ended));
        }
        if self.0.queued.load(Ordering::Acquire) >= LONGEST_PIECE {
            return Poll::Pending;
        }
        let wanted = wanted.min(LONGEST_PIECE);
        if !self.0.enforced.load(Ordering::Acquire) {
            return Poll::Ready(Ok(wanted));
        }
        let left = usize::try_from(self.0.left.load(Ordering::Acquire)).unwrap_or(0);
        if left == 0 { Poll::Pending } else { Poll::Ready(Ok(wanted.min(left))) }
    }

    /// A piece of so many bytes is queued.
    pub(super) fn spend(&self, bytes: usize) {
        self.0.queued.fetch_add(bytes + PIECE_OVERHEAD, Ordering::AcqRel);
        self.0.left.fetch_sub(i64::try_from(bytes).unwrap_or(i64::MAX), Ordering::AcqRel);
    }

    /// Set once nothing can be written any more.
    pub(super) fn ended(&self) -> Option<Ended> {
        self.0.ended.load(Ordering::Acquire).then(|| {
            let code = self.0.reset.load(Ordering::Acquire);
            Ended { reset: (code != 0).then(|| ResetStatus::from_code(code)) }
        })
    }

    /// Waits until nothing can be written any more.
    pub(super) fn closed(&self) -> impl Future<Output = Ended> + Send + use<> {
        let window = Self(self.0.clone());
        async move {
            window.0.over.cancelled().await;
            window.ended().unwrap_or(Ended { reset: None })
        }
    }
}

impl SendWindowControl {
    /// So much of what is queued, with what pieces cost beside their bytes, has left the queue.
    pub(super) fn take(&self, memory: usize) {
        self.0.queued.fetch_sub(memory, Ordering::AcqRel);
        self.0.writer.wake();
    }

    /// The peer takes so many bytes more, or fewer. False if the window grows beyond what the protocol can say.
    #[must_use]
    pub(super) fn grow(&self, delta: i64) -> bool {
        let before = self.0.left.fetch_add(delta, Ordering::AcqRel);
        self.0.writer.wake();
        before.saturating_add(delta) <= i64::from(i32::MAX)
    }

    /// From now on the window binds.
    pub(super) fn enforce(&self) {
        self.0.enforced.store(true, Ordering::Release);
    }

    /// The peer has reset the stream.
    pub(super) fn reset(&self, status: ResetStatus) {
        self.0.reset.store(status.code(), Ordering::Release);
        self.end();
    }

    fn end(&self) {
        self.0.ended.store(true, Ordering::Release);
        self.0.writer.wake();
        self.0.over.cancel();
    }
}

impl Drop for SendWindowControl {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use futures::task::noop_waker;

    use super::*;

    #[test]
    fn a_window_binds_once_it_is_enforced() {
        let waker = noop_waker();
        let mut context = Context::from_waker(&waker);
        let (window, control) = send_window(10, false);
        assert_eq!(window.poll_allowance(&mut context, 100), Poll::Ready(Ok(100)));
        window.spend(100);
        control.enforce();
        assert_eq!(window.poll_allowance(&mut context, 1), Poll::Pending);
        assert!(control.grow(95));
        assert_eq!(window.poll_allowance(&mut context, 100), Poll::Ready(Ok(5)));
        assert!(!control.grow(i64::from(i32::MAX)));
    }

    #[test]
    fn a_writer_waits_until_its_pieces_are_written() {
        let waker = noop_waker();
        let mut context = Context::from_waker(&waker);
        let (window, control) = send_window(10, false);
        assert_eq!(window.poll_allowance(&mut context, usize::MAX), Poll::Ready(Ok(LONGEST_PIECE)));
        // However short they are.
        for _ in 0..LONGEST_PIECE.div_ceil(1 + PIECE_OVERHEAD) {
            assert_eq!(window.poll_allowance(&mut context, 1), Poll::Ready(Ok(1)));
            window.spend(1);
        }
        assert_eq!(window.poll_allowance(&mut context, 1), Poll::Pending);
        control.take(1 + PIECE_OVERHEAD);
        assert_eq!(window.poll_allowance(&mut context, 1), Poll::Ready(Ok(1)));
    }

    #[test]
    fn a_writer_learns_how_it_ended() {
        let (window, control) = send_window(10, true);
        assert_eq!(window.ended(), None);
        control.reset(ResetStatus::Cancel);
        assert_eq!(window.ended(), Some(Ended { reset: Some(ResetStatus::Cancel) }));
        let (window, control) = send_window(10, true);
        drop(control);
        assert_eq!(window.ended(), Some(Ended { reset: None }));
    }
}
