//! One container's way to its next run: image, creation, start.

use std::time::Duration;

use vk_core::{ContainerKind, Error, Now, Terminated};

use super::container::{Notice, Pause, Run, Stage, Step};
use super::effect::{Call, EffectId};
use super::event::{CreateFailure, Pulled, VolumeState};
use super::{Effects, PodMachine, words};
use crate::plan::PullPolicy;
use crate::runtime::{ContainerId, Image, RunState};

/// How long a failed pull is shown as such before it is shown as a back-off.
const PULL_ERROR_SHOWN: Duration = Duration::from_secs(5);
/// Delays after something that a container refers to was missing, or the runtime refused it.
const FIRST_TROUBLE: Duration = Duration::from_secs(2);
const LONGEST_TROUBLE: Duration = Duration::from_secs(30);
/// Delay after the runtime did not answer.
const UNANSWERED: Duration = Duration::from_secs(1);
/// Exit code and reason of a run that could not be started, as containerd reports it to a kubelet.
const START_ERROR: (i32, &str) = (128, "StartError");

impl PodMachine {
    /// Brings a container that should run, and does not, one step nearer to it.
    pub(super) fn advance(&mut self, index: usize, now: Now, effects: &mut Effects) {
        let record = &self.containers[index];
        if record.doubtful {
            return;
        }
        match record.step {
            Step::Calling { .. } => return,
            Step::Paused { until, .. } if now.mono < until => return,
            Step::Paused { .. } | Step::Idle => {}
        }
        match record.run.as_ref().map(|run| (&run.state, &run.id)) {
            Some((RunState::Created, Some(id))) => {
                if self.is_in_sandbox(record) && !self.is_outdated(record) {
                    let id = id.clone();
                    self.start_created(index, id, effects);
                }
                // Else it is removed as a leftover first.
            }
            Some((RunState::Exited(ended), _)) => {
                let ended = ended.clone();
                // An init container that ended well has to run again only for another sandbox.
                let init = record.kind == ContainerKind::Init && !self.is_in_sandbox(record);
                let again = init || self.runs_again(record, &ended);
                if again && !self.delay_restart(index, &ended, now, effects) {
                    self.begin(index, effects);
                }
            }
            Some((RunState::Running { .. }, _)) => {}
            Some((RunState::Created, None)) | None => self.begin(index, effects),
        }
    }

    /// Starts the delay before the restart that follows this run, once. Answers whether there is something to wait for.
    fn delay_restart(&mut self, index: usize, ended: &Terminated, now: Now, effects: &mut Effects) -> bool {
        let pod = self.pod.to_string();
        let record = &mut self.containers[index];
        let attempt = record.run.as_ref().map(|run| run.attempt);
        if record.delayed_after == attempt {
            return false;
        }
        record.delayed_after = attempt;
        let begun = record.begun.filter(|(begun, _)| Some(*begun) == attempt).map(|(_, at)| at);
        let pause = record.restart_delay.pause(ended, begun, now).filter(|_| !record.is_replaced());
        let Some((rest, whole)) = pause else { return false };
        let name = record.name.clone();
        let message = format!("back-off {whole:?} restarting failed container={name} pod={pod}");
        let start_failed = record.notice.take_if(|notice| notice.reason == "RunContainerError");
        let after = now.mono.saturating_add(PULL_ERROR_SHOWN);
        record.notice = Some(match start_failed {
            Some(notice) => Notice { later: None, ..notice }.then(after, "CrashLoopBackOff", message),
            None => Notice::new("CrashLoopBackOff", message),
        });
        record.pause(now, rest, Pause::Restart);
        self.record(words::back_off_restart(&name, &self.pod), effects);
        true
    }

    /// Takes the first step, if the container's volumes are there.
    fn begin(&mut self, index: usize, effects: &mut Effects) {
        let Some(plan) = self.plan_of(&self.containers[index]) else { return };
        let failed = plan.volumes.iter().find_map(|name| match self.volumes.get(name) {
            Some(VolumeState::Ready) => None,
            Some(VolumeState::Failed { message }) => Some(message.clone()),
            None => Some(String::new()),
        });
        if let Some(message) = failed {
            let reason = self.default_waiting_reason();
            let record = &mut self.containers[index];
            record.step = Step::Idle;
            record.notice = (!message.is_empty()).then(|| Notice::new(reason, message));
            return;
        }
        let (container, image, pull) = (plan.name.clone(), plan.image.clone(), plan.pull);
        match pull {
            PullPolicy::Always => self.pull(index, container, image, effects),
            PullPolicy::IfNotPresent | PullPolicy::Never => {
                let id = self.call(Call::FindImage { container, image }, effects);
                self.containers[index].step = Step::Calling { id, stage: Stage::FindImage };
            }
        }
    }

