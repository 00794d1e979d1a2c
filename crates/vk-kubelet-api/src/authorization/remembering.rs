//! Answers of an authorizer, used again for a while.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Semaphore;

use super::{Attributes, AuthorizationError, Authorizer, Decision};
use crate::authentication::UserInfo;
use crate::digest::Digest;
use crate::memory::Memory;

const REMEMBERED_DECISIONS: usize = 8192;
/// Questions under way at once.
const CONCURRENT_QUESTIONS: usize = 64;

/// How long decisions are remembered; zero means not at all. The defaults are a kubelet's (`authorization.webhook`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthorizationTtls {
    /// Of those who may: a right that is withdrawn is good for as long.
    pub authorized: Duration,
    /// Of those who may not: a right that is granted is missing for as long.
    pub unauthorized: Duration,
}

impl Default for AuthorizationTtls {
    fn default() -> Self {
        Self { authorized: Duration::from_secs(300), unauthorized: Duration::from_secs(30) }
    }
}

/// Asks another authorizer, and remembers a bounded number of its decisions. Failures are not remembered.
pub struct RememberingAuthorizer<A> {
    inner: A,
    allowed: Memory<()>,
    denied: Memory<String>,
    slots: Semaphore,
}

impl<A: Authorizer> RememberingAuthorizer<A> {
    /// Remembers for these times.
    pub fn new(inner: A, ttls: AuthorizationTtls) -> Self {
        Self {
            inner,
            allowed: Memory::new(ttls.authorized, REMEMBERED_DECISIONS),
            denied: Memory::new(ttls.unauthorized, REMEMBERED_DECISIONS),
            slots: Semaphore::new(CONCURRENT_QUESTIONS),
        }
    }

    fn recall(&self, question: Digest) -> Option<Decision> {
        match self.allowed.recall(question) {
            Some(()) => Some(Decision::Allowed),
            None => self.denied.recall(question).map(|reason| Decision::Denied { reason }),
        }
    }

    async fn decide(&self, user: &UserInfo, attributes: &Attributes) -> Result<Decision, AuthorizationError> {
        let question = question(user, attributes);
        if let Some(decision) = self.recall(question) {
            return Ok(decision);
        }
        let _slot = self.slots.acquire().await;
        // Others may have asked the same meanwhile.
        if let Some(decision) = self.recall(question) {
            return Ok(decision);
        }
        let decision = self.inner.authorize(user, attributes).await?;
        match &decision {
            Decision::Allowed => self.allowed.keep(question, ()),
            Decision::Denied { reason } => self.denied.keep(question, reason.clone()),
        }
        Ok(decision)
    }
}

impl<A: Authorizer> Authorizer for RememberingAuthorizer<A> {
    fn authorize<'a>(
        &'a self,
        user: &'a UserInfo,
        attributes: &'a Attributes,
    ) -> BoxFuture<'a, Result<Decision, AuthorizationError>> {
        self.decide(user, attributes).boxed()
    }
}

