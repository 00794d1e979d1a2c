//! The cluster's own authentication of tokens, asked by TokenReview.
//! <https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/#kubelet-authentication>

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus};
use kube::api::{Api, PostParams};
use tokio::sync::Semaphore;

use super::{AuthenticationError, BearerToken, TokenAuthenticator, UserInfo};
use crate::memory::Memory;

/// As long as a kubelet's (`authentication.webhook.cacheTTL`).
pub const TOKEN_CACHE_TTL: Duration = Duration::from_secs(120);
/// A token that is refused never becomes a good one; still, those who have just made one should not wait.
const REFUSED_TTL: Duration = Duration::from_secs(10);
const REMEMBERED_TOKENS: usize = 4096;
/// Reviews under way at once: whoever makes up tokens keeps the API server no busier than this.
const CONCURRENT_REVIEWS: usize = 16;

/// Asks the API server whose a token is, and remembers the answer for a while: a token that is withdrawn stays good for as
/// long. Digests are remembered, not tokens.
///
/// No audience is named, so the token must be one for the API server itself: a token that a pod has for somebody else is
/// refused.
pub struct TokenReviewAuthenticator {
    reviews: Api<TokenReview>,
    known: Memory<UserInfo>,
    /// Apart from the known, so that those who make up tokens push out nobody.
    refused: Memory<()>,
    slots: Semaphore,
}

impl TokenReviewAuthenticator {
    /// Asks with this client, whose identity needs `create` on `tokenreviews` (`system:node` has it), and remembers users for
    /// this long; zero means not at all.
    pub fn new(client: kube::Client, ttl: Duration) -> Self {
        Self {
            reviews: Api::all(client),
            known: Memory::new(ttl, REMEMBERED_TOKENS),
            refused: Memory::new(ttl.min(REFUSED_TTL), REMEMBERED_TOKENS),
            slots: Semaphore::new(CONCURRENT_REVIEWS),
        }
    }

    async fn identify(&self, token: &BearerToken) -> Result<Option<UserInfo>, AuthenticationError> {
        let digest = token.digest();
        let recall = || match self.known.recall(digest) {
            Some(user) => Some(Some(user)),
            None => self.refused.recall(digest).map(|()| None),
        };
        if let Some(answer) = recall() {
            return Ok(answer);
        }
        let _slot = self.slots.acquire().await;
        // Others may have asked about the same token meanwhile.
        if let Some(answer) = recall() {
            return Ok(answer);
        }
        let answer = self.review(token).await?;
        match &answer {
            Some(user) => self.known.keep(digest, user.clone()),
            None => self.refused.keep(digest, ()),
        }
        Ok(answer)
    }

    async fn review(&self, token: &BearerToken) -> Result<Option<UserInfo>, AuthenticationError> {
        let spec = TokenReviewSpec { token: token.as_str().to_owned(), audiences: None };
        let review = TokenReview { spec, ..TokenReview::default() };
        let answer = self.reviews.create(&PostParams::default(), &review).await.map_err(|error| explain(&error))?;
        let status = answer
            .status
            .ok_or_else(|| AuthenticationError("the API server left the TokenReview unanswered".to_owned()))?;
        Ok(user_of(status))
    }
}

impl TokenAuthenticator for TokenReviewAuthenticator {
    fn authenticate<'a>(
        &'a self,
        token: &'a BearerToken,
    ) -> BoxFuture<'a, Result<Option<UserInfo>, AuthenticationError>> {
        self.identify(token).boxed()
    }
}

fn user_of(status: TokenReviewStatus) -> Option<UserInfo> {
    if status.authenticated != Some(true) {
        return None;
    }
    let user = status.user?;
    let name = user.username.filter(|name| !name.is_empty())?;
    let mut known = UserInfo::authenticated(name, user.groups.unwrap_or_default());
    known.uid = user.uid.unwrap_or_default();
    known.extra = user.extra.unwrap_or_default();
    Some(known)
}

fn explain(error: &kube::Error) -> AuthenticationError {
    let mut message = format!("TokenReview failed: {error}");
    if matches!(error, kube::Error::Api(status) if status.code == 403) {
        message.push_str("; the node's own identity needs the verb create on tokenreviews in authentication.k8s.io");
    }
    AuthenticationError(message)
}

#[cfg(test)]
mod tests;
