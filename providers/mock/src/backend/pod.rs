//! One mock pod: what it does as time passes and calls come in. No IO, no clock.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use vk_core::{ContainerKind, Error, PodKey, PodObservation, PodUid, ResolvedPod, Result, Stage};

use super::clock::after;
use super::container::{Container, Restart, Run, Stop};
use crate::script::{self, ANNOTATION_PREFIX, Script};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Pod {
    pub(crate) uid: PodUid,
    pub(crate) key: PodKey,
    pub(crate) revision: u64,
    /// Only those that script the pod.
    annotations: BTreeMap<String, String>,
    /// Read from the annotations; `None` where nothing is scripted.
    #[serde(skip)]
    script: Option<Box<Script>>,
    pub(crate) containers: Vec<Container>,
    pub(crate) ip: Option<Ipv4Addr>,
    accepted_at: Timestamp,
    life: Life,
    contact: Contact,
    stop: Option<Stop>,
}

/// How far a pod has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Life {
    Provisioning { until: Timestamp },
    Active,
    Stopping,
    Stopped,
    CreateFailed(Error),
    Disrupted,
}

/// Whether the back end is in contact with what runs the pod; contact is lost once at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Contact {
    Kept,
    LostSince(Timestamp),
    Restored,
}

/// What happens to a pod by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Lost,
    Disrupted,
    ContactLost,
    ContactBack,
    Provisioned,
    Container(usize),
}

/// What became of a pod while time passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advanced {
    Unchanged,
    Changed,
    /// The back end has lost the pod: it is absent from now on.
    Lost,
}

impl Pod {
    /// Takes the pod in; nothing of it runs before [`Self::advance`].
    pub(crate) fn accept(pod: &ResolvedPod, ip: Option<Ipv4Addr>, now: Timestamp) -> Result<Self> {
        let containers = containers(pod);
        let annotations = scripting_annotations(pod);
        let mut accepted = Self {
            uid: pod.uid.clone(),
            key: pod.key.clone(),
            revision: 1,
            annotations,
            script: None,
            containers,
            ip,
            accepted_at: now,
            life: Life::Provisioning { until: now },
            contact: Contact::Kept,
            stop: None,
        };
        accepted.read_script()?;
        accepted.life = Life::Provisioning { until: after(now, accepted.script().start_delay) };
        accepted.advance(now);
        Ok(accepted)
    }

    /// Reads the script again, after the pod was read from disk or its annotations changed.
    pub(crate) fn read_script(&mut self) -> Result<()> {
        let names: Vec<_> = self.containers.iter().map(|container| (container.name.clone(), container.kind)).collect();
        let script = script::parse(&self.annotations, &names)?;
        self.script = (script != Script::default()).then(|| Box::new(script));
        Ok(())
    }

    pub(crate) fn script(&self) -> &Script {
        static UNEVENTFUL: std::sync::LazyLock<Script> = std::sync::LazyLock::new(Script::default);
        self.script.as_deref().unwrap_or(&UNEVENTFUL)
    }

