//! Orphans under each policy. A back end that pushes is listed once a minute, so these tests need simulated time.

use std::time::Duration;

use k8s_openapi::api::core::v1::Event;
use virtual_kubelet::core::PodUid;
use virtual_kubelet::core::orphan::OrphanAction;
use virtual_kubelet::kube::Api;
use virtual_kubelet::kube::api::ListParams;
use vk_testkit::World;
use vk_testkit::backend::{Happening, Nature};
use vk_testkit::world::{AgentSettings, InProcess, simulate};

const SOON: Duration = Duration::from_secs(30);
const LATE: Duration = Duration::from_secs(300);

fn by(action: OrphanAction) -> AgentSettings {
    let mut settings = AgentSettings::default();
    settings.pods.orphans.action = action;
    settings
}

/// Pods that were force-deleted while no agent was there.
async fn make_orphans(world: &World, number: usize) -> Vec<PodUid> {
    let agent = world.start_agent().await;
    let mut uids = Vec::new();
    for pod in 0..number {
        uids.push(world.create_pod(&format!("web-{pod}")).await);
    }
    for pod in 0..number {
        let name = format!("web-{pod}");
        world.eventually(SOON, "they run", || async { world.phase(&name).await == "Running" }).await;
    }
    agent.kill();
    for pod in 0..number {
        world.delete_pod(&format!("web-{pod}"), Some(0)).await;
    }
    uids
}

fn runs(world: &World, uid: &PodUid) -> bool {
    world.backend().workload(uid).is_some()
        && world
            .backend()
            .ledger()
            .iter()
            .all(|entry| entry.uid != *uid || !matches!(entry.what, Happening::Released { .. } | Happening::Lost))
}

async fn told(world: &World, reason: &str) -> bool {
    let events: Api<Event> = Api::namespaced(world.admin(), "default");
    let all = events.list(&ListParams::default()).await;
    all.into_iter()
        .flat_map(|list| list.items)
        .any(|event| event.reason.as_deref() == Some(reason) && event.involved_object.kind.as_deref() == Some("Node"))
}

#[test]
fn reported_they_are_left_alone_and_told() {
    simulate(41, |world, _server| async move {
        let uid = make_orphans(&world, 1).await.remove(0);
        let agent = world.start_agent_with(by(OrphanAction::Report)).await;
        world.eventually(LATE, "it is told", || told(&world, "OrphansFound")).await;
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(runs(&world, &uid));
        assert_eq!((agent.orphans().left, agent.orphans().collected), (1, 0));
        world.backend().exit(&uid, 0);
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(world.backend().workload(&uid).is_some(), "it is not released either");
    });
}

#[test]
fn adopted_they_run_to_their_end_and_are_released_then() {
    simulate(42, |world, _server| async move {
        let uid = make_orphans(&world, 1).await.remove(0);
        let agent = world.start_agent_with(by(OrphanAction::Adopt)).await;
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(runs(&world, &uid));
        world.backend().exit(&uid, 0);
        world.eventually(LATE, "it is released", || async { world.backend().workload(&uid).is_none() }).await;
        assert_eq!((agent.orphans().left, agent.orphans().collected), (0, 1));
    });
}

/// kip#107, k3k#1021: an empty answer of the API server killed everything.
#[test]
fn k3k_1021_so_many_at_once_are_left_to_a_person() {
    simulate(43, |world, _server| async move {
        let uids = make_orphans(&world, 11).await;
        let agent = world.start_agent().await;
        world.eventually(LATE, "it is told", || told(&world, "OrphanCollectionStopped")).await;
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(uids.iter().all(|uid| runs(&world, uid)));
        assert!(agent.orphans().tripped && agent.orphans().left == 11);
        agent.stop().await;

        let mut settings = AgentSettings::default();
        settings.pods.orphans.unquestioned = 11;
        let _agent = world.start_agent_with(settings).await;
        let gone = || async { uids.iter().all(|uid| world.backend().workload(uid).is_none()) };
        world.eventually(LATE, "with a higher limit they go", gone).await;
    });
}

/// Orphans that come about while the agent runs are found as well: the search never ends.
#[test]
fn they_are_looked_for_as_long_as_the_agent_runs() {
    simulate(44, |world, _server| async move {
        let uid = make_orphans(&world, 1).await.remove(0);
        let agent = world.start_agent().await;
        let gone = || async { world.backend().workload(&uid).is_none() };
        world.eventually(LATE, "the first one goes", gone).await;
        // The workload of a pod that this agent's API server never had, as a second agent with the same labels leaves it.
        let stranger = World::new(Box::new(InProcess::new()), 45).with_backend(world.backend().clone());
        let other_agent = stranger.start_agent().await;
        let second = stranger.create_pod("web").await;
        stranger.eventually(SOON, "it runs", || async { stranger.phase("web").await == "Running" }).await;
        other_agent.kill();
        let gone = || async { world.backend().workload(&second).is_none() };
        world.eventually(LATE, "the second one, too", gone).await;
        assert_eq!(agent.orphans().collected, 2);
    });
}

#[test]
fn a_back_end_that_cannot_list_says_that_they_are_not_looked_for() {
    simulate(45, |world, _server| async move {
        world.backend().set_nature(Nature { by_handle: true, ..Nature::default() });
        let uid = make_orphans(&world, 1).await.remove(0);
        let agent = world.start_agent().await;
        world.eventually(SOON, "it is told", || told(&world, "OrphansNotLookedFor")).await;
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(!agent.orphans().looked_for && runs(&world, &uid));
    });
}
