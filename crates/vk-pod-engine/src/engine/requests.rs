//! What handles ask for.

use std::sync::Arc;

use tokio::sync::oneshot;
use vk_core::resolved::ResolvedPod;
use vk_core::{PodUid, Result};
use vk_provider::{Accepted, Adopt, Create, PodContext, Terminate, Terminating, Update};

use super::actor::Actor;
use super::command::Command;
use super::pod::Given;
use super::volumes;
use crate::machine::{Event, Stand};
use crate::plan::{Evidence, PodPlan};
use crate::runtime::{ContainerRuntime, PodIdentity};

impl<R: ContainerRuntime> Actor<R> {
    pub(super) fn obey(&mut self, command: Command) {
        match command {
            Command::Create { request, reply } => {
                let _ = reply.send(self.create(request));
            }
            Command::Adopt { request, reply } => {
                let _ = reply.send(self.adopt(request));
            }
            Command::Terminate { request, reply } => {
                let _ = reply.send(self.terminate(request));
            }
            Command::Remove { uid, reply } => self.remove(&uid, reply),
            Command::Lookup { uid, reply } => self.look_up(uid, reply),
            Command::List { reply } => self.list_for(reply),
            Command::Update { request, reply } => {
                let _ = reply.send(self.update(request));
            }
            Command::Recall { uid, reply } => {
                let _ = reply.send(Ok(self.pods.get(&uid).and_then(|pod| pod.observation.clone())));
            }
            Command::RecallAll { reply } => {
                let _ = reply.send(Ok(self.pods.values().filter_map(|pod| pod.observation.clone()).collect()));
            }
            Command::CountProbes { reply } => {
                let counts = self.pods.values().flat_map(|pod| pod.probes.of(pod.machine.pod()));
                let _ = reply.send(Ok(counts.collect()));
            }
            Command::Sandbox { uid, reply } => {
                let sandbox = self.pods.get(&uid).and_then(|pod| pod.machine.sandbox().cloned());
                let _ = reply.send(Ok(sandbox));
            }
            Command::Subscribe { sink, alive } => {
                for observation in self.pods.values().filter_map(|pod| pod.observation.clone()) {
                    sink.observe(observation);
                }
                sink.live();
                self.subscription = Some((sink, alive));
            }
        }
    }

    fn create(&mut self, request: Create) -> Result<Accepted> {
        // Without a list nobody knows what runs already.
        self.health.clone()?;
        if let Some(instance) = &self.instance {
            request.check_instance(instance)?;
        }
        self.give(&request.pod, request.context)?;
        let observation = self.pods.get(&request.pod.uid).and_then(|pod| pod.observation.clone());
        let mut accepted = observation.map_or_else(Accepted::default, Accepted::observed);
        accepted.instance.clone_from(&self.instance);
        Ok(accepted)
    }

    fn adopt(&mut self, request: Adopt) -> Result<()> {
        self.give(&request.pod, request.context)
    }

    /// Hands a pod to its machine, which is made if need be.
    fn give(&mut self, resolved: &ResolvedPod, context: PodContext) -> Result<()> {
        let plan = Arc::new(PodPlan::of(&resolved.pod)?);
        let evidence = Evidence::of(&resolved.pod);
        let phase = resolved.pod.status.as_ref().and_then(|status| status.phase.as_deref());
        let stand = match phase {
            Some("Succeeded" | "Failed") => Stand::Ended,
            _ if resolved.pod.metadata.deletion_timestamp.is_some() => Stand::Deleted,
            _ => Stand::Wanted,
        };
        let identity = PodIdentity {
            uid: resolved.uid.clone(),
            namespace: resolved.key.namespace.to_string(),
            name: resolved.key.name.to_string(),
        };
        let shared = Arc::clone(&self.shared);
        let env = self.env.clone();
        let instance = self.instance.clone();
        let pod = self.pod(&identity);
        let given = Arc::new(Given::new(resolved, context));
        pod.given = Some(Arc::clone(&given));
        pod.instance = pod.instance.take().or(instance);
        if pod.keeper.is_none() {
            let (newest, guard) = volumes::keep(&shared, &env, identity.uid.clone(), given);
            pod.newest = Some(newest);
            pod.keeper = Some(guard);
        } else if let Some(newest) = &pod.newest {
            newest.send_replace(given);
        }
        self.feed(&identity.uid, Event::Given { plan, evidence, stand });
        Ok(())
    }

    fn terminate(&mut self, request: Terminate) -> Result<Terminating> {
        let uid = request.target.uid;
        if !self.pods.contains_key(&uid) {
            // Not listed and never created: what is absent is a success, what is unknown is not.
            self.health.clone()?;
            return Ok(Terminating::accepted());
        }
        self.feed(&uid, Event::Terminate { grace: request.grace });
        let observation = self.pods.get(&uid).and_then(|pod| pod.observation.clone());
        Ok(observation.map_or_else(Terminating::accepted, Terminating::observed))
    }

    fn remove(&mut self, uid: &PodUid, reply: oneshot::Sender<Result<()>>) {
        let Some(pod) = self.pods.get_mut(uid) else {
            let _ = reply.send(self.health.clone());
            return;
        };
        pod.removers.push(reply);
        // What is being removed needs no files any more, and nobody may write new ones.
        pod.keeper = None;
        self.feed(uid, Event::Remove);
    }

    fn update(&mut self, request: Update) -> Result<()> {
        let uid = request.target.uid;
        let missing = || vk_core::Error::unresolved("pod", "this engine has not been given the pod yet");
        let pod = self.pods.get_mut(&uid).ok_or_else(missing)?;
        let known = pod.given.as_ref().ok_or_else(missing)?;
        let plan = Arc::new(PodPlan::of(&request.pod.pod)?);
        let given = Arc::new(Given::new(&request.pod, known.context.clone()));
        pod.given = Some(Arc::clone(&given));
        if let Some(newest) = &pod.newest {
            newest.send_replace(given);
        }
        if request.change.images {
            self.feed(&uid, Event::Replanned { plan });
        }
        Ok(())
    }
}
