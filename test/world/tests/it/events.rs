//! Events, where some of them cannot be written.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Event;
use virtual_kubelet::ScopedSpawner;
use virtual_kubelet::controller::env::{Env, Random};
use virtual_kubelet::controller::events::{EventRecorder, Involved};
use virtual_kubelet::core::{BackendEvent, EventType, PodKey, PodUid};
use virtual_kubelet::kube::Api;
use virtual_kubelet::kube::api::ListParams;
use vk_apiserver::{EventFault, FaultPlan, Outcome, RequestClass, RequestFault};
use vk_testkit::World;
use vk_testkit::world::simulate;

/// A recorder, which works for as long as its executor is held.
fn recorder(world: &World) -> (Arc<ScopedSpawner>, EventRecorder) {
    let spawner = Arc::new(ScopedSpawner::new(tokio::runtime::Handle::current()));
    let env = Env::new(Arc::new(|| jiff::Timestamp::UNIX_EPOCH), Random::seeded(1), spawner.clone());
    let recorder = EventRecorder::new(world.admin(), world.node_name(), &env);
    (spawner, recorder)
}

fn record(recorder: &EventRecorder, namespace: &str) {
    let pod = Involved::pod(&PodKey::new(namespace, "web"), &PodUid::from(namespace));
    let kind = EventType::Normal;
    recorder.record(&pod, BackendEvent { kind, reason: "Told".into(), message: "so".into(), container: None });
}

async fn events(world: &World) -> Vec<Event> {
    let events: Api<Event> = Api::namespaced(world.admin(), "default");
    let list = events.list(&ListParams::default()).await;
    list.into_iter().flat_map(|list| list.items).filter(|event| event.reason.as_deref() == Some("Told")).collect()
}

/// A webhook of one namespace is broken.
struct BrokenNamespace;

impl FaultPlan for BrokenNamespace {
    fn on_request(&mut self, request: &RequestClass) -> RequestFault {
        if request.namespace == "broken" { RequestFault::status(500) } else { RequestFault::default() }
    }
    fn on_event(&mut self, _request: &RequestClass, _index: u64) -> EventFault {
        EventFault::None
    }
}

#[test]
fn an_event_that_cannot_be_written_does_not_hold_up_the_others() {
    simulate(3, |world, server| async move {
        server.set_faults(BrokenNamespace);
        let (_spawner, recorder) = recorder(&world);
        record(&recorder, "broken");
        record(&recorder, "default");
        world.eventually(Duration::from_secs(60), "it is written", || async { events(&world).await.len() == 1 }).await;
    });
}

/// The answer to the first write is lost.
struct LostAnswer {
    lost: bool,
}

impl FaultPlan for LostAnswer {
    fn on_request(&mut self, request: &RequestClass) -> RequestFault {
        if request.resource != "events" || std::mem::replace(&mut self.lost, true) {
            return RequestFault::default();
        }
        RequestFault::outcome(Outcome::ResetAfter)
    }
    fn on_event(&mut self, _request: &RequestClass, _index: u64) -> EventFault {
        EventFault::None
    }
}

#[test]
fn an_event_whose_answer_is_lost_is_written_once() {
    simulate(4, |world, server| async move {
        server.set_faults(LostAnswer { lost: false });
        let (_spawner, recorder) = recorder(&world);
        record(&recorder, "default");
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(events(&world).await.len(), 1);
    });
}
