//! Listing everything that the runtime holds, and listening to its hints.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::oneshot;
use vk_core::{BackendInstance, PodUid, Result};
use vk_provider::LookupReply;

use super::actor::Actor;
use super::command::Report;
use super::{SAFETY_NET, calls};
use crate::machine::{Event, Mark};
use crate::runtime::{ContainerRuntime, HintSink, RuntimePod, Scope};

/// Delays after a list of everything failed, or a subscription broke.
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(5);
/// How often everything is listed if the runtime gives no hints.
const WITHOUT_HINTS: Duration = Duration::from_secs(2);

/// When everything is listed next.
#[derive(Debug, Default)]
pub(super) struct ListAll {
    under_way: bool,
    wanted: bool,
    /// The next one comes at this time, wanted or not.
    at: Option<Duration>,
    /// Not before this time, after a failure.
    pause: Option<Duration>,
    failures: u32,
    /// Who waits for a list that starts from now on.
    waiting: Vec<oneshot::Sender<Result<vk_provider::Listing>>>,
    /// Who waits for the list that is under way.
    served: Vec<oneshot::Sender<Result<vk_provider::Listing>>>,
}

impl ListAll {
    pub(super) fn wakeup(&self) -> Option<Duration> {
        if self.under_way {
            return None;
        }
        if self.wanted { self.pause.or(self.at) } else { self.at }
    }
}

impl<R: ContainerRuntime> Actor<R> {
    pub(super) fn want_list(&mut self) {
        self.listing.wanted = true;
    }

    /// A caller wants to know what is there: at once, whatever happened before.
    pub(super) fn list_for(&mut self, reply: oneshot::Sender<Result<vk_provider::Listing>>) {
        self.listing.waiting.push(reply);
        self.listing.wanted = true;
        self.listing.pause = None;
    }

    pub(super) fn list_if_wanted(&mut self) {
        let now = self.env.now().mono;
        if self.listing.at.is_some_and(|at| at <= now) {
            self.listing.wanted = true;
        }
        let paused = self.listing.pause.is_some_and(|until| now < until);
        if !self.listing.wanted || self.listing.under_way || paused {
            return;
        }
        self.listing.wanted = false;
        self.listing.under_way = true;
        self.listing.served.append(&mut self.listing.waiting);
        let marks: Vec<(PodUid, Mark)> = self.pods.iter().map(|(uid, pod)| (uid.clone(), pod.machine.mark())).collect();
        let shared = Arc::clone(&self.shared);
        let task = async move {
            let result = calls::list_with_instance(&shared, Scope::All).await;
            Report::ListedAll { marks, result }
        };
        self.spawn(task, |error| Report::ListedAll { marks: Vec::new(), result: Err(error) });
    }

    pub(super) fn listed_all(
        &mut self,
        marks: Vec<(PodUid, Mark)>,
        result: Result<(Vec<RuntimePod>, BackendInstance)>,
    ) {
        let now = self.env.now().mono;
        self.listing.under_way = false;
        let pods = match result {
            Ok((pods, instance)) => {
                self.instance = Some(instance);
                pods
            }
            Err(error) => {
                let factor = 1_u32.checked_shl(self.listing.failures).unwrap_or(u32::MAX);
                self.listing.failures = self.listing.failures.saturating_add(1).min(31);
                let delay = FIRST_DELAY.saturating_mul(factor).min(LONGEST_DELAY);
                self.listing.pause = Some(now.saturating_add(delay));
                self.listing.wanted = true;
                if self.health.is_ok() {
                    tracing::warn!(%error, "the container runtime does not answer; pods keep their last known state");
                }
                for reply in self.listing.served.drain(..) {
                    let _ = reply.send(Err(error.clone()));
                }
                self.health = Err(error);
                return;
            }
        };
        if self.health.is_err() {
            tracing::info!(pods = pods.len(), "the container runtime answers");
        }
        self.health = Ok(());
        self.listing.failures = 0;
        self.listing.pause = None;
        let pace = if self.shared.runtime.features().hints { SAFETY_NET } else { WITHOUT_HINTS };
        self.listing.at = Some(now.saturating_add(pace));
        self.take_all(marks, pods);
        self.answer_lists();
    }

