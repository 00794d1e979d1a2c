//! Who is asking.

mod bearer_token;
mod certificate;
mod token_review;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use http::HeaderMap;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

pub use bearer_token::BearerToken;
pub(crate) use certificate::PeerCertificate;
pub use token_review::{TOKEN_CACHE_TTL, TokenReviewAuthenticator};

use crate::certificates::TlsState;
use crate::clock::WallClock;

/// Group of everyone who has authenticated.
const AUTHENTICATED: &str = "system:authenticated";
/// User and group of everyone else.
const ANONYMOUS: &str = "system:anonymous";
const UNAUTHENTICATED: &str = "system:unauthenticated";

/// Time between two messages about tokens that cannot be reviewed: strangers decide how often that happens.
const REMINDER: Duration = Duration::from_secs(60);

/// An identity as Kubernetes sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserInfo {
    /// User name.
    pub name: String,
    /// Groups, with `system:authenticated` or `system:unauthenticated` among them.
    pub groups: Vec<String>,
    /// Tells users apart who had the same name one after the other; may be empty.
    pub uid: String,
    /// Whatever else is known of the user, by key.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl UserInfo {
    /// A user who has authenticated, in these groups and `system:authenticated`.
    pub fn authenticated(name: impl Into<String>, groups: impl IntoIterator<Item = String>) -> Self {
        let mut groups: Vec<_> = groups.into_iter().filter(|group| group != AUTHENTICATED).collect();
        groups.push(AUTHENTICATED.to_owned());
        Self { name: name.into(), groups, uid: String::new(), extra: BTreeMap::new() }
    }

    fn anonymous() -> Self {
        let groups = vec![UNAUTHENTICATED.to_owned()];
        Self { name: ANONYMOUS.to_owned(), groups, uid: String::new(), extra: BTreeMap::new() }
    }
}

/// Tells whose a bearer token is.
pub trait TokenAuthenticator: Send + Sync {
    /// The user whose token it is; `None` if it is nobody's, or not meant for this cluster's API.
    fn authenticate<'a>(
        &'a self,
        token: &'a BearerToken,
    ) -> BoxFuture<'a, Result<Option<UserInfo>, AuthenticationError>>;
}

/// It could not be found out whose a token is, so it is nobody's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AuthenticationError(pub String);

/// The request does not say who sends it, or says it with something that is not valid (any more).
#[derive(Debug, thiserror::Error)]
#[error("unauthenticated: {0}")]
pub(crate) struct Unauthenticated(String);

/// Decides who sends a request.
pub(crate) struct Authenticator {
    tls: watch::Receiver<Arc<TlsState>>,
    tokens: Option<Tokens>,
    anonymous_allowed: bool,
    clock: WallClock,
}

/// How bearer tokens are authenticated.
pub(crate) struct Tokens {
    authenticator: Arc<dyn TokenAuthenticator>,
    /// Time for one answer.
    patience: Duration,
    reminded: Mutex<Option<Instant>>,
}

impl Authenticator {
    pub(crate) fn new(
        tls: watch::Receiver<Arc<TlsState>>,
        tokens: Option<Tokens>,
        anonymous_allowed: bool,
        clock: WallClock,
    ) -> Self {
        Self { tls, tokens, anonymous_allowed, clock }
    }

    /// Whether requests without any credentials have a name.
    pub(crate) fn allows_anonymous(&self) -> bool {
        self.anonymous_allowed
    }

    /// Whether a client may still authenticate after its handshake.
    pub(crate) fn takes_tokens(&self) -> bool {
        self.tokens.is_some()
    }

    /// The sender of one request: by its connection's certificate if it has one, else by its token, which is taken out of the
    /// headers. What is shown has to be good: nobody with a bad token is anonymous.
    pub(crate) async fn authenticate(
        &self,
        peer: Option<&PeerCertificate>,
        headers: &mut HeaderMap,
    ) -> Result<UserInfo, Unauthenticated> {
        let token = BearerToken::take(headers).map_err(|error| Unauthenticated(error.to_string()))?;
        if let Some(certificate) = peer {
            return self.verify(certificate);
        }
        match (&self.tokens, token) {
            (Some(tokens), Some(token)) => tokens.authenticate(&token).await,
            _ if self.anonymous_allowed => Ok(UserInfo::anonymous()),
            (None, Some(_)) => Err(Unauthenticated("bearer tokens are not accepted".to_owned())),
            (_, None) => Err(Unauthenticated("neither a client certificate nor a token".to_owned())),
        }
    }

    /// The certificate is verified again with each request: a connection may outlive its certificate or the authority that
    /// signed it.
    fn verify(&self, certificate: &PeerCertificate) -> Result<UserInfo, Unauthenticated> {
        let verifier = self.tls.borrow().clients.clone();
        let verifier = verifier.ok_or_else(|| Unauthenticated("no authority to verify certificates".to_owned()))?;
        let now = self.clock.unix_time().ok_or_else(|| Unauthenticated("the clock stands before 1970".to_owned()))?;
        certificate.verify(&*verifier, now).map_err(|error| Unauthenticated(error.to_string()))?;
        Ok(certificate.user().clone())
    }
}

impl Tokens {
    pub(crate) fn new(authenticator: Arc<dyn TokenAuthenticator>, patience: Duration) -> Self {
        Self { authenticator, patience, reminded: Mutex::default() }
    }

    async fn authenticate(&self, token: &BearerToken) -> Result<UserInfo, Unauthenticated> {
        let problem = match timeout(self.patience, self.authenticator.authenticate(token)).await {
            Ok(Ok(Some(user))) => return Ok(user),
            Ok(Ok(None)) => return Err(Unauthenticated("the token is not valid here".to_owned())),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "nobody said in time whose the token is".to_owned(),
        };
        let mut reminded = self.reminded.lock();
        if reminded.is_none_or(|at| at.elapsed() >= REMINDER) {
            *reminded = Some(Instant::now());
            tracing::warn!(problem, "clients of the kubelet API with bearer tokens cannot be authenticated");
        }
        Err(Unauthenticated(problem))
    }
}