    /// Whether nothing of the pod runs or will run again.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.life, Life::Stopped | Life::CreateFailed(_) | Life::Disrupted)
    }

    /// Whether anything of the pod runs, or has run.
    pub(crate) fn has_started(&self) -> bool {
        self.containers.iter().any(|container| container.run != Run::Pending)
    }

    /// Whether somebody has stopped the pod.
    pub(crate) fn is_ordered_to_stop(&self) -> bool {
        self.stop.is_some()
    }

    /// The next moment at which something happens by itself.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.next().map(|(at, _)| at)
    }

    /// Lets happen what is due, each thing at its own moment.
    pub(crate) fn advance(&mut self, now: Timestamp) -> Advanced {
        let mut advanced = Advanced::Unchanged;
        while let Some((at, due)) = self.next().filter(|(at, _)| *at <= now) {
            if due == Due::Lost {
                return Advanced::Lost;
            }
            self.happen(due, at);
            advanced = Advanced::Changed;
        }
        if advanced == Advanced::Changed {
            self.revision += 1;
        }
        advanced
    }

    /// Stops the pod. A later call can bring the deadline nearer and never moves it away. Says whether anything changed.
    ///
    /// # Errors
    /// [`vk_core::ErrorKind::Unavailable`] while contact with the pod is lost.
    pub(crate) fn terminate(&mut self, grace: Duration, now: Timestamp) -> Result<bool> {
        if self.has_ended() {
            return Ok(false);
        }
        if matches!(self.contact, Contact::LostSince(_)) {
            return Err(Error::unavailable("contact with the pod is lost (mock.virtual-kubelet.io/unreachable-after)"));
        }
        let deadline = after(now, grace);
        let stop = match self.stop {
            Some(stop) if stop.deadline <= deadline => return Ok(false),
            Some(stop) => Stop { deadline, ..stop },
            None => Stop { requested_at: now, deadline },
        };
        self.stop = Some(stop);
        self.life = Life::Stopping;
        for index in 0..self.containers.len() {
            let script = self.script().container(&self.containers[index].name);
            let delay = script.map_or(Duration::ZERO, |script| script.stop_delay);
            self.containers[index].stop(stop, delay);
        }
        self.settle(now);
        self.revision += 1;
        self.advance(now);
        Ok(true)
    }

    /// Takes over changed images and annotations. A container whose image changed is restarted, as a kubelet does it.
    pub(crate) fn update(&mut self, pod: &ResolvedPod, images: bool, metadata: bool, now: Timestamp) -> Result<()> {
        if metadata {
            let before = std::mem::replace(&mut self.annotations, scripting_annotations(pod));
            if let Err(error) = self.read_script() {
                self.annotations = before;
                return Err(error);
            }
        }
        if images {
            self.change_images(pod, now);
        }
        self.revision += 1;
        self.advance(now);
        Ok(())
    }

    fn change_images(&mut self, pod: &ResolvedPod, now: Timestamp) {
        for (index, wanted) in containers(pod).into_iter().enumerate() {
            let Some(container) = self.containers.get_mut(index).filter(|container| container.image != wanted.image)
            else {
                continue;
            };
            container.image = wanted.image;
            if self.life == Life::Active {
                let script = self.script.as_ref().and_then(|script| script.container(&container.name));
                container.replace(&self.uid, now, script);
            }
        }
    }

    pub(crate) fn observe(&self) -> PodObservation {
        let stage = self.stage();
        let waiting = if matches!(stage, Stage::Provisioning { .. }) { "ContainerCreating" } else { "PodInitializing" };
        let containers = self.containers.iter().map(|container| container.observe(&self.uid, waiting)).collect();
        let observation = PodObservation::new(self.uid.clone(), self.revision, stage).with_containers(containers);
        match self.ip {
            Some(ip) if !matches!(self.life, Life::Provisioning { .. }) => observation.with_pod_ip(IpAddr::V4(ip)),
            _ => observation,
        }
    }

    fn stage(&self) -> Stage {
        if let Contact::LostSince(since) = self.contact {
            return Stage::Unreachable { since, reason: "MockContactLost".to_owned() };
        }
        match &self.life {
            Life::Provisioning { .. } => Stage::Provisioning {
                reason: "ContainerCreating".to_owned(),
                message: "the start is delayed by mock.virtual-kubelet.io/start-delay".to_owned(),
            },
            Life::Active => Stage::Active,
            Life::Stopping => Stage::Stopping,
            Life::Stopped => Stage::Stopped,
            Life::CreateFailed(error) => Stage::CreateFailed(error.clone()),
            Life::Disrupted => Stage::Disrupted {
                reason: "MockDisruption".to_owned(),
                message: "disrupted by mock.virtual-kubelet.io/disrupt-after".to_owned(),
            },
        }
    }

    /// Of what is due at the same moment, the first of these happens first.
    fn next(&self) -> Option<(Timestamp, Due)> {
        let script = self.script();
        let since_accepted = |delay: Option<Duration>| delay.map(|delay| after(self.accepted_at, delay));
        let mut next: Option<(Timestamp, Due)> = None;
        let mut offer = |at: Option<Timestamp>, due: Due| {
            if let Some(at) = at.filter(|at| next.is_none_or(|(soonest, _)| *at < soonest)) {
                next = Some((at, due));
            }
        };
        offer(since_accepted(script.lose_after), Due::Lost);
        if let Contact::LostSince(since) = self.contact {
            // What happens to the pod meanwhile is seen when contact is back.
            offer(script.unreachable_for.map(|time| after(since, time)), Due::ContactBack);
            return next;
        }
        if self.has_ended() {
            return next;
        }
        offer(since_accepted(script.disrupt_after), Due::Disrupted);
        if self.contact == Contact::Kept {
            offer(since_accepted(script.unreachable_after), Due::ContactLost);
        }
        if let Life::Provisioning { until } = self.life {
            offer(Some(until), Due::Provisioned);
        }
        for (index, container) in self.containers.iter().enumerate() {
            offer(container.next_due(), Due::Container(index));
        }
        next
    }

    fn happen(&mut self, due: Due, at: Timestamp) {
        match due {
            Due::Lost => {}
            Due::Disrupted => {
                for container in &mut self.containers {
                    container.kill(&self.uid, at, 137);
                }
                self.life = Life::Disrupted;
            }
            Due::ContactLost => self.contact = Contact::LostSince(at),
            Due::ContactBack => self.contact = Contact::Restored,
            Due::Provisioned => {
                self.life = match self.script().provision_error {
                    Some(kind) => Life::CreateFailed(kind.error()),
                    None => Life::Active,
                };
            }
            Due::Container(index) if self.containers[index].is_running() => {
                self.containers[index].end(&self.uid);
                if self.life == Life::Active {
                    self.containers[index].plan_restart(at);
                }
            }
            Due::Container(index) => self.start(index, at),
        }
        self.settle(at);
    }

    fn start(&mut self, index: usize, at: Timestamp) {
        let script = self.script.as_ref().and_then(|script| script.container(&self.containers[index].name));
        self.containers[index].start(at, script);
    }

    /// Draws the conclusions from the containers' states: who starts next, and whether it is over.
    fn settle(&mut self, at: Timestamp) {
        match self.life {
            Life::Active => {
                self.start_those_whose_turn_it_is(at);
                if self.nothing_is_left_to_run() {
                    for container in &mut self.containers {
                        container.kill(&self.uid, at, 0);
                    }
                    self.life = Life::Stopped;
                }
            }
            Life::Stopping if !self.containers.iter().any(Container::is_running) => self.life = Life::Stopped,
            _ => {}
        }
    }

    /// Init containers one after the other, sidecars in between without waiting, then all the rest.
    fn start_those_whose_turn_it_is(&mut self, at: Timestamp) {
        for index in 0..self.containers.len() {
            if self.containers[index].run == Run::Pending {
                self.start(index, at);
            }
            let container = &self.containers[index];
            let initialized = matches!(&container.run, Run::Ended(ended) if ended.exit_code == 0);
            if container.kind == ContainerKind::Init && !initialized {
                return;
            }
        }
    }

    fn nothing_is_left_to_run(&self) -> bool {
        let init_failed = self.containers.iter().any(|container| {
            container.kind == ContainerKind::Init && matches!(&container.run, Run::Ended(ended) if ended.exit_code != 0)
        });
        let apps_ended = self
            .containers
            .iter()
            .filter(|container| container.kind == ContainerKind::App)
            .all(|container| matches!(container.run, Run::Ended(_)));
        init_failed || apps_ended
    }
}

