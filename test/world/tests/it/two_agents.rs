//! Two agents of one node: whoever does not have the lease gives no orders (docs/adr/0017-a-lapsed-lease.md).

#![allow(clippy::unwrap_used, reason = "what a test does itself is expected to work")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use http::Request;
use parking_lot::Mutex;
use tokio::sync::watch;
use virtual_kubelet::core::Result;
use virtual_kubelet::core::node::lease::LeaseState;
use virtual_kubelet::core::resolved::Target;
use virtual_kubelet::provider::layer::{Layered, LayeredProvider};
use virtual_kubelet::provider::{Accepted, BoxProvider, Create, Provider, Terminate, Terminating};
use vk_apiserver::{RequestClass, RequestFault};
use vk_testkit::backend::Nature;
use vk_testkit::interposer::{Asked, Exchange, Interposition, Onward};
use vk_testkit::world::{AgentSettings, simulate, simulate_behind};
use vk_testkit::{AgentInstance, World};

const SOON: Duration = Duration::from_secs(30);

/// A heartbeat is given up after five seconds.
const SLOW: Duration = Duration::from_secs(4);

/// How the first agent reaches the API server. The other one always does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Open,
    /// Nothing passes.
    Cut,
    /// The heartbeat is answered late.
    SlowHeartbeat,
}

/// What each agent has ordered: calls that start, stop or release, and writes about pods.
#[derive(Clone)]
struct Wires {
    first: watch::Sender<Way>,
    orders: Arc<Mutex<Vec<(usize, String)>>>,
}

impl Wires {
    fn new() -> Self {
        Self { first: watch::Sender::new(Way::Open), orders: Arc::default() }
    }

    /// Agents are numbered in the order in which they start.
    fn interposition(&self) -> Interposition {
        let (of_api, of_provider) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (wires, backend) = (self.clone(), self.clone());
        Interposition::none()
            .with_api(move || {
                let (agent, wires) = (of_api.fetch_add(1, Ordering::Relaxed), wires.clone());
                move |request, onward: Onward| wires.pass(agent, request, onward)
            })
            .with_provider(move |inner| {
                let agent = of_provider.fetch_add(1, Ordering::Relaxed);
                BoxProvider::new(Layered(Overheard { inner, agent, wires: backend.clone() }))
            })
    }

    fn pass(&self, agent: usize, request: Request<Bytes>, onward: Onward) -> Exchange {
        let (wires, asked) = (self.clone(), Asked::of(&request));
        async move {
            if agent == 0 {
                // An error would mean that the wires are gone, and this holds them.
                let _held = wires.first.subscribe().wait_for(|way| *way != Way::Cut).await.is_ok();
                if asked.resource == "leases" && *wires.first.borrow() == Way::SlowHeartbeat {
                    tokio::time::sleep(SLOW).await;
                }
            }
            if asked.is_write() && asked.resource.starts_with("pods") {
                wires.note(agent, format!("{} {} {}", asked.method, asked.resource, asked.name));
            }
            onward.send(request).await
        }
        .boxed()
    }

    fn note(&self, agent: usize, order: String) {
        self.orders.lock().push((agent, order));
    }

    fn set_way(&self, way: Way) {
        self.first.send_replace(way);
    }

    /// What the first agent has ordered since this was last asked.
    fn orders_of_the_first(&self) -> Vec<String> {
        let orders = std::mem::take(&mut *self.orders.lock());
        orders.into_iter().filter(|(agent, _)| *agent == 0).map(|(_, order)| order).collect()
    }
}

struct Overheard {
    inner: BoxProvider,
    agent: usize,
    wires: Wires,
}

impl LayeredProvider for Overheard {
    type Inner = BoxProvider;

    fn inner(&self) -> &BoxProvider {
        &self.inner
    }

    fn create(&self, request: Create) -> impl Future<Output = Result<Accepted>> + Send {
        self.wires.note(self.agent, format!("create {}", request.pod.key.name));
        self.inner.create(request)
    }

    fn terminate(&self, request: Terminate) -> impl Future<Output = Result<Terminating>> + Send {
        self.wires.note(self.agent, format!("terminate {}", request.target.key.name));
        self.inner.terminate(request)
    }