/// Everything that an authorizer may look at. Lists are told apart by their lengths.
fn question(user: &UserInfo, attributes: &Attributes) -> Digest {
    let counts = [user.groups.len() as u64, user.extra.len() as u64].map(u64::to_le_bytes);
    let mut parts: Vec<&[u8]> = vec![
        attributes.node.as_bytes(),
        attributes.subresource.as_bytes(),
        attributes.verb.as_str().as_bytes(),
        user.name.as_bytes(),
        user.uid.as_bytes(),
    ];
    parts.extend(counts.iter().map(<[u8; 8]>::as_slice));
    parts.extend(user.groups.iter().map(String::as_bytes));
    let lengths: Vec<[u8; 8]> = user.extra.values().map(|values| (values.len() as u64).to_le_bytes()).collect();
    for ((key, values), length) in user.extra.iter().zip(&lengths) {
        parts.extend([key.as_bytes(), length.as_slice()]);
        parts.extend(values.iter().map(String::as_bytes));
    }
    Digest::of(parts)
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;
    use crate::authorization::Verb;

    /// Lets `ann` read, fails for `unlucky`, and counts.
    #[derive(Default)]
    struct Counting(Mutex<usize>);

    impl Authorizer for &Counting {
        fn authorize<'a>(
            &'a self,
            user: &'a UserInfo,
            attributes: &'a Attributes,
        ) -> BoxFuture<'a, Result<Decision, AuthorizationError>> {
            *self.0.lock() += 1;
            let decision = match (user.name.as_str(), attributes.verb) {
                ("unlucky", _) => Err(AuthorizationError("no answer".to_owned())),
                ("ann", Verb::Get) => Ok(Decision::Allowed),
                _ => Ok(Decision::Denied { reason: "no rule".to_owned() }),
            };
            std::future::ready(decision).boxed()
        }
    }

    fn user(name: &str) -> UserInfo {
        UserInfo::authenticated(name, [])
    }

    fn proxy(verb: Verb) -> Attributes {
        Attributes::new("virtual-1".into(), "proxy", verb)
    }

    #[tokio::test(start_paused = true)]
    async fn decisions_last_for_their_times() {
        let counting = Counting::default();
        let ttls = AuthorizationTtls::default();
        let authorizer = RememberingAuthorizer::new(&counting, ttls);
        for (verb, lifetime) in [(Verb::Get, ttls.authorized), (Verb::Create, ttls.unauthorized)] {
            let before = *counting.0.lock();
            let first = authorizer.authorize(&user("ann"), &proxy(verb)).await;
            tokio::time::advance(lifetime - Duration::from_secs(1)).await;
            assert_eq!(authorizer.authorize(&user("ann"), &proxy(verb)).await, first);
            assert_eq!(*counting.0.lock(), before + 1);
            tokio::time::advance(Duration::from_secs(1)).await;
            authorizer.authorize(&user("ann"), &proxy(verb)).await.unwrap();
            assert_eq!(*counting.0.lock(), before + 2);
        }
    }

    #[tokio::test]
    async fn whatever_differs_is_another_question() {
        let counting = Counting::default();
        let authorizer = RememberingAuthorizer::new(&counting, AuthorizationTtls::default());
        let plain = user("ann");
        let mut users = vec![plain.clone(), user("bob"), UserInfo::authenticated("ann", ["dev".to_owned()])];
        users.push(UserInfo { uid: "7".to_owned(), ..plain.clone() });
        for values in [vec!["a", "b"], vec!["ab"], vec![]] {
            let values = values.into_iter().map(str::to_owned).collect();
            users.push(UserInfo { extra: [("key".to_owned(), values)].into(), ..plain.clone() });
        }
        let mut questions = 0;
        for user in &users {
            for attributes in
                [proxy(Verb::Get), proxy(Verb::Create), Attributes { subresource: "pods", ..proxy(Verb::Get) }]
            {
                for _ in 0..2 {
                    authorizer.authorize(user, &attributes).await.unwrap();
                }
                questions += 1;
                assert_eq!(*counting.0.lock(), questions, "{user:?} {attributes:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_failure_is_not_remembered() {
        let counting = Counting::default();
        let authorizer = RememberingAuthorizer::new(&counting, AuthorizationTtls::default());
        for asked in 1..4 {
            authorizer.authorize(&user("unlucky"), &proxy(Verb::Get)).await.unwrap_err();
            assert_eq!(*counting.0.lock(), asked);
        }
    }

    #[tokio::test]
    async fn times_of_zero_ask_each_time() {
        let counting = Counting::default();
        let never = AuthorizationTtls { authorized: Duration::ZERO, unauthorized: Duration::ZERO };
        let authorizer = RememberingAuthorizer::new(&counting, never);
        for asked in 1..4 {
            authorizer.authorize(&user("ann"), &proxy(Verb::Get)).await.unwrap();
            assert_eq!(*counting.0.lock(), asked);
        }
    }
}
