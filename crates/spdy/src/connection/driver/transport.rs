//! The driver on its transport.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Sleep, sleep_until, timeout};
use tokio_util::io::{poll_read_buf, poll_write_buf};

use super::Driver;
use crate::connection::End;
use crate::error::ConnectionError;
use crate::frame::{Frame, GoAwayStatus};

/// How much is read at once.
const READ: usize = 64 * 1024;

/// So often everything is looked at before other tasks have their turn.
const ROUNDS: usize = 32;

/// How long the last words of a connection that has failed may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

impl Driver {
    pub(in crate::connection) async fn run<IO: AsyncRead + AsyncWrite>(
        mut self,
        io: IO,
    ) -> Result<End, ConnectionError> {
        let mut io = pin!(io);
        let mut alarm = pin!(sleep_until(tokio::time::Instant::now()));
        let end = poll_fn(|context| self.poll(context, io.as_mut(), alarm.as_mut())).await;
        let status = match &end {
            Ok(End::PeerClosed { .. }) | Err(ConnectionError::Io(_)) => return end,
            Ok(End::Closed) => GoAwayStatus::Ok,
            Err(error) => error.status(),
        };
        let lingering = if end.is_ok() { self.settings.linger } else { Duration::ZERO };
        // Streams learn of the end only after this, but nobody waits for more than the peer is owed.
        self.part(io, status, lingering).await;
        end
    }

    /// Tells the peer that this was the last frame, and lets it read to the end.
    async fn part<IO: AsyncRead + AsyncWrite>(&mut self, mut io: Pin<&mut IO>, status: GoAwayStatus, linger: Duration) {
        let last = Frame::GoAway { last_accepted: self.last_of_peer, status };
        if self.encoder.encode(&last, &mut self.output).is_err() {
            return;
        }
        let told = timeout(LAST_WORDS, async {
            io.write_all(&self.output).await?;
            io.shutdown().await
        });
        if matches!(told.await, Ok(Ok(()))) {
            // What it still sends is for nobody; when it takes longer, it loses what it has not read.
            drop(timeout(linger, tokio::io::copy(&mut io, &mut tokio::io::sink())).await);
        }
    }

    fn poll<IO: AsyncRead + AsyncWrite>(
        &mut self,
        context: &mut Context<'_>,
        mut io: Pin<&mut IO>,
        mut alarm: Pin<&mut Sleep>,
    ) -> Poll<Result<End, ConnectionError>> {
        for _ in 0..ROUNDS {
            self.poll_alarm(context, alarm.as_mut())?;
            let mut progress = self.poll_control(context)?;
            progress |= self.poll_data(context)?;
            progress |= self.poll_write(context, io.as_mut())?;
            match self.poll_read(context, io.as_mut())? {
                Poll::Ready(true) => progress = true,
                Poll::Ready(false) => return Poll::Ready(Ok(End::PeerClosed { open_streams: self.streams.len() })),
                Poll::Pending => {}
            }
            if self.is_done() {
                return Poll::Ready(Ok(End::Closed));
            }
            if !progress {
                return Poll::Pending;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_alarm(&mut self, context: &mut Context<'_>, mut alarm: Pin<&mut Sleep>) -> Result<(), ConnectionError> {
        while let Some(deadline) = self.pace.deadline() {
            if alarm.deadline() != deadline {
                alarm.as_mut().reset(deadline);
            }
            if alarm.as_mut().poll(context).is_pending() {
                break;
            }
            let reading = self.may_read();
            if let Some(ping) = self.pace.tick(reading)? {
                self.write(&Frame::Ping(ping))?;
            }
        }
        Ok(())
    }

    fn poll_control(&mut self, context: &mut Context<'_>) -> Result<bool, ConnectionError> {
        let mut progress = false;
        while !self.abandoned {
            match self.control.poll_recv(context) {
                Poll::Ready(Some(control)) => self.obey(control)?,
                Poll::Ready(None) => self.abandoned = true,
                Poll::Pending => break,
            }
            progress = true;
        }
        Ok(progress)
    }

    fn poll_data(&mut self, context: &mut Context<'_>) -> Result<bool, ConnectionError> {
        let mut progress = false;
        if self.windows.allowed(1) > 0
            && let Some(held) = self.held.take()
        {
            self.send(held)?;
            progress = true;
        }
        while self.may_take_data() {
            let Poll::Ready(Some(data)) = self.data.poll_recv(context) else { break };
            self.send(data)?;
            progress = true;
        }
        Ok(progress)
    }

    fn poll_write<IO: AsyncWrite>(
        &mut self,
        context: &mut Context<'_>,
        mut io: Pin<&mut IO>,
    ) -> Result<bool, ConnectionError> {
        let mut progress = false;
        while !self.output.is_empty() {
            match poll_write_buf(io.as_mut(), context, &mut self.output) {
                Poll::Ready(Ok(0)) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Poll::Ready(Ok(_)) => (progress, self.unflushed) = (true, true),
                Poll::Ready(Err(error)) => return Err(error.into()),
                Poll::Pending => return Ok(progress),
            }
        }
        if self.unflushed
            && let Poll::Ready(flushed) = io.poll_flush(context)
        {
            flushed?;
            self.unflushed = false;
        }
        Ok(progress)
    }

    /// Whether there was something; `false` is the end.
    fn poll_read<IO: AsyncRead>(
        &mut self,
        context: &mut Context<'_>,
        io: Pin<&mut IO>,
    ) -> Result<Poll<bool>, ConnectionError> {
        if !self.may_read() {
            return Ok(Poll::Pending);
        }
        self.input.reserve(READ);
        let Poll::Ready(read) = poll_read_buf(io, context, &mut self.input) else { return Ok(Poll::Pending) };
        if read? == 0 {
            return Ok(Poll::Ready(false));
        }
        while let Some(frame) = self.decoder.decode(&mut self.input)? {
            self.receive(frame)?;
        }
        Ok(Poll::Ready(true))
    }
}
