//! A back end that does nothing: one pod, whose commands print zeros.

use futures::future::{BoxFuture, FutureExt, ready};
use futures::stream::{self, BoxStream, StreamExt};
use tokio::io::AsyncWriteExt;
use vk_core::{ContainerKind, ContainerState, Error, PodKey, PodUid, RawPod, Result, Target};
use vk_kubelet_api::{
    Attributes, AuthorizationError, Authorizer, ContainerEntry, Decision, PodEntry, PodSource, RunningPod, UserInfo,
};
use vk_provider::{Exec, ExecRequest, Exit, Streams};

/// Runs a command whose only word is how many bytes it is to print.
pub(super) struct NullBackEnd;

/// What a provider writes at once.
static PIECE: [u8; 64 * 1024] = [0; 64 * 1024];

impl Exec for NullBackEnd {
    fn exec(&self, request: ExecRequest, mut streams: Streams) -> BoxFuture<'_, Result<Exit>> {
        async move {
            let bytes = request.command.first().and_then(|word| word.parse::<u64>().ok());
            let mut left = bytes.ok_or_else(|| Error::invalid("command", "is to be a number of bytes"))?;
            let mut stdout = streams.stdout.take().ok_or_else(|| Error::invalid("stdout", "is to be read"))?;
            while left > 0 {
                let length = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE.len());
                let written = stdout.write(&PIECE[..length]).await;
                left -= written.map_err(|error| Error::unavailable(error.to_string()))? as u64;
            }
            Ok(Exit::Code(0))
        }
        .boxed()
    }
}

impl PodSource for NullBackEnd {
    fn find(&self, key: PodKey) -> BoxFuture<'_, Result<Option<PodEntry>>> {
        let running = ContainerState::Running { started_at: None };
        let container = ContainerEntry::new("app", ContainerKind::App).with_status(running, None);
        let entry = PodEntry::new(Target::new(PodUid::from("uid-1"), key), vec![container]);
        ready(Ok(Some(entry))).boxed()
    }

    fn running(&self) -> BoxFuture<'_, Result<Vec<RunningPod>>> {
        ready(Ok(Vec::new())).boxed()
    }

    fn list(&self) -> BoxStream<'static, Result<RawPod>> {
        stream::empty().boxed()
    }
}

impl Authorizer for NullBackEnd {
    fn authorize<'a>(
        &'a self,
        _user: &'a UserInfo,
        _attributes: &'a Attributes,
    ) -> BoxFuture<'a, std::result::Result<Decision, AuthorizationError>> {
        ready(Ok(Decision::Allowed)).boxed()
    }
}
