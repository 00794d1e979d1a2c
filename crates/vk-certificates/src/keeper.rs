//! [`Keeper`]: sees to it that there is a certificate.

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use tokio::sync::watch;
use tokio::time::sleep;
use vk_controller::env::Env;
use vk_core::backoff::{Backoff, jittered};

use crate::certificate::Certificate;
use crate::notice::{Notice, Problem};
use crate::renewal::{Plan, Reason, plan};
use crate::request::PreparedRequest;
use crate::self_signed::self_signed;
use crate::signer::Signer;
use crate::store::{CertificateStore, Stored};
use crate::verdict::Verdict;
use crate::wanted::Wanted;

/// The wall clock may jump, so nobody sleeps longer than this before looking at it again.
const LONGEST_SLEEP: Duration = Duration::from_secs(600);
/// How often a request is looked at: at first, and after a while.
const FIRST_LOOK: Duration = Duration::from_millis(500);
const LAST_LOOK: Duration = Duration::from_secs(10);
/// Between two attempts, after a first failure and after many.
const FIRST_RETRY: Duration = Duration::from_secs(5);
const LAST_RETRY: Duration = Duration::from_secs(600);
const RETRY_JITTER_PERCENT: u32 = 25;
/// A request that was approved and is not signed by then may never be.
const SIGNED_WITHIN: Duration = Duration::from_secs(60);
/// How often people are reminded of a request that waits.
const REMINDER: Duration = Duration::from_secs(600);

/// Tells people.
pub type Tell = Arc<dyn Fn(&Notice) + Send + Sync>;

/// Who signs.
pub enum Source {
    /// The cluster.
    Cluster(Box<Signer>),
    /// The certificate's own key: nobody can tell whose it is.
    OwnKey,
}

impl Source {
    /// The cluster that this client reaches.
    pub fn cluster(client: Client) -> Self {
        Self::Cluster(Box::new(Signer::new(client)))
    }
}

/// Keeps one certificate: loads it, asks for it, renews it in time. The one writer of its store.
pub struct Keeper {
    store: CertificateStore,
    source: Source,
    env: Env,
    tell: Tell,
    current: Option<Current>,
    loaded: bool,
    backoff: Backoff,
    issued: watch::Sender<u64>,
}

struct Current {
    certificate: Certificate,
    /// Decides when it is renewed.
    random: u64,
}

impl Keeper {
    /// A keeper of the certificate in this store.
    pub fn new(store: CertificateStore, source: Source, env: Env, tell: Tell) -> Self {
        let backoff = Backoff::new(FIRST_RETRY, LAST_RETRY);
        Self { store, source, env, tell, current: None, loaded: false, backoff, issued: watch::Sender::new(0) }
    }

    /// Counts the certificates that were issued: when it changes, there is a new one in the store.
    pub fn issued(&self) -> watch::Receiver<u64> {
        self.issued.subscribe()
    }

    /// Waits until there is a certificate of this kind, and asks for one if need be. Failures are told and tried again.
    pub async fn obtain(&mut self, wanted: &Wanted) {
        loop {
            match self.plan(wanted).await {
                Plan::Keep { .. } => return,
                // It works still.
                Plan::Ask(Reason::Due { not_after }) if not_after > self.env.now().wall => return,
                Plan::Ask(reason) => self.ask(wanted, reason).await,
            }
        }
    }

    /// Keeps the certificate as wanted. What is wanted may change at any time; `None` means that it is not known yet. Ends
    /// when nobody can want anything any more.
    pub async fn run(mut self, mut wanted: watch::Receiver<Option<Wanted>>) {
        loop {
            let wish = wanted.borrow_and_update().clone();
            let changed = tokio::select! {
                biased;
                changed = wanted.changed() => changed,
                () = self.pursue(wish) => Ok(()),
            };
            if changed.is_err() {
                return;
            }
        }
    }

    async fn pursue(&mut self, wish: Option<Wanted>) {
        let Some(wanted) = wish else { return std::future::pending().await };
        match self.plan(&wanted).await {
            Plan::Keep { until } => {
                let left = until.duration_since(self.env.now().wall);
                sleep(Duration::try_from(left).unwrap_or_default().min(LONGEST_SLEEP)).await;
            }
            Plan::Ask(reason) => self.ask(&wanted, reason).await,
        }
    }

    async fn plan(&mut self, wanted: &Wanted) -> Plan {
        if !self.loaded {
            self.load(wanted).await;
        }
        let (facts, random) = match &self.current {
            Some(current) => (Some(current.certificate.facts()), current.random),
            None => (None, 0),
        };
        plan(facts, wanted, self.env.now().wall, random)
    }

    async fn load(&mut self, wanted: &Wanted) {
        let kind = wanted.kind();
        match self.store.read_current().await {
            Ok(Stored::Certificate(certificate)) => self.take(certificate),
            Ok(Stored::Nothing) => {}
            Ok(Stored::Unusable(problem)) => (self.tell)(&Notice::Unusable { kind, problem }),
            Err(error) => tracing::warn!(%error, kind, "the certificate in the state directory cannot be read"),
        }
        self.loaded = true;
    }

