//! The agent ends and comes back.

use std::time::Duration;

use serde_json::json;

use super::SOON;
use crate::backend::Happening;
use crate::world::World;

/// kip#107, k3k#1021: a restart killed or restarted what ran.
pub async fn nothing_restarts_when_the_agent_is_killed(world: &World) {
    let agent = world.start_agent().await;
    let mut uids = Vec::new();
    for number in 0..5 {
        uids.push(world.create_pod(&format!("web-{number}")).await);
    }
    for number in 0..5 {
        let name = format!("web-{number}");
        world.eventually(SOON, "all run", || async { world.phase(&name).await == "Running" }).await;
    }
    agent.kill();
    let _agent = world.start_agent().await;
    world.create_pod("new").await;
    world.eventually(SOON, "a new pod runs", || async { world.phase("new").await == "Running" }).await;
    world
        .always(Duration::from_secs(2), "everything runs on", || async {
            uids.iter().all(|uid| world.backend().workload(uid).is_some_and(|workload| workload.exit_code.is_none()))
        })
        .await;
    assert!(uids.iter().all(|uid| world.backend().starts(uid) == 1));
}

/// vk#762, open since 2019: the pod died and was forgotten while the agent was down.
pub async fn vk_762_lost_status_is_not_a_second_run(world: &World) {
    let agent = world.start_agent().await;
    let uid = world.create_pod_with("job", json!({"restartPolicy": "Never"})).await;
    world.eventually(SOON, "the pod runs", || async { world.phase("job").await == "Running" }).await;
    agent.kill();
    world.backend().lose(&uid);
    let _agent = world.start_agent().await;
    world.eventually(SOON, "the loss is told", || async { world.phase("job").await == "Failed" }).await;
    assert_eq!(world.backend().starts(&uid), 1);
    let status = world.pod("job").await.and_then(|pod| pod.status).unwrap_or_default();
    let state = status.container_statuses.unwrap_or_default().remove(0).state.unwrap_or_default();
    let terminated = state.terminated.unwrap_or_default();
    assert_eq!((terminated.exit_code, terminated.reason.as_deref()), (137, Some("ContainerStatusUnknown")));
}

/// vk#783: a deletion that nobody saw begin.
pub async fn a_pod_deleted_while_the_agent_is_down_is_cleaned_up(world: &World) {
    let agent = world.start_agent().await;
    let uid = world.create_pod("web").await;
    world.eventually(SOON, "the pod runs", || async { world.phase("web").await == "Running" }).await;
    agent.kill();
    world.delete_pod("web", None).await;
    let _agent = world.start_agent().await;
    world.eventually(SOON, "the object goes", || async { world.pod("web").await.is_none() }).await;
    world.eventually(SOON, "the back end is let go", || async { world.backend().workload(&uid).is_none() }).await;
}

/// Invariant 9: a pod that was force-deleted while the agent was down.
pub async fn an_orphan_is_collected(world: &World) {
    let agent = world.start_agent().await;
    let uid = world.create_pod("web").await;
    let kept = world.create_pod("kept").await;
    for name in ["web", "kept"] {
        world.eventually(SOON, "both run", || async { world.phase(name).await == "Running" }).await;
    }
    agent.kill();
    world.delete_pod("web", Some(0)).await;
    let _agent = world.start_agent().await;
    let collected = || async { world.backend().workload(&uid).is_none() };
    world.eventually(Duration::from_secs(180), "the orphan is collected", collected).await;
    assert!(world.backend().workload(&kept).is_some_and(|workload| workload.exit_code.is_none()));
    let ended = world.backend().ledger().into_iter().filter(|entry| entry.uid == uid).map(|entry| entry.what);
    let ended: Vec<_> = ended.collect();
    assert_eq!(ended, [Happening::Started, Happening::Stopped, Happening::Released { running: false }]);
}

/// Invariant 5: what is known when the agent is told to end is written before it ends.
pub async fn an_end_just_before_the_agents_own_is_told(world: &World) {
    let agent = world.start_agent().await;
    let uid = world.create_pod_with("job", json!({"restartPolicy": "Never"})).await;
    world.eventually(SOON, "the pod runs", || async { world.phase("job").await == "Running" }).await;
    // Until the watch has shown it to the agent, too.
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.backend().exit(&uid, 0);
    agent.stop().await;
    assert_eq!(world.phase("job").await, "Succeeded");
}
