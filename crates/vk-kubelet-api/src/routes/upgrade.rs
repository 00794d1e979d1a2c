//! From a request for an upgrade to a session on the connection.

use futures::FutureExt;
use futures::future::BoxFuture;
use http::request::Parts;
use http::{Method, Response};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use vk_streaming::{Settings, Upgrade, UpgradeError};

use super::Reply;
use crate::limits::Limits;
use crate::response::{Refusal, full};

/// Answers that the connection is upgraded, and hands it to the session; or says why it is not.
pub(super) fn upgrade<P: Copy + Send + 'static>(
    request: &mut Parts,
    agreed: Result<Upgrade<P>, UpgradeError>,
    session: impl FnOnce(TokioIo<Upgraded>, P) -> BoxFuture<'static, ()> + Send + 'static,
) -> Result<Reply, Refusal> {
    if request.method != Method::GET && request.method != Method::POST {
        return Err(Refusal::method_not_allowed());
    }
    let upgrade = match agreed {
        Ok(upgrade) => upgrade,
        Err(error) => {
            let mut refused = Refusal::new(error.status(), error.to_string()).into_response();
            refused.headers_mut().extend(error.headers());
            return Ok(Reply::Response(refused));
        }
    };
    // Only a connection of HTTP/1.1 has it.
    let on_upgrade = request.extensions.remove::<OnUpgrade>();
    let on_upgrade = on_upgrade.ok_or_else(|| Refusal::bad_request("unable to upgrade: HTTP/1.1 is needed"))?;
    let protocol = upgrade.protocol();
    let session = async move {
        match on_upgrade.await {
            Ok(upgraded) => session(TokioIo::new(upgraded), protocol).await,
            Err(error) => tracing::debug!(%error, "a connection was not upgraded"),
        }
    };
    let response: Response<()> = upgrade.response();
    Ok(Reply::Upgrade(response.map(|()| full("")), session.boxed()))
}

/// The bounds of a session.
pub(super) fn settings(limits: &Limits) -> Settings {
    Settings {
        creation_timeout: limits.stream_creation_timeout,
        idle_timeout: limits.stream_idle_timeout,
        ..Settings::default()
    }
}