    fn remove(&self, target: Target) -> impl Future<Output = Result<()>> + Send {
        self.wires.note(self.agent, format!("remove {}", target.key.name));
        self.inner.remove(target)
    }
}

fn lease_of(agent: &AgentInstance) -> LeaseState {
    agent.lease().report().borrow().state.clone()
}

async fn runs(world: &World, name: &str) {
    world.eventually(SOON, "it runs", || async { world.phase(name).await == "Running" }).await;
}

/// Cut off for long enough that another agent has taken its node, and back: its watch shows pods before its heartbeat is
/// answered.
#[test]
fn an_agent_that_comes_back_to_a_node_that_was_taken_gives_no_orders() {
    let wires = Wires::new();
    simulate_behind(&wires.interposition(), 17, |world, server| async move {
        // What the one starts the other one does not see at once.
        world.backend().set_nature(Nature { polled: true, hidden_for: 2000, ..Nature::default() });
        let first = world.start_agent().await;
        let mut uids = vec![world.create_pod("web").await];
        runs(&world, "web").await;

        wires.set_way(Way::Cut);
        server.restart();
        let other = AgentSettings { instance: Some("another-instance".to_owned()), ..AgentSettings::default() };
        let second = world.start_agent_with(other).await;
        assert_eq!((lease_of(&first), lease_of(&second)), (LeaseState::Lapsed, LeaseState::Held));
        uids.push(world.create_pod("meanwhile").await);
        runs(&world, "meanwhile").await;
        // Longer than an agent that is alone holds its statuses back.
        tokio::time::sleep(Duration::from_secs(60)).await;
        wires.orders_of_the_first();

        wires.set_way(Way::SlowHeartbeat);
        tokio::time::sleep(Duration::from_secs(1)).await;
        uids.push(world.create_pod("late").await);
        runs(&world, "late").await;
        assert_eq!(lease_of(&first), LeaseState::Lapsed, "its heartbeat has not been answered yet");
        assert_eq!(wires.orders_of_the_first(), [""; 0], "before it knows");

        let taken = || async { matches!(lease_of(&first), LeaseState::Refused(_)) };
        world.eventually(SOON, "it learns that its node was taken", taken).await;
        uids.push(world.create_pod("last").await);
        world.delete_pod("web", None).await;
        world.delete_pod("meanwhile", Some(1)).await;
        let are_gone = || async { world.pod("web").await.is_none() && world.pod("meanwhile").await.is_none() };
        world.eventually(SOON, "the others go", are_gone).await;
        runs(&world, "last").await;
        tokio::time::sleep(Duration::from_secs(120)).await;
        assert_eq!(wires.orders_of_the_first(), [""; 0], "once it knows");
        assert!(uids.iter().all(|uid| world.backend().starts(uid) == 1));
    });
}

/// The other half: whoever cannot renew its lease, and has nobody beside it, keeps what runs and tells how it stands.
#[test]
fn an_agent_whose_heartbeat_is_refused_keeps_its_pods_and_starts_none() {
    simulate(18, |world, server| async move {
        let agent = world.start_agent().await;
        world.create_pod("stays").await;
        let job = world.create_pod_with("ends", serde_json::json!({"restartPolicy": "Never"})).await;
        runs(&world, "stays").await;
        runs(&world, "ends").await;
        server.set_faults(|request: &RequestClass| match request.resource.as_str() {
            "leases" => RequestFault::status(503),
            _ => RequestFault::default(),
        });
        world.eventually(SOON * 2, "it lapses", || async { lease_of(&agent) == LeaseState::Lapsed }).await;
        let waits = world.create_pod("waits").await;
        world.backend().exit(&job, 3);
        world.eventually(SOON, "the end is told", || async { world.phase("ends").await == "Failed" }).await;
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!((world.phase("stays").await.as_str(), world.backend().starts(&waits)), ("Running", 0));
        let told = world.pod("waits").await.and_then(|pod| pod.status?.container_statuses).unwrap().remove(0);
        let message = told.state.and_then(|state| state.waiting?.message).unwrap();
        assert!(message.contains("lease has lapsed"), "{message}");
        server.set_faults(|_: &RequestClass| RequestFault::default());
        runs(&world, "waits").await;
        assert_eq!(world.backend().starts(&waits), 1);
    });
}