    fn take(&mut self, certificate: Certificate) {
        self.current = Some(Current { certificate, random: self.env.random().next_u64() });
    }

    /// One attempt; after a failure, the wait before the next one.
    async fn ask(&mut self, wanted: &Wanted, reason: Reason) {
        let kind = wanted.kind();
        match self.attempt(wanted, &reason).await {
            Ok(certificate) => {
                self.backoff.reset();
                (self.tell)(&Notice::Issued { kind, not_after: certificate.facts().not_after });
                self.take(certificate);
                self.issued.send_modify(|count| *count += 1);
            }
            Err(problem) => {
                let random = self.env.random().next_u64();
                let delay = jittered(self.backoff.ceiling(), RETRY_JITTER_PERCENT, random);
                self.backoff.next_delay(random);
                (self.tell)(&Notice::Failed { kind, problem, delay });
                sleep(delay).await;
            }
        }
    }

    async fn attempt(&self, wanted: &Wanted, reason: &Reason) -> Result<Certificate, Problem> {
        match &self.source {
            Source::Cluster(signer) => self.request(signer, wanted, reason).await,
            Source::OwnKey => {
                let certificate = self_signed(wanted, self.env.now().wall)?;
                self.store.keep(&certificate).await?;
                Ok(certificate)
            }
        }
    }

    async fn request(&self, signer: &Signer, wanted: &Wanted, reason: &Reason) -> Result<Certificate, Problem> {
        let kept = self.store.pending_key().await?;
        let request = PreparedRequest::new(wanted, kept.as_deref())?;
        if kept.as_deref() != Some(request.key_pem()) {
            self.store.keep_pending_key(request.key_pem()).await?;
        }
        let answer = self.await_answer(signer, wanted, &request, reason).await;
        if matches!(
            answer,
            Err(Problem::Denied { .. } | Problem::NotSigned { .. } | Problem::Deleted { .. } | Problem::Invalid(_))
        ) {
            // That request is over: the next one is another, with a key of its own.
            self.store.drop_pending_key().await?;
        }
        let certificate = answer?;
        if let Plan::Ask(reason) = plan(Some(certificate.facts()), wanted, self.env.now().wall, u64::MAX) {
            self.store.drop_pending_key().await?;
            return Err(Problem::Unfit(reason));
        }
        self.store.keep(&certificate).await?;
        Ok(certificate)
    }

    /// Sends the request and looks at it until somebody has decided.
    async fn await_answer(
        &self,
        signer: &Signer,
        wanted: &Wanted,
        request: &PreparedRequest,
        reason: &Reason,
    ) -> Result<Certificate, Problem> {
        let name = request.name();
        let gone = || Problem::Deleted { name: name.to_owned() };
        let mut object = signer.submit(request).await?;
        let mut pause = FIRST_LOOK;
        let mut reminded = None;
        let mut signature_due = None;
        loop {
            match Verdict::of(&object) {
                Verdict::Issued(chain) => return Ok(Certificate::issued(&chain, request.key_pem())?),
                Verdict::Denied(why) => return Err(Problem::Denied { name: name.to_owned(), why }),
                Verdict::Failed(why) => return Err(Problem::NotSigned { name: name.to_owned(), why }),
                Verdict::AwaitsSignature => self.remind_of_signature(wanted, name, &mut signature_due),
                Verdict::AwaitsApproval => self.remind(wanted, name, reason, &mut reminded),
            }
            sleep(jittered(pause, RETRY_JITTER_PERCENT, self.env.random().next_u64())).await;
            pause = (pause * 2).min(LAST_LOOK);
            object = signer.look(name).await?.ok_or_else(gone)?;
        }
    }

    /// Most signers take no longer than an instant.
    fn remind_of_signature(&self, wanted: &Wanted, name: &str, due: &mut Option<Duration>) {
        let now = self.env.now().mono;
        if now < *due.get_or_insert(now + SIGNED_WITHIN) {
            return;
        }
        *due = Some(now + REMINDER);
        (self.tell)(&Notice::AwaitsSignature { kind: wanted.kind(), name: name.to_owned(), signer: wanted.signer() });
    }

    fn remind(&self, wanted: &Wanted, name: &str, reason: &Reason, reminded: &mut Option<Duration>) {
        let now = self.env.now().mono;
        if reminded.is_some_and(|at| now.saturating_sub(at) < REMINDER) {
            return;
        }
        *reminded = Some(now);
        (self.tell)(&Notice::AwaitsApproval {
            kind: wanted.kind(),
            reason: reason.clone(),
            name: name.to_owned(),
            signer: wanted.signer(),
        });
    }
}

#[cfg(test)]
mod tests;