fn scripting_annotations(pod: &ResolvedPod) -> BTreeMap<String, String> {
    let annotations = pod.pod.metadata.annotations.iter().flatten();
    annotations
        .filter(|(key, _)| key.starts_with(ANNOTATION_PREFIX))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Init containers first, then the others; each in the order of the spec.
fn containers(pod: &ResolvedPod) -> Vec<Container> {
    let Some(spec) = &pod.pod.spec else { return Vec::new() };
    let pod_policy = spec.restart_policy.as_deref();
    let init = spec.init_containers.iter().flatten().map(|container| {
        let is_sidecar = container.restart_policy.as_deref() == Some("Always");
        (container, if is_sidecar { ContainerKind::Sidecar } else { ContainerKind::Init })
    });
    let app = spec.containers.iter().map(|container| (container, ContainerKind::App));
    let containers = init.chain(app).map(|(container, kind)| {
        let restart = Restart::of(kind, container.restart_policy.as_deref(), pod_policy);
        Container::new(container.name.clone(), kind, container.image.clone().unwrap_or_default(), restart)
    });
    let mut containers: Vec<Container> = containers.collect();
    // Collecting leaves room for four.
    containers.shrink_to_fit();
    containers
}

/// The script of a pod that the back end does not hold yet.
pub(crate) fn script_of(pod: &ResolvedPod) -> Result<Script> {
    let annotations = scripting_annotations(pod);
    if annotations.is_empty() {
        return Ok(Script::default());
    }
    let names: Vec<_> = containers(pod).into_iter().map(|container| (container.name, container.kind)).collect();
    script::parse(&annotations, &names)
}

#[cfg(test)]
mod tests;
