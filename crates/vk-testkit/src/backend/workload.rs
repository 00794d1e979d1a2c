//! One pod in the back end: what runs of it, and what happens next.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use k8s_openapi::api::core::v1::ResourceRequirements;
use virtual_kubelet::core::record::RestartPolicy;
use virtual_kubelet::core::resolved::ResolvedPod;
use virtual_kubelet::core::status::ContainerRestart;
use virtual_kubelet::core::{ContainerKind, Error, Handle, PodKey, PodObservation, PodUid, Stage};
use virtual_kubelet::provider::PodChange;

use super::container::{Container, Standing};
use super::ledger::{Given, Happening, Life, Run, RunCause, RunEnd};
use super::nature::{Nature, StopStyle, millis};

/// A container that ended is started again after this long, and each time after twice as long.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// So often the delay doubles.
const MOST_DOUBLINGS: u32 = 8;

/// Init containers with this image fail.
pub(crate) const FAILING_IMAGE: &str = "failing";

/// A pod that is to run, runs, or has run.
#[derive(Debug, Clone)]
pub struct Workload {
    /// Its name.
    pub key: PodKey,
    /// Set once it has ended.
    pub exit_code: Option<i32>,
    uid: PodUid,
    /// Which object of the back end it is.
    number: u64,
    nature: Nature,
    policy: RestartPolicy,
    containers: Vec<Container>,
    progress: Progress,
    unreachable_until: Option<Duration>,
    visible_from: Duration,
    revision: u64,
    address: IpAddr,
    stale: Option<Box<PodObservation>>,
    life: Life,
    news: Vec<Happening>,
}

/// How far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Progress {
    Accepted {
        starts_at: Duration,
    },
    Failing {
        at: Duration,
    },
    Active,
    Stopping {
        at: Duration,
        exit_code: i32,
        deadline: Duration,
    },
    /// Nothing but sidecars runs any more.
    Draining {
        at: Duration,
        over: Over,
    },
    Over(Over),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    ByItself,
    Stopped,
    Disrupted,
    CreateFailed,
}

