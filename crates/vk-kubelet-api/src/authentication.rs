//! Who is asking.

mod certificate;

use std::sync::Arc;

use tokio::sync::watch;

pub(crate) use certificate::PeerCertificate;

use crate::certificates::TlsState;
use crate::clock::WallClock;

/// Group of everyone who has authenticated.
const AUTHENTICATED: &str = "system:authenticated";
/// User and group of everyone else.
const ANONYMOUS: &str = "system:anonymous";
const UNAUTHENTICATED: &str = "system:unauthenticated";

/// An identity as Kubernetes sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UserInfo {
    /// User name.
    pub name: String,
    /// Groups, with `system:authenticated` or `system:unauthenticated` among them.
    pub groups: Vec<String>,
}

impl UserInfo {
    /// A user who has authenticated, in these groups and `system:authenticated`.
    pub fn authenticated(name: impl Into<String>, groups: impl IntoIterator<Item = String>) -> Self {
        let mut groups: Vec<_> = groups.into_iter().filter(|group| group != AUTHENTICATED).collect();
        groups.push(AUTHENTICATED.to_owned());
        Self { name: name.into(), groups }
    }

    fn anonymous() -> Self {
        Self { name: ANONYMOUS.to_owned(), groups: vec![UNAUTHENTICATED.to_owned()] }
    }
}

/// The request does not say who sends it, or says it with something that is not valid (any more).
#[derive(Debug, thiserror::Error)]
#[error("unauthenticated: {0}")]
pub(crate) struct Unauthenticated(String);

/// Decides who sends a request.
pub(crate) struct Authenticator {
    tls: watch::Receiver<Arc<TlsState>>,
    anonymous_allowed: bool,
    clock: WallClock,
}

impl Authenticator {
    pub(crate) fn new(tls: watch::Receiver<Arc<TlsState>>, anonymous_allowed: bool, clock: WallClock) -> Self {
        Self { tls, anonymous_allowed, clock }
    }

    /// Whether requests without any credentials have a name.
    pub(crate) fn allows_anonymous(&self) -> bool {
        self.anonymous_allowed
    }

    /// The sender of one request. The certificate is verified again each time: a connection may outlive its certificate or
    /// the authority that signed it.
    pub(crate) fn authenticate(&self, peer: Option<&PeerCertificate>) -> Result<UserInfo, Unauthenticated> {
        let Some(certificate) = peer else {
            return match self.anonymous_allowed {
                true => Ok(UserInfo::anonymous()),
                false => Err(Unauthenticated("no client certificate".to_owned())),
            };
        };
        let verifier = self.tls.borrow().clients.clone();
        let verifier = verifier.ok_or_else(|| Unauthenticated("no authority to verify certificates".to_owned()))?;
        let now = self.clock.unix_time().ok_or_else(|| Unauthenticated("the clock stands before 1970".to_owned()))?;
        certificate.verify(&*verifier, now).map_err(|error| Unauthenticated(error.to_string()))?;
        Ok(certificate.user().clone())
    }
}
