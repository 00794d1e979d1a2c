//! Read access to what the pod controller knows, for the kubelet API.

use tokio::sync::{mpsc, oneshot};
use vk_core::record::PodSnapshot;
use vk_core::{Error, Handle, PodKey, PodObservation, Result, Target};

use super::input::Input;

/// One pod as the controller knows it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PodEntry {
    /// The newest version seen in the API.
    pub snapshot: PodSnapshot,
    /// The newest observation, if the back end holds the pod.
    pub observation: Option<PodObservation>,
    /// What the back end wants to be given back.
    pub handle: Option<Handle>,
}

impl PodEntry {
    pub(super) fn new(snapshot: PodSnapshot, observation: Option<PodObservation>, handle: Option<Handle>) -> Self {
        Self { snapshot, observation, handle }
    }

    /// The target of a provider call about this pod.
    pub fn target(&self) -> Target {
        Target::new(self.snapshot.uid.clone(), self.snapshot.key.clone())
            .with_handle(self.handle.clone())
            .with_last_known(Some(self.snapshot.raw.clone()))
    }
}

/// Asks the pod controller about pods. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PodDirectory(mpsc::Sender<Input>);

impl PodDirectory {
    pub(super) fn new(actor: mpsc::Sender<Input>) -> Self {
        Self(actor)
    }

    /// The pod that has this name now; `None` if there is none on our node.
    ///
    /// # Errors
    /// [`vk_core::ErrorKind::Unavailable`] before the pods have been listed, and once the controller has ended.
    pub async fn find(&self, key: PodKey) -> Result<Option<PodEntry>> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Input::Find { key, reply }).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }

    /// Every pod of our node.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub async fn all(&self) -> Result<Vec<PodEntry>> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Input::All { reply }).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }

    /// Waits until the controller has had a look at this question, whatever it knows. `false` once it has ended.
    pub async fn answers(&self) -> bool {
        let (reply, answer) = oneshot::channel();
        let key = PodKey::new("", "");
        self.0.send(Input::Find { key, reply }).await.is_ok() && answer.await.is_ok()
    }

    /// Tells the controller that the back end answers again after an outage, so that nobody sits out a back-off.
    pub async fn backend_recovered(&self) {
        // Without a controller there is nobody left to tell.
        let _ended = self.0.send(Input::BackendRecovered).await;
    }
}

fn ended() -> Error {
    Error::unavailable("the agent is ending")
}
