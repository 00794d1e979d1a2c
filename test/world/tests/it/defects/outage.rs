//! Outages of the API server, the back end, and both; nodes that flap.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use virtual_kubelet::core::Error;
use vk_apiserver::LinkState;
use vk_testkit::interposer::{Interposition, observed};
use vk_testkit::{Fault, Method};

use super::cluster::{
    IN_THE_END, SOON, condition, for_ten_minutes, in_the_end, is_gone, mark_unready, node_ready, running_pod, runs,
    simulate,
};

/// vk#899, vk#902: a partition long enough for the node controller to mark the node Unknown and its pods unready; the
/// provider has nothing new to say afterwards, and says nothing.
#[test]
fn vk_902_pods_are_ready_again_after_a_flap_without_a_word_of_the_provider() {
    for cut in [LinkState::Refused, LinkState::Silent] {
        simulate(40, |world, cluster| async move {
            let _agent = world.start_agent().await;
            let uid = running_pod(&world, "web", json!({})).await;
            cluster.set_network(cut);
            in_the_end("the node is given up", async || node_ready(&world).await == "Unknown").await;
            mark_unready(&world, "web").await;
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert_eq!(condition(&world, "web", "Ready").await, "False");
            cluster.set_network(LinkState::Up);
            world.eventually(SOON, "the node is ready", || async { node_ready(&world).await == "True" }).await;
            world
                .eventually(SOON, "the pod is ready", || async { condition(&world, "web", "Ready").await == "True" })
                .await;
            assert_eq!(world.backend().starts(&uid), 1);
        });
    }
}

/// Ten minutes without API server, without back end, or without both: whatever users and fate did meanwhile is caught up
/// with, and what ran runs.
#[test]
fn vk_899_vk_956_ten_minutes_without_api_server_or_back_end_are_caught_up_with() {
    for (api_server, back_end) in [(true, false), (false, true), (true, true)] {
        simulate(41, |world, cluster| async move {
            let _agent = world.start_agent().await;
            let stays = running_pod(&world, "stays", json!({})).await;
            let ends = running_pod(&world, "ends", json!({"restartPolicy": "Never"})).await;
            let goes = running_pod(&world, "goes", json!({})).await;
            if back_end {
                for method in Method::ALL {
                    for _ in 0..5000 {
                        world.backend().fail_next(method, Fault::Refuse(Error::unavailable("away")));
                    }
                }
            }
            if api_server {
                cluster.set_network(LinkState::Refused);
            }
            world.backend().exit(&ends, 3);
            world.delete_pod("goes", Some(5)).await;
            let comes = world.create_pod("comes").await;
            tokio::time::sleep(IN_THE_END).await;
            world.backend().heal();
            cluster.set_network(LinkState::Up);
            in_the_end("the node is ready", async || node_ready(&world).await == "True").await;
            in_the_end("the new one runs", async || world.phase("comes").await == "Running").await;
            in_the_end("the end is told", async || world.phase("ends").await == "Failed").await;
            in_the_end("the deleted one goes", async || is_gone(&world, "goes", &goes).await).await;
            let status = world.pod("ends").await.and_then(|pod| pod.status).unwrap();
            let end = status.container_statuses.unwrap().remove(0).state.unwrap().terminated.unwrap();
            assert_eq!(end.exit_code, 3);
            assert!(runs(&world, &stays) && condition(&world, "stays", "Ready").await == "True");
            assert!([&stays, &ends, &goes, &comes].iter().all(|uid| world.backend().starts(uid) == 1));
        });
    }
}

/// vk#978, azure-aci#135: a provider that did not know its pods for a while made them Failed or Pending for ever.
#[test]
fn vk_978_pods_that_a_provider_could_not_name_for_a_while_are_not_given_up() {
    simulate(42, |world, _cluster| async move {
        let forgetful = Arc::new(AtomicBool::new(false));
        let forgets = forgetful.clone();
        let forgetting = Interposition::none().with_provider(move |inner| {
            let forgets = forgets.clone();
            observed(inner, move |pod| (!forgets.load(Ordering::Relaxed)).then_some(pod))
        });
        let world = world.with_interposition(forgetting);
        let _agent = world.start_agent().await;
        let uid = running_pod(&world, "web", json!({})).await;
        // Its lists are empty, and whoever asks for one pod gets an error.
        forgetful.store(true, Ordering::Relaxed);
        for _ in 0..1000 {
            world.backend().fail_next(Method::Lookup, Fault::Refuse(Error::internal("no such pod")));
        }
        let kept = || async { world.phase("web").await == "Running" && runs(&world, &uid) };
        for_ten_minutes("it is not given up", kept).await;
        forgetful.store(false, Ordering::Relaxed);
        world.backend().heal();
        for_ten_minutes("it is not given up", kept).await;
        world.delete_pod("web", Some(5)).await;
        in_the_end("it can be deleted", async || is_gone(&world, "web", &uid).await).await;
    });
}
