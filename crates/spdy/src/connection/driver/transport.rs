//! The driver on its transport.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Sleep, sleep_until, timeout};
use tokio_util::io::{poll_read_buf, poll_write_buf};

use super::pace::Due;
use super::{Driver, FULL, Farewell};
use crate::connection::End;
use crate::error::ConnectionError;
use crate::frame::{Frame, GoAwayStatus};

/// How much is read at once.
const READ: usize = 64 * 1024;

/// So often everything is looked at before other tasks have their turn.
const ROUNDS: usize = 32;

/// How long the last words to a peer of which nothing more is expected may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

impl Driver {
    pub(in crate::connection) async fn run<IO: AsyncRead + AsyncWrite>(
        mut self,
        io: IO,
    ) -> Result<End, ConnectionError> {
        let mut io = pin!(io);
        let mut alarm = pin!(sleep_until(tokio::time::Instant::now()));
        let end = poll_fn(|context| self.poll(context, io.as_mut(), alarm.as_mut())).await;
        match (self.farewell, end) {
            // Nothing is lost any more.
            (Farewell::Said | Farewell::Shut, Err(ConnectionError::Io(_))) => Ok(End::Closed),
            (Farewell::Unsaid, Ok(End::Closed)) => {
                self.last_words(io, GoAwayStatus::Ok).await;
                Ok(End::Closed)
            }
            (Farewell::Unsaid, Err(error)) if !matches!(error, ConnectionError::Io(_)) => {
                self.last_words(io, error.status()).await;
                Err(error)
            }
            (_, end) => end,
        }
    }

    /// Tells a peer that will not be listened to any more that this was the last frame.
    async fn last_words<IO: AsyncWrite>(&mut self, mut io: Pin<&mut IO>, status: GoAwayStatus) {
        if self.say_goodbye(status).is_ok() {
            let told = async {
                io.write_all(&self.output).await?;
                io.shutdown().await
            };
            drop(timeout(LAST_WORDS, told).await);
        }
    }

    fn say_goodbye(&mut self, status: GoAwayStatus) -> Result<(), ConnectionError> {
        self.farewell = Farewell::Said;
        self.write(&Frame::GoAway { last_accepted: self.last_of_peer, status })
    }

    fn poll<IO: AsyncRead + AsyncWrite>(
        &mut self,
        context: &mut Context<'_>,
        mut io: Pin<&mut IO>,
        mut alarm: Pin<&mut Sleep>,
    ) -> Poll<Result<End, ConnectionError>> {
        for _ in 0..ROUNDS {
            self.pace.input_waits(self.input_waits());
            if self.poll_alarm(context, alarm.as_mut())?.is_ready() {
                return Poll::Ready(Ok(End::Closed));
            }
            let mut progress = self.poll_control(context)?;
            progress |= self.poll_data(context)?;
            progress |= self.poll_write(context, io.as_mut())?;
            match self.poll_read(context, io.as_mut())? {
                Poll::Ready(true) => progress = true,
                Poll::Ready(false) if self.farewell != Farewell::Unsaid => return Poll::Ready(Ok(End::Closed)),
                Poll::Ready(false) => return Poll::Ready(Ok(End::PeerClosed { open_streams: self.streams.len() })),
                Poll::Pending => {}
            }
            progress |= self.poll_farewell(context, io.as_mut())?;
            if !progress {
                return Poll::Pending;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Ready when the peer has been waited for long enough.
    fn poll_alarm(
        &mut self,
        context: &mut Context<'_>,
        mut alarm: Pin<&mut Sleep>,
    ) -> Result<Poll<()>, ConnectionError> {
        while let Some(deadline) = self.pace.deadline() {
            if alarm.deadline() != deadline {
                alarm.as_mut().reset(deadline);
            }
            if alarm.as_mut().poll(context).is_pending() {
                break;
            }
            match self.pace.tick()? {
                Some(Due::Parting) => return Ok(Poll::Ready(())),
                // Behind bytes that the transport does not take, a ping would keep nothing awake.
                Some(Due::Ping(ping)) if self.output.is_empty() && self.farewell == Farewell::Unsaid => {
                    self.write(&Frame::Ping(ping))?;
                }
                Some(Due::Ping(_)) | None => {}
            }
        }
        Ok(Poll::Pending)
    }

    pub(super) fn poll_control(&mut self, context: &mut Context<'_>) -> Result<bool, ConnectionError> {
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

    pub(super) fn poll_data(&mut self, context: &mut Context<'_>) -> Result<bool, ConnectionError> {
        let mut progress = false;
        while let Poll::Ready(Some(data)) = self.data.poll_recv(context) {
            // What a stream had written before it was reset is of no use to anybody.
            if self.streams.contains_key(&data.id) {
                self.queue.push_back(data);
            }
            progress = true;
        }
        while self.output.len() < FULL
            && let Some(data) = self.queue.pop_front()
        {
            if !self.send(data)? {
                break;
            }
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
            if self.output_is_of_streams {
                self.pace.used();
            }
        }
        self.output_is_of_streams = false;
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
        self.pace.heard();
        if self.farewell != Farewell::Unsaid {
            // What it still sends is for nobody.
            self.input.clear();
            return Ok(Poll::Ready(true));
        }
        while let Some(frame) = self.decoder.decode(&mut self.input)? {
            self.receive(frame)?;
        }
        Ok(Poll::Ready(true))
    }

    /// Once all is said, says that it was, and ends this side's direction. Nothing that the peer has not read yet is lost with
    /// it: the transport stays until the peer ends it, or is silent for too long.
    fn poll_farewell<IO: AsyncWrite>(
        &mut self,
        context: &mut Context<'_>,
        io: Pin<&mut IO>,
    ) -> Result<bool, ConnectionError> {
        let said = self.has_said_all();
        match self.farewell {
            Farewell::Unsaid if said && self.nobody_is_left() => {
                self.say_goodbye(GoAwayStatus::Ok)?;
                Ok(true)
            }
            Farewell::Said if said => match io.poll_shutdown(context) {
                Poll::Pending => Ok(false),
                Poll::Ready(shut) => {
                    shut?;
                    self.farewell = Farewell::Shut;
                    Ok(true)
                }
            },
            Farewell::Shut => Ok(self.pace.quiet()),
            Farewell::Unsaid if said && self.only_the_peer_is_left() => Ok(self.pace.quiet()),
            Farewell::Unsaid | Farewell::Said => Ok(false),
        }
    }
}
