//! Keeps the volumes of one pod as they should be: makes them, and writes them anew when what they hold changes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{BoxStream, SelectAll};
use k8s_openapi::api::core::v1::Pod;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use vk_core::resolve::{Data, Reference, ReferenceData, ReferenceUser, ResolveError, references, resolve_volume};
use vk_core::resolved::{FileTree, VolumeSource};
use vk_core::{BackendEvent, Error, EventType, PodUid, Result};

use super::actor::Shared;
use super::command::Report;
use super::pod::Given;
use crate::env::EngineEnv;
use crate::machine::VolumeState;
use crate::runtime::ContainerRuntime;
use crate::translate::VolumePath;
use crate::volume::{EmptyDir, VolumeKey, VolumeStore};

/// Delays after a volume could not be made.
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(60);

type Changes = SelectAll<BoxStream<'static, (Reference, Result<Option<Data>>)>>;

/// Starts the keeper of a pod's volumes. It ends when the guard is dropped.
pub(super) fn keep<R: ContainerRuntime>(
    shared: &Arc<Shared<R>>,
    env: &EngineEnv,
    uid: PodUid,
    given: Arc<Given>,
) -> (watch::Sender<Arc<Given>>, DropGuard) {
    let (sender, newest) = watch::channel(given);
    let cancel = CancellationToken::new();
    let keeper = Keeper {
        shared: Arc::clone(shared),
        uid,
        newest,
        data: ReferenceData::default(),
        troubles: BTreeMap::new(),
        done: BTreeMap::new(),
    };
    let guard = cancel.clone().drop_guard();
    env.spawn(async move {
        tokio::select! {
            biased;
            () = cancel.cancelled() => {}
            () = keeper.run() => {}
        }
    });
    (sender, guard)
}

struct Keeper<R> {
    shared: Arc<Shared<R>>,
    uid: PodUid,
    newest: watch::Receiver<Arc<Given>>,
    data: ReferenceData,
    /// What could not be read, and why.
    troubles: BTreeMap<Reference, Error>,
    /// What has been reported of each volume.
    done: BTreeMap<String, Done>,
}

/// How a volume stands.
#[derive(PartialEq)]
enum Done {
    /// It holds these files.
    Files(FileTree),
    /// It is there, and nothing about it changes.
    Fixed,
    Failed(String),
}

impl<R: ContainerRuntime> Keeper<R> {
    async fn run(mut self) {
        let given = self.newest.borrow_and_update().clone();
        let Ok(pod) = given.raw.decode() else { return };
        if pod.spec.as_ref().and_then(|spec| spec.volumes.as_ref()).is_none_or(Vec::is_empty) {
            return;
        }
        let mut changes = self.subscribe(&pod, &given);
        let mut failures = 0;
        loop {
            let given = self.newest.borrow_and_update().clone();
            // A pod is decoded only while it is looked at.
            let settled = match given.raw.decode() {
                Ok(pod) => self.make_all(&pod, &given).await,
                Err(_) => true,
            };
            failures = if settled { 0 } else { failures + 1 };
            let retry = retry_delay(failures);
            tokio::select! {
                biased;
                changed = self.newest.changed() => if changed.is_err() { return },
                Some((reference, answer)) = changes.next(), if !changes.is_empty() => self.learn(reference, answer),
                () = tokio::time::sleep(retry) => {}
            }
            // What is there already is taken along.
            while let Some(Some((reference, answer))) = futures::FutureExt::now_or_never(changes.next()) {
                self.learn(reference, answer);
            }
        }
    }

    /// Follows everything that the volumes hold.
    fn subscribe(&self, pod: &Pod, given: &Given) -> Changes {
        let mut changes = SelectAll::new();
        for reference in volume_references(pod) {
            let stream = given.context.cluster.changes(reference.clone());
            changes.push(stream.map(move |answer| (reference.clone(), answer)).boxed());
        }
        changes
    }

    fn learn(&mut self, reference: Reference, answer: Result<Option<Data>>) {
        match answer {
            // A token that was had before stays where it is until there is another.
            Ok(None) if matches!(reference, Reference::Token(_)) => {
                let message = format!("{reference}: the service account does not exist");
                self.troubles.insert(reference.clone(), Error::unresolved(reference.to_string(), message));
            }
            Ok(answer) => {
                self.troubles.remove(&reference);
                self.data.insert(reference, answer);
            }
            // What was known before still holds.
            Err(error) => {
                self.troubles.insert(reference, error);
            }
        }
    }