    fn take_all(&mut self, marks: Vec<(PodUid, Mark)>, mut listed: Vec<RuntimePod>) {
        for (uid, mark) in marks {
            let found = listed.iter().position(|pod| pod.pod.uid == uid).map(|index| listed.swap_remove(index));
            self.take(&uid, mark, found);
        }
        // What is left is of pods that nobody has spoken of yet, or that have come meanwhile.
        for pod in listed {
            if !self.pods.contains_key(&pod.pod.uid) {
                self.found(pod);
            }
        }
    }

    /// A pod that only the runtime knows.
    fn found(&mut self, found: RuntimePod) {
        let uid = found.pod.uid.clone();
        let mark = self.pod(&found.pod).machine.mark();
        self.take(&uid, mark, Some(found));
    }

    /// Tells a pod's machine what the incarnation that answered last holds of the pod. That it holds nothing says nothing of a
    /// pod that runs in another one (invariant 3).
    fn take(&mut self, uid: &PodUid, mark: Mark, found: Option<RuntimePod>) {
        let Some(pod) = self.pods.get_mut(uid) else { return };
        let elsewhere = self.instance.as_ref().is_some_and(|here| pod.is_elsewhere(here));
        if found.is_none() && elsewhere {
            tracing::debug!(%uid, "another incarnation of the runtime answers, which does not know this pod");
            return;
        }
        pod.instance.clone_from(&self.instance);
        let pod = found.unwrap_or_else(|| RuntimePod::empty(pod.machine.pod().clone()));
        self.feed(uid, Event::Listed { mark, pod });
        if self.pods.get(uid).is_some_and(|pod| pod.machine.is_vacant()) {
            self.forget(uid);
        }
    }

    fn answer_lists(&mut self) {
        for reply in self.listing.served.drain(..) {
            let here =
                self.pods.values().filter(|pod| self.instance.as_ref().is_none_or(|here| !pod.is_elsewhere(here)));
            let mut listing = vk_provider::Listing::complete(here.filter_map(|pod| pod.observation.clone()).collect());
            listing.instance.clone_from(&self.instance);
            let _ = reply.send(Ok(listing));
        }
    }

    /// Asks the runtime about one pod for a caller.
    pub(super) fn look_up(&mut self, uid: PodUid, reply: oneshot::Sender<Result<LookupReply>>) {
        let mark = self.pods.get(&uid).map(|pod| pod.machine.mark());
        let shared = Arc::clone(&self.shared);
        let on_panic = uid.clone();
        let task = async move {
            let result = calls::list_with_instance(&shared, Scope::Pod(uid.clone())).await;
            Report::LookedUp { uid, mark, result, reply }
        };
        self.spawn(task, |error| Report::LookupBroke { uid: on_panic, error });
    }

    pub(super) fn looked_up(
        &mut self,
        uid: &PodUid,
        mark: Option<Mark>,
        listed: Vec<RuntimePod>,
        instance: BackendInstance,
    ) -> LookupReply {
        self.instance = Some(instance.clone());
        let found = listed.into_iter().find(|pod| pod.pod.uid == *uid);
        match (mark, found) {
            (Some(mark), found) => self.take(uid, mark, found),
            (None, Some(pod)) if !self.pods.contains_key(uid) => self.found(pod),
            (None, _) => {}
        }
        let known = self.pods.get(uid).filter(|pod| !pod.is_elsewhere(&instance));
        let known = known.and_then(|pod| pod.observation.clone());
        known.map_or_else(LookupReply::absent, LookupReply::found).with_instance(instance)
    }

    pub(super) fn watch_runtime(&mut self) {
        let runtime = Arc::clone(&self.shared.runtime);
        let hints = HintSink::new(Arc::clone(&self.board));
        let task = async move { Report::WatchEnded(runtime.watch(hints).await) };
        self.spawn(task, |error| Report::WatchEnded(Err(error)));
    }

    pub(super) fn watch_ended(&mut self, result: Result<()>) {
        if let Err(error) = result {
            tracing::debug!(%error, "the runtime's events broke off");
        }
        self.want_list();
        let task = tokio::time::sleep(FIRST_DELAY).map(|()| Report::WatchAgain);
        self.spawn(task, |_| Report::WatchAgain);
    }

    pub(super) fn take_hints(&mut self, hints: crate::runtime::Pending) {
        if hints.everything {
            self.listing.wanted = true;
            self.listing.pause = None;
        }
        for uid in hints.pods {
            if self.pods.contains_key(&uid) {
                self.feed(&uid, Event::Hinted);
            } else {
                self.listing.wanted = true;
            }
        }
    }
}