impl Workload {
    pub(super) fn of(pod: &ResolvedPod, nature: Nature, number: u64, elsewhere: bool, now: Duration) -> Self {
        let life = Life {
            uid: pod.uid.clone(),
            key: pod.key.clone(),
            elsewhere,
            accepted: now,
            told_to_stop: None,
            end: None,
            gone: None,
            runs: Vec::new(),
            given: given_to(pod),
        };
        let policy = pod.pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref());
        let last_byte = pod.uid.as_str().bytes().fold(0u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
        Self {
            key: pod.key.clone(),
            exit_code: None,
            uid: pod.uid.clone(),
            number,
            nature,
            policy: RestartPolicy::parse(policy.unwrap_or_default()),
            containers: containers_of(pod).into_iter().map(|container| ended_for_good(pod, container)).collect(),
            progress: Progress::Accepted { starts_at: now + millis(nature.starts_after) },
            unreachable_until: None,
            visible_from: now + millis(nature.hidden_for),
            revision: 1,
            address: IpAddr::from([10, 0, 0, last_byte]),
            stale: None,
            life,
            news: Vec::new(),
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn life(&self) -> &Life {
        &self.life
    }

    pub(super) fn is_visible(&self, now: Duration) -> bool {
        now >= self.visible_from
    }

    /// What the back end gives out for it.
    pub(super) fn handle(&self) -> Option<Handle> {
        self.nature.by_handle.then(|| Handle::new(self.number.to_string().into_bytes()).ok()).flatten()
    }

    /// Changes it, lets everything happen that is due, and tells whether anything is different now.
    pub(super) fn change(&mut self, now: Duration, change: impl FnOnce(&mut Self)) -> bool {
        let before = self.observe();
        change(self);
        self.advance(now);
        let is_news = self.observe() != before;
        if is_news {
            self.revision += 1;
            self.stale = Some(Box::new(before));
        }
        is_news || !self.news.is_empty()
    }

    pub(super) fn take_news(&mut self) -> Vec<Happening> {
        std::mem::take(&mut self.news)
    }

    /// When something happens by itself.
    pub(super) fn next_due(&self) -> Option<Duration> {
        let own = match &self.progress {
            Progress::Accepted { starts_at: at }
            | Progress::Failing { at }
            | Progress::Stopping { at, .. }
            | Progress::Draining { at, .. } => Some(*at),
            Progress::Over(_) => self.forgotten_at(),
            Progress::Active => None,
        };
        let of_containers = self.containers.iter().filter_map(|container| match container.standing {
            Standing::Runs { until } => until,
            Standing::BackOff { until } => Some(until),
            _ => None,
        });
        let is_active = self.progress == Progress::Active;
        own.into_iter().chain(self.unreachable_until).chain(of_containers.filter(|_| is_active)).min()
    }

    /// Whether it ended so long ago that the back end does not remember it.
    pub(super) fn is_forgotten(&self, now: Duration) -> bool {
        self.forgotten_at().is_some_and(|due| due <= now)
    }

    fn forgotten_at(&self) -> Option<Duration> {
        let (over, _) = self.life.end.as_ref()?;
        Some(*over + millis(self.nature.forgets_after?))
    }

    /// These containers end by themselves; without a name, every regular one.
    pub(super) fn exit(&mut self, container: Option<usize>, exit_code: i32, now: Duration) {
        if !matches!(self.progress, Progress::Active | Progress::Stopping { .. }) {
            return;
        }
        let regular: Vec<usize> = self.indices(ContainerKind::App);
        let chosen = container.filter(|_| !regular.is_empty()).map(|number| number % regular.len());
        for (place, index) in regular.into_iter().enumerate() {
            if chosen.is_none_or(|chosen| chosen == place) {
                self.end_run(index, exit_code, RunCause::Itself, now);
            }
        }
    }

    pub(super) fn terminate(&mut self, grace: Duration, now: Duration) {
        self.life.told_to_stop.get_or_insert(now);
        let deadline = now + grace;
        let gentle = |takes: Duration| if now + takes <= deadline { (now + takes, 143) } else { (deadline, 137) };
        self.progress = match &self.progress {
            Progress::Accepted { .. } | Progress::Failing { .. } => return self.finish(Over::Stopped, now),
            Progress::Active => {
                let (at, exit_code) = match self.nature.stop {
                    StopStyle::AtOnce => gentle(Duration::ZERO),
                    StopStyle::Slow(takes) => gentle(millis(takes)),
                    StopStyle::Stubborn => (deadline, 137),
                };
                Progress::Stopping { at, exit_code, deadline }
            }
            Progress::Stopping { at, .. } if deadline < *at => {
                Progress::Stopping { at: deadline, exit_code: 137, deadline }
            }
            Progress::Stopping { at, exit_code, deadline: known } => {
                Progress::Stopping { at: *at, exit_code: *exit_code, deadline: deadline.min(*known) }
            }
            Progress::Draining { at, over } => Progress::Draining { at: deadline.min(*at), over: *over },
            Progress::Over(_) => return,
        };
    }

    pub(super) fn disrupt(&mut self, now: Duration) {
        if !matches!(self.progress, Progress::Over(_)) {
            self.end_all(137, RunCause::Lost, now);
            self.finish(Over::Disrupted, now);
        }
    }

    pub(super) fn fail_at(&mut self, at: Duration) {
        if matches!(self.progress, Progress::Accepted { .. }) {
            self.progress = Progress::Failing { at };
        }
    }

    pub(super) fn lose_contact(&mut self, until: Duration) {
        if !matches!(self.progress, Progress::Over(_)) {
            self.unreachable_until = Some(until);
        }
    }

    /// The image that a container was given last.
    pub fn image(&self, container: &str) -> Option<&str> {
        self.life.given.get(container).map(|given| given.image.as_str())
    }

    /// Takes over what is said to have changed: images, resources, and containers that are new.
    pub(super) fn update(&mut self, pod: &ResolvedPod, change: PodChange, now: Duration) {
        for (name, wanted) in given_to(pod) {
            match self.life.given.get_mut(&name) {
                Some(given) => {
                    given.image = if change.images { wanted.image } else { std::mem::take(&mut given.image) };
                    given.resources = if change.resources { wanted.resources } else { given.resources.take() };
                }
                None if change.ephemeral => _ = self.life.given.insert(name, wanted),
                None => {}
            }
        }
        self.take_over(pod, change, now);
    }

    fn take_over(&mut self, pod: &ResolvedPod, change: PodChange, now: Duration) {
        for wanted in containers_of(pod) {
            let Some(index) = self.containers.iter().position(|known| known.name == wanted.name) else {
                self.containers.extend(change.ephemeral.then_some(wanted));
                continue;
            };
            let Some(known) = self.containers.get_mut(index) else { continue };
            if !change.images || known.image == wanted.image {
                continue;
            }
            known.image = wanted.image;
            if known.runs() && self.progress == Progress::Active {
                self.end_run(index, 143, RunCause::Replaced, now);
                self.start_run(index, now);
            }
        }
    }

    pub(super) fn leave(&mut self, why: Happening, now: Duration) -> Life {
        let runs = self.containers.iter().any(Container::runs);
        let cause = if matches!(why, Happening::Lost) { RunCause::Lost } else { RunCause::Released };
        if runs {
            self.end_all(137, cause, now);
        }
        self.life.gone = Some((now, why));
        self.life.clone()
    }

    pub(super) fn runs(&self) -> bool {
        self.containers.iter().any(Container::runs)
    }

    pub(super) fn observe(&self) -> PodObservation {
        let stage = match (&self.progress, self.unreachable_until) {
            (Progress::Over(Over::CreateFailed), _) => Stage::CreateFailed(Error::internal("it could not be started")),
            (Progress::Over(Over::Disrupted), _) => {
                let (reason, message) = ("SpotInterruption".to_owned(), "the platform took it back".to_owned());
                Stage::Disrupted { reason, message }
            }
            // One that restarts containers leaves it to their states to say that it is over.
            (Progress::Over(Over::ByItself), _) if self.nature.restarts => Stage::Active,
            (Progress::Over(_), _) => Stage::Stopped,
            (_, Some(_)) => Stage::Unreachable { since: jiff::Timestamp::UNIX_EPOCH, reason: "HostGone".to_owned() },
            (Progress::Accepted { .. } | Progress::Failing { .. }, None) => {
                Stage::Provisioning { reason: "Scheduling".to_owned(), message: "waits for a host".to_owned() }
            }
            (Progress::Active | Progress::Draining { over: Over::ByItself, .. }, None) => Stage::Active,
            (Progress::Stopping { .. } | Progress::Draining { .. }, None) => Stage::Stopping,
        };
        let containers = self.containers.iter().map(|container| container.observe(&self.uid, self.number)).collect();
        let mut observation = PodObservation::new(self.uid.clone(), self.revision, stage).with_containers(containers);
        observation.handle = self.handle();
        if self.life.runs.is_empty() { observation } else { observation.with_pod_ip(self.address) }
    }

    /// It as it was before its last change.
    pub(super) fn observe_stale(&self) -> PodObservation {
        self.stale.as_deref().cloned().unwrap_or_else(|| self.observe())
    }

    fn advance(&mut self, now: Duration) {
        if self.unreachable_until.is_some_and(|until| until <= now) {
            self.unreachable_until = None;
        }
        match self.progress {
            Progress::Accepted { starts_at } if starts_at <= now => self.progress = Progress::Active,
            Progress::Failing { at } if at <= now => self.finish(Over::CreateFailed, now),
            Progress::Stopping { at, exit_code, deadline } if at <= now => {
                self.end_all_but_sidecars(exit_code, RunCause::Stop, now);
                self.drain(Over::Stopped, Some(deadline), now);
            }
            Progress::Draining { at, over } if at <= now => self.end_sidecars(over, now),
            _ => {}
        }
        if self.progress == Progress::Active {
            self.run_containers(now);
        }
        let deadline = match self.progress {
            Progress::Active => None,
            Progress::Stopping { deadline, .. } => Some(deadline),
            _ => return,
        };
        if self.regular_containers_are_over() {
            self.end_all_but_sidecars(0, RunCause::Itself, now);
            self.drain(Over::ByItself, deadline, now);
        }
    }

    /// Sidecars end after all others (KEP-753).
    fn drain(&mut self, over: Over, deadline: Option<Duration>, now: Duration) {
        let takes = now + millis(self.nature.sidecars_take);
        let at = deadline.map_or(takes, |deadline| deadline.min(takes));
        if at > now && self.runs() {
            self.progress = Progress::Draining { at, over };
        } else {
            self.end_sidecars(over, now);
        }
    }

    fn end_sidecars(&mut self, over: Over, now: Duration) {
        let (exit_code, cause) = if over == Over::Stopped { (143, RunCause::Stop) } else { (0, RunCause::Itself) };
        self.end_all(exit_code, cause, now);
        self.finish(over, now);
    }

    fn run_containers(&mut self, now: Duration) {
        let mut initialized = true;
        for index in 0..self.containers.len() {
            self.end_what_is_due(index, now);
            let Some(container) = self.containers.get(index) else { return };
            let is_init = container.kind == ContainerKind::Init;
            let is_due = matches!(container.standing, Standing::BackOff { until } if until <= now);
            if initialized && (is_due || container.can_start()) {
                self.start_run(index, now);
                self.end_what_is_due(index, now);
            }
            let standing = self.containers.get(index).map(|container| container.standing);
            let failed = matches!(standing, Some(Standing::Ended(code)) if code != 0);
            initialized &= !is_init || standing == Some(Standing::Ended(0));
            if is_init && failed {
                self.end_all(0, RunCause::Itself, now);
                return self.finish(Over::ByItself, now);
            }
        }
    }

    fn end_what_is_due(&mut self, index: usize, now: Duration) {
        let Some(container) = self.containers.get(index) else { return };
        if matches!(container.standing, Standing::Runs { until: Some(until) } if until <= now) {
            let exit_code = if container.image.starts_with(FAILING_IMAGE) { 7 } else { 0 };
            self.end_run(index, exit_code, RunCause::Itself, now);
        }
    }

    fn start_run(&mut self, index: usize, now: Duration) {
        let takes = millis(self.nature.init_takes);
        let Some(container) = self.containers.get_mut(index) else { return };
        let is_again = container.standing != Standing::Waiting;
        let until = (container.kind == ContainerKind::Init).then(|| now + takes);
        container.standing = Standing::Runs { until };
        container.restarts += u32::from(is_again);
        if self.life.runs.is_empty() {
            self.news.push(Happening::Started);
        }
        self.life.runs.push(Run { container: container.name.clone(), began: now, ended: None });
    }

    fn end_run(&mut self, index: usize, exit_code: i32, cause: RunCause, now: Duration) {
        let is_active = self.progress == Progress::Active;
        let Some(container) = self.containers.get_mut(index) else { return };
        if !container.runs() {
            return;
        }
        let restarts = match (container.kind, self.policy) {
            (ContainerKind::Sidecar, _) | (ContainerKind::App, RestartPolicy::Always) => true,
            (_, RestartPolicy::Never) | (ContainerKind::Ephemeral, _) => false,
            (_, RestartPolicy::Always | RestartPolicy::OnFailure) => exit_code != 0,
        };
        let is_restarted = match cause {
            RunCause::Itself => restarts && self.nature.restarts && is_active,
            RunCause::Replaced => true,
            RunCause::Stop | RunCause::Lost | RunCause::Released => false,
        };
        if is_restarted {
            container.last = Some(exit_code);
            let delay = RESTART_DELAY * 2u32.pow(container.restarts.min(MOST_DOUBLINGS));
            container.standing = Standing::BackOff { until: now + delay };
        } else {
            container.standing = Standing::Ended(exit_code);
        }
        self.life.end_runs(Some(&container.name), RunEnd { at: now, exit_code, cause });
    }

    fn end_all_but_sidecars(&mut self, exit_code: i32, cause: RunCause, now: Duration) {
        let others = self.containers.iter_mut().filter(|container| container.kind != ContainerKind::Sidecar);
        for container in others.filter(|container| container.runs()) {
            container.standing = Standing::Ended(exit_code);
            self.life.end_runs(Some(&container.name), RunEnd { at: now, exit_code, cause });
        }
    }

    fn end_all(&mut self, exit_code: i32, cause: RunCause, now: Duration) {
        for container in self.containers.iter_mut().filter(|container| container.runs()) {
            container.standing = Standing::Ended(exit_code);
        }
        self.life.end_runs(None, RunEnd { at: now, exit_code, cause });
    }

    fn finish(&mut self, how: Over, now: Duration) {
        let apps = self.containers.iter().filter(|container| container.kind != ContainerKind::Ephemeral);
        let codes = apps.filter_map(|container| match container.standing {
            Standing::Ended(code) => Some(code),
            _ => None,
        });
        let exit_code = codes.fold(0, |sum, code| if sum == 0 { code } else { sum });
        let happening = match how {
            Over::ByItself => Happening::Ended { exit_code },
            Over::Stopped => Happening::Stopped,
            Over::Disrupted => Happening::Disrupted,
            Over::CreateFailed => Happening::CreateFailed,
        };
        self.exit_code = Some(exit_code);
        self.progress = Progress::Over(how);
        self.life.end = Some((now, happening.clone()));
        self.news.push(happening);
    }

    fn regular_containers_are_over(&self) -> bool {
        let mut regular = self.containers.iter().filter(|container| container.kind == ContainerKind::App);
        regular.all(|container| matches!(container.standing, Standing::Ended(_)))
    }

    fn indices(&self, kind: ContainerKind) -> Vec<usize> {
        let of_kind = self.containers.iter().enumerate().filter(|(_, container)| container.kind == kind);
        of_kind.map(|(index, _)| index).collect()
    }
}

/// A container that the pod's status shows as ended, and that nothing restarts, does not run in another attempt either.
fn ended_for_good(pod: &ResolvedPod, container: Container) -> Container {
    let exit_code = pod.pod.status.as_ref().and_then(|status| {
        let init = status.init_container_statuses.iter().flatten();
        let regular = status.container_statuses.iter().flatten();
        let ephemeral = status.ephemeral_container_statuses.iter().flatten();
        let shown = init.chain(regular).chain(ephemeral).find(|shown| shown.name == container.name)?;
        Some(shown.state.as_ref()?.terminated.as_ref()?.exit_code)
    });
    let Some(exit_code) = exit_code else { return container };
    let policy = pod.pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref()).unwrap_or_default();
    let restart = pod.pod.spec.as_ref().and_then(|spec| {
        let specs = spec.init_containers.iter().flatten().chain(&spec.containers);
        specs.into_iter().find(|of_spec| of_spec.name == container.name).map(ContainerRestart::of)
    });
    // An ephemeral container never runs again.
    let restarts = restart.is_some_and(|restart| restart.restarts(RestartPolicy::parse(policy), exit_code));
    if restarts { container } else { Container { standing: Standing::Ended(exit_code), ..container } }
}

/// By name of the container.
fn given_to(pod: &ResolvedPod) -> BTreeMap<String, Given> {
    let Some(spec) = pod.pod.spec.as_ref() else { return BTreeMap::new() };
    let given = |image: &Option<String>, resources: &Option<ResourceRequirements>| Given {
        image: image.clone().unwrap_or_default(),
        resources: serde_json::to_value(resources.clone().unwrap_or_default()).unwrap_or_default(),
    };
    let lasting = spec.init_containers.iter().flatten().chain(&spec.containers);
    let lasting = lasting.map(|it| (it.name.clone(), given(&it.image, &it.resources)));
    let ephemeral = spec.ephemeral_containers.iter().flatten();
    lasting.chain(ephemeral.map(|it| (it.name.clone(), given(&it.image, &it.resources)))).collect()
}

fn containers_of(pod: &ResolvedPod) -> Vec<Container> {
    let Some(spec) = pod.pod.spec.as_ref() else { return Vec::new() };
    let image = |image: &Option<String>| image.clone().unwrap_or_default();
    let init = spec.init_containers.iter().flatten().map(|container| {
        let is_sidecar = container.restart_policy.as_deref() == Some("Always");
        let kind = if is_sidecar { ContainerKind::Sidecar } else { ContainerKind::Init };
        Container::new(&container.name, kind, &image(&container.image))
    });
    let regular = spec
        .containers
        .iter()
        .map(|container| Container::new(&container.name, ContainerKind::App, &image(&container.image)));
    let ephemeral = spec
        .ephemeral_containers
        .iter()
        .flatten()
        .map(|container| Container::new(&container.name, ContainerKind::Ephemeral, &image(&container.image)));
    init.chain(regular).chain(ephemeral).collect()
}