    /// Makes every volume as it should be now. Answers whether that worked for all of them.
    async fn make_all(&mut self, pod: &Pod, given: &Given) -> bool {
        let mut all = true;
        let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
        for volume in volumes {
            if let Err(error) = self.make(pod, given, &volume.name).await {
                all = false;
                self.failed(given, &volume.name, &error).await;
            }
        }
        all
    }

    async fn make(&mut self, pod: &Pod, given: &Given, name: &str) -> Result<()> {
        if self.done.get(name) == Some(&Done::Fixed) {
            return Ok(());
        }
        let runtime = Arc::clone(&self.shared.runtime);
        let missing = || Error::internal("this runtime has no place for files");
        let store: &dyn VolumeStore = &**runtime.features().volumes.as_ref().ok_or_else(missing)?;
        let key = VolumeKey { pod: self.uid.clone(), volume: name.to_owned() };
        let resolved = match resolve_volume(pod, name, &self.data, &given.context.node) {
            // Its first answer has not come yet, unless there is a reason why it does not come.
            Err(ResolveError::NotRead { reference }) => {
                return self.troubles.get(&reference).cloned().map_or(Ok(()), Err);
            }
            resolved => resolved?,
        };
        let (path, done) = match resolved.source {
            VolumeSource::Files(files) => {
                if matches!(self.done.get(name), Some(Done::Files(known)) if *known == files) {
                    return Ok(());
                }
                (VolumePath::Files(store.write_files(key, files.clone()).await?), Done::Files(files))
            }
            VolumeSource::EmptyDir { memory, size_limit } => {
                let options = EmptyDir { memory, size_limit, group: fs_group(pod) };
                (VolumePath::Directory(store.empty_dir(key, options).await?), Done::Fixed)
            }
            VolumeSource::HostPath { path, kind } => {
                let path = PathBuf::from(path);
                store.host_path(path.clone(), kind.clone()).await?;
                (VolumePath::Host { path, kind }, Done::Fixed)
            }
            _ => return Err(Error::unsupported("spec.volumes", "this kind of volume is not supported")),
        };
        self.done.insert(name.to_owned(), done);
        self.report(name, VolumeState::Ready, Some(path)).await;
        Ok(())
    }

    async fn failed(&mut self, given: &Given, name: &str, error: &Error) {
        // A volume that has been made once stays usable as it is.
        if matches!(self.done.get(name), Some(Done::Files(_) | Done::Fixed)) {
            tracing::debug!(volume = name, %error, "could not be brought up to date");
            return;
        }
        let message = format!("MountVolume.SetUp failed for volume {name:?} : {}", error.message);
        let done = Done::Failed(message.clone());
        if self.done.get(name) == Some(&done) {
            return;
        }
        self.done.insert(name.to_owned(), done);
        given.context.events.record(BackendEvent {
            kind: EventType::Warning,
            reason: "FailedMount".to_owned(),
            message: message.clone(),
            container: None,
        });
        self.report(name, VolumeState::Failed { message }, None).await;
    }

    async fn report(&self, name: &str, state: VolumeState, path: Option<VolumePath>) {
        let report = Report::Volume { uid: self.uid.clone(), name: name.to_owned(), state, path };
        // The actor is gone only when the engine is.
        let _ = self.shared.reports.send(report).await;
    }
}

/// How long to wait before volumes that could not be made are tried again; something else may happen before. `0`: all are made.
fn retry_delay(failures: u32) -> Duration {
    let Some(doublings) = failures.checked_sub(1) else { return Duration::MAX };
    let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
    FIRST_DELAY.saturating_mul(factor).min(LONGEST_DELAY)
}

fn volume_references(pod: &Pod) -> impl Iterator<Item = Reference> {
    let all = references(pod);
    let of_volumes = all.uses().iter().filter(|used| matches!(used.user, ReferenceUser::Volume(_)));
    let distinct: std::collections::BTreeSet<Reference> = of_volumes.map(|used| used.reference.clone()).collect();
    distinct.into_iter()
}

fn fs_group(pod: &Pod) -> Option<i64> {
    pod.spec.as_ref()?.security_context.as_ref()?.fs_group
}
