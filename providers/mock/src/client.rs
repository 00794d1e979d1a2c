//! The way to the owner of the pods.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use vk_core::{Error, Result};

use crate::backend::{Answered, Attempt, Clock, Reply, Request};

/// Asks a [`crate::MockBackend`]. Cheap to clone; the back end ends with the last one.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    requests: mpsc::Sender<Request>,
    clock: Clock,
}

impl Client {
    pub(crate) fn new(requests: mpsc::Sender<Request>, clock: Clock) -> Self {
        Self { requests, clock }
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    pub(crate) async fn send(&self, request: Request) -> Result<()> {
        self.requests.send(request).await.map_err(|_| stopped())
    }

    pub(crate) async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.send(request(reply)).await?;
        answer.await.map_err(|_| stopped())?
    }

    /// As [`Self::ask`], for calls that can be scripted to hang.
    pub(crate) async fn ask_scripted<T>(&self, request: impl Fn(Attempt, Reply<Answered<T>>) -> Request) -> Result<T> {
        match self.ask(|reply| request(Attempt::First, reply)).await? {
            Answered::Done(value) => return Ok(value),
            Answered::Hang(Duration::MAX) => std::future::pending().await,
            Answered::Hang(time) => tokio::time::sleep(time).await,
        }
        match self.ask(|reply| request(Attempt::AfterHang, reply)).await? {
            Answered::Done(value) => Ok(value),
            Answered::Hang(_) => Err(Error::internal("a call hung twice")),
        }
    }
}

fn stopped() -> Error {
    Error::unavailable("the mock back end has stopped")
}