    fn pull(&mut self, index: usize, container: String, image: String, effects: &mut Effects) {
        self.record(words::normal(&container, "Pulling", &format!("Pulling image {image:?}")), effects);
        let id = self.call(Call::PullImage { container, image }, effects);
        self.containers[index].step = Step::Calling { id, stage: Stage::Pull };
    }

    /// The container that waits for this call.
    pub(super) fn waiting_for(&self, wanted: EffectId) -> Option<usize> {
        let waits = |step: &Step| matches!(step, Step::Calling { id, .. } if *id == wanted);
        self.containers.iter().position(|record| waits(&record.step))
    }

    pub(super) fn image_found(
        &mut self,
        index: usize,
        result: Result<Option<Image>, Error>,
        now: Now,
        effects: &mut Effects,
    ) {
        self.containers[index].step = Step::Idle;
        let Some(plan) = self.plan_of(&self.containers[index]).cloned() else { return };
        match result {
            Ok(Some(image)) => {
                self.record(words::present(&plan.name, &plan.image), effects);
                self.create(index, &image, effects);
            }
            Ok(None) if plan.pull == PullPolicy::Never => {
                let image = &plan.image;
                let message = format!("Container image {image:?} is not present with pull policy of Never");
                self.record(words::warning(Some(&plan.name), "ErrImageNeverPull", &message), effects);
                self.record(words::warning(Some(&plan.name), "Failed", "Error: ErrImageNeverPull"), effects);
                self.trouble(index, Notice::new("ErrImageNeverPull", message), now);
            }
            Ok(None) => self.pull(index, plan.name, plan.image, effects),
            Err(error) if words::is_unanswered(&error) => self.unanswered(index, now),
            Err(error) => {
                let message = format!("Failed to inspect image {:?}: {}", plan.image, error.message);
                self.record(words::warning(Some(&plan.name), "InspectFailed", &message), effects);
                self.trouble(index, Notice::new("ImageInspectError", message), now);
            }
        }
    }

    pub(super) fn image_pulled(
        &mut self,
        index: usize,
        result: Result<Pulled, Error>,
        now: Now,
        effects: &mut Effects,
    ) {
        self.containers[index].step = Step::Idle;
        let Some(plan) = self.plan_of(&self.containers[index]).cloned() else { return };
        match result {
            Ok(pulled) => {
                self.containers[index].pull_delay.reset();
                self.record(words::pulled(&plan.name, &plan.image, &pulled), effects);
                self.create(index, &pulled.image, effects);
            }
            Err(error) if words::is_unanswered(&error) => self.unanswered(index, now),
            Err(error) => {
                let image = &plan.image;
                let message = format!("Failed to pull image {image:?}: {}", error.message);
                self.record(words::warning(Some(&plan.name), "Failed", &message), effects);
                self.record(words::warning(Some(&plan.name), "Failed", "Error: ErrImagePull"), effects);
                let back_off = format!("Back-off pulling image {image:?}: {}", error.message);
                let record = &mut self.containers[index];
                let delay = record.pull_delay.next_pull();
                let turns = now.mono.saturating_add(PULL_ERROR_SHOWN);
                record.notice =
                    Some(Notice::new("ErrImagePull", error.message).then(turns, "ImagePullBackOff", back_off));
                record.pause(now, delay, Pause::Pull);
            }
        }
    }

    fn create(&mut self, index: usize, image: &Image, effects: &mut Effects) {
        let Some(sandbox) = self.sandbox.ready().cloned() else { return };
        let record = &self.containers[index];
        let Some(plan) = self.plan_of(record) else { return };
        let call = Call::Create {
            container: record.name.clone(),
            attempt: record.next_attempt,
            image: plan.image.clone(),
            spec_hash: plan.spec_hash.clone(),
            sandbox: sandbox.id,
            sandbox_attempt: sandbox.attempt,
            image_id: image.id.clone(),
            image_user: image.user.clone(),
        };
        let id = self.call(call, effects);
        self.containers[index].step = Step::Calling { id, stage: Stage::Create };
    }

    pub(super) fn created(
        &mut self,
        index: usize,
        call: &Call,
        result: Result<ContainerId, CreateFailure>,
        now: Now,
        effects: &mut Effects,
    ) {
        self.containers[index].step = Step::Idle;
        self.containers[index].fence = self.sequence;
        let Call::Create { container, attempt, sandbox_attempt, image, spec_hash, image_id, .. } = call else { return };
        match result {
            Ok(id) => {
                let record = &mut self.containers[index];
                if let Some(ended) = record.ended().cloned() {
                    record.restart_delay.restarted(&ended);
                }
                record.notice = None;
                record.set_run(Run {
                    attempt: *attempt,
                    id: Some(id.clone()),
                    sandbox_attempt: Some(*sandbox_attempt),
                    spec_hash: Some(spec_hash.clone()),
                    image: image.clone(),
                    image_id: format!("{}://{image_id}", self.scheme),
                    state: RunState::Created,
                    confirmed: true,
                });
                let message = format!("Created container: {}", container);
                self.record(words::normal(container, "Created", &message), effects);
                if self.wants_starts() {
                    self.start_created(index, id, effects);
                }
            }
            Err(CreateFailure::Config(error)) => {
                let message = error.message;
                self.record(words::warning(Some(container), "Failed", &format!("Error: {message}")), effects);
                self.trouble(index, Notice::new("CreateContainerConfigError", message), now);
            }
            Err(CreateFailure::Runtime(error)) if words::is_unanswered(&error) => {
                self.containers[index].doubtful = true;
                self.unanswered(index, now);
            }
            Err(CreateFailure::Runtime(error)) => {
                let message = error.message;
                self.record(words::warning(Some(container), "Failed", &format!("Error: {message}")), effects);
                self.trouble(index, Notice::new("CreateContainerError", message), now);
            }
        }
    }

    fn start_created(&mut self, index: usize, id: ContainerId, effects: &mut Effects) {
        let container = self.containers[index].name.clone();
        let call = self.call(Call::Start { container, id }, effects);
        self.containers[index].step = Step::Calling { id: call, stage: Stage::Start };
    }

    pub(super) fn started(&mut self, index: usize, result: Result<(), Error>, now: Now, effects: &mut Effects) {
        self.containers[index].step = Step::Idle;
        self.containers[index].fence = self.sequence;
        self.listing.wanted = true;
        let Some(run) = self.containers[index].run.clone() else { return };
        let name = self.containers[index].name.clone();
        match result {
            Ok(()) => {
                self.containers[index].begun = Some((run.attempt, now.mono));
                let state = RunState::Running { started_at: Some(now.wall) };
                self.containers[index].set_run(Run { state, confirmed: false, ..run });
                self.record(words::normal(&name, "Started", &format!("Started container {name}")), effects);
                self.run_post_start(index, effects);
            }
            Err(error) if words::is_unanswered(&error) => {
                self.containers[index].doubtful = true;
                self.unanswered(index, now);
            }
            Err(error) => {
                let mut ended = Terminated::with_exit_code(START_ERROR.0);
                ended.reason = START_ERROR.1.to_owned();
                ended.message.clone_from(&error.message);
                ended.finished_at = Some(now.wall);
                ended.container_id = run.id.as_ref().map(|id| self.full_id(id)).unwrap_or_default();
                self.containers[index].set_run(Run { state: RunState::Exited(ended), ..run });
                self.containers[index].notice = Some(Notice::new("RunContainerError", error.message.clone()));
                self.record(words::warning(Some(&name), "Failed", &format!("Error: {}", error.message)), effects);
            }
        }
    }

    /// Something that only time or other people can mend.
    fn trouble(&mut self, index: usize, notice: Notice, now: Now) {
        let record = &mut self.containers[index];
        let delay = record.trouble_delay.next(FIRST_TROUBLE, LONGEST_TROUBLE);
        record.notice = Some(notice);
        record.pause(now, delay, Pause::Trouble);
    }

    /// The runtime did not answer: it is asked what is there before anything is repeated.
    fn unanswered(&mut self, index: usize, now: Now) {
        self.listing.wanted = true;
        self.containers[index].pause(now, UNANSWERED, Pause::Unanswered);
    }

    /// Something that containers refer to has changed: no need to wait any longer.
    pub(super) fn retry_troubled(&mut self) {
        for record in &mut self.containers {
            if matches!(record.step, Step::Paused { why: Pause::Trouble, .. }) {
                record.step = Step::Idle;
            }
        }
    }
}
