use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;
use vk_apiserver::{EventFault, FaultPlan, LinkState, NoFaults, RequestClass, RequestFault};
use vk_core::node::Identity;
use vk_core::node::lease::LeaseState;

mod world;

use world::{AgentPlan, Mood, World, shape};

const SECOND: Duration = Duration::from_secs(1);
const BOTH: [Identity; 2] = [Identity::Node, Identity::ServiceAccount];

fn service_account() -> AgentPlan {
    AgentPlan::new(Identity::ServiceAccount)
}

fn ready(world: &World) -> bool {
    world.condition("Ready") == "True"
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_node_is_registered_complete_and_then_left_alone_under_both_identities() {
    for identity in BOTH {
        let world = World::new();
        let agent = AgentPlan::new(identity).start(&world);
        world.eventually("registered", SECOND, ready).await;
        assert!(agent.node.registered().await);
        let node = world.node().unwrap();
        assert_eq!(agent.node_uid(), Some(text(&node, "/metadata/uid")));
        assert_eq!(text(&node, "/metadata/labels/type"), "virtual-kubelet");
        assert_eq!(
            node["metadata"]["labels"].get("kubernetes.io/role").is_some(),
            identity == Identity::ServiceAccount
        );
        assert_eq!(text(&node, "/spec/taints/0/key"), "virtual-kubelet.io/provider");
        assert_eq!(text(&node, "/status/nodeInfo/kubeletVersion"), "v1.36.0-vk-0.1.0");
        assert_eq!(node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"], 10250);
        assert_eq!(text(&node, "/status/allocatable/pods"), "20");

        world.forget_requests();
        sleep(240 * SECOND).await;
        let writes = world.requests("patch", "nodes", "", 0) + world.requests("patch", "nodes", "status", 0);
        assert_eq!(writes, 0, "{identity:?}");
        assert_eq!(world.requests("create", "nodes", "", 0) + world.requests("update", "nodes", "", 0), 0);
        let renewals = world.requests("patch", "leases", "", 200);
        assert!((23..=25).contains(&renewals), "{renewals}");
        assert_eq!(world.requests("get", "leases", "", 0), 0);
        assert!(ready(&world));
    }
}

#[tokio::test(start_paused = true)]
async fn vk_956_foreign_ready_false_is_repaired() {
    let world = World::new();
    let _agent = service_account().start(&world);
    world.eventually("registered", SECOND, ready).await;
    for status in ["False", "Unknown"] {
        sleep(30 * SECOND).await;
        world.patch_status(json!({ "status": { "conditions": [{ "type": "Ready", "status": status }] } })).await;
        assert_eq!(world.condition("Ready"), status);
        world.eventually("repaired", SECOND, ready).await;
    }
}

#[tokio::test(start_paused = true)]
async fn labels_and_taints_of_ours_are_repaired_and_those_of_others_and_cordons_survive() {
    let world = World::new();
    let _agent = service_account().start(&world);
    world.eventually("registered", SECOND, ready).await;
    let foreign = json!({ "key": "team", "value": "a", "effect": "NoSchedule" });
    world
        .patch(json!({
            "metadata": { "labels": { "type": null, "team": "a" }, "annotations": { "note": "x" } },
            "spec": { "unschedulable": true, "taints": [foreign] },
        }))
        .await;
    let repaired = |world: &World| {
        let node = world.node().unwrap_or_default();
        text(&node, "/metadata/labels/type") == "virtual-kubelet"
            && node["spec"]["taints"].as_array().unwrap().len() == 2
    };
    world.eventually("repaired", SECOND, repaired).await;
    sleep(20 * SECOND).await;
    let node = world.node().unwrap();
    assert_eq!(text(&node, "/metadata/labels/team"), "a");
    assert_eq!(text(&node, "/metadata/annotations/note"), "x");
    assert_eq!(text(&node, "/spec/taints/0/key"), "team");
    assert_eq!(node["spec"]["unschedulable"], true);
}

#[tokio::test(start_paused = true)]
async fn a_node_identity_never_asks_for_what_node_restriction_refuses() {
    let world = World::new();
    let _agent = AgentPlan::new(Identity::Node).start(&world);
    world.eventually("registered", SECOND, ready).await;
    world.patch(json!({ "spec": { "taints": [] }, "metadata": { "labels": { "type": null } } })).await;
    let repaired =
        |world: &World| text(&world.node().unwrap_or_default(), "/metadata/labels/type") == "virtual-kubelet";
    world.eventually("labels repaired", SECOND, repaired).await;
    sleep(60 * SECOND).await;
    for (verb, subresource) in [("create", ""), ("patch", ""), ("patch", "status")] {
        assert_eq!(world.requests(verb, "nodes", subresource, 403), 0, "{verb} {subresource}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_identity_finds_out_that_it_is_a_nodes() {
    let world = World::new();
    let _agent = AgentPlan::new(Identity::Unknown).start(&world);
    world.eventually("registered", 2 * SECOND, ready).await;
    assert_eq!(world.requests("create", "nodes", "", 403), 1);
}

#[tokio::test(start_paused = true)]
async fn vk_321_deleted_node_comes_back() {
    for identity in BOTH {
        let world = World::new();
        let agent = AgentPlan::new(identity).start(&world);
        world.eventually("registered", SECOND, ready).await;
        sleep(30 * SECOND).await;
        let before = agent.node_uid().unwrap();
        world.delete_node().await;
        let back = |world: &World| ready(world) && text(&world.node().unwrap(), "/metadata/uid") != before;
        world.eventually("back", SECOND, back).await;
        let owned = |world: &World| {
            let uid = text(&world.node().unwrap(), "/metadata/uid");
            text(&world.lease().unwrap_or_default(), "/metadata/ownerReferences/0/uid") == uid
        };
        world.eventually("the lease belongs to the new node", 12 * SECOND, owned).await;
        sleep(60 * SECOND).await;
        assert!(ready(&world) && world.lease().is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn vk_397_hung_provider_does_not_stop_the_lease() {
    let world = World::new();
    let agent = service_account().start(&world);
    world.eventually("registered", SECOND, ready).await;
    agent.mood.send_replace(Mood::Hangs);
    let closed = |world: &World| world.condition("BackendReachable") == "False";
    world.eventually("the condition tells", 25 * SECOND, closed).await;
    world.forget_requests();
    sleep(600 * SECOND).await;
    assert!(ready(&world), "the node stays ready: nothing is evicted");
    assert!(world.requests("patch", "leases", "", 200) >= 57);
    let node = world.node().unwrap();
    assert_eq!(text(&node, "/status/allocatable/pods"), "0");
    assert_eq!(text(&node, "/status/capacity/pods"), "20");
    assert_eq!(
        agent.node.facts().borrow().allocatable["pods"].0,
        "20",
        "our own admission keeps the provider's figures"
    );

    agent.mood.send_replace(Mood::Answers);
    let open = |world: &World| text(&world.node().unwrap(), "/status/allocatable/pods") == "20";
    world.eventually("open again", SECOND, open).await;
    assert_eq!(world.condition("BackendReachable"), "True");
}

#[tokio::test(start_paused = true)]
async fn vk_934_lease_does_not_depend_on_ping() {
    for mood in [Mood::Fails, Mood::Hangs, Mood::Panics] {
        let world = World::new();
        let mut plan = service_account();
        plan.mood = mood;
        let agent = plan.start(&world);
        world.eventually("a lease before anything else", SECOND, |world| world.lease().is_some()).await;
        world.eventually("registered without a shape", 15 * SECOND, ready).await;
        assert_eq!(world.condition("BackendReachable"), "False", "{mood:?}");
        assert_eq!(text(&world.node().unwrap(), "/status/allocatable/pods"), "0");
        world.forget_requests();
        sleep(100 * SECOND).await;
        assert!(world.requests("patch", "leases", "", 200) >= 9, "{mood:?}");

        agent.mood.send_replace(Mood::Answers);
        let complete = |world: &World| text(&world.node().unwrap(), "/status/allocatable/pods") == "20";
        world.eventually("complete", 15 * SECOND, complete).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_ping_that_fails_or_panics_becomes_a_condition() {
    for mood in [Mood::Fails, Mood::Panics] {
        let world = World::new();
        let agent = service_account().start(&world);
        world.eventually("registered", SECOND, ready).await;
        agent.mood.send_replace(mood);
        world.eventually("told", 15 * SECOND, |world| world.condition("BackendReachable") == "False").await;
        agent.mood.send_replace(Mood::Answers);
        world.eventually("withdrawn", 12 * SECOND, |world| world.condition("BackendReachable") == "True").await;
        assert!(ready(&world));
    }
}

#[tokio::test(start_paused = true)]
async fn the_lease_goes_on_where_the_node_itself_is_refused() {
    let world = World::new();
    let user = "system:serviceaccount:vk:agent";
    world.server.change(|kernel, _| kernel.revoke(user));
    let leases = vk_apiserver::PolicyRule::resources(&["get", "create", "patch"], "coordination.k8s.io", &["leases"]);
    world.server.grant(user, vec![leases]);
    let agent = service_account().start(&world);
    sleep(60 * SECOND).await;
    assert_eq!(agent.lease_state(), LeaseState::Held);
    assert_eq!((world.node(), agent.node_uid()), (None, None));
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_api_server_is_survived_and_its_traces_are_repaired() {
    for state in [LinkState::Refused, LinkState::Silent] {
        let world = World::new();
        let agent = service_account().start(&world);
        world.eventually("registered", SECOND, ready).await;
        agent.link.set(state);
        world.eventually("unknown", 70 * SECOND, |world| world.condition("Ready") == "Unknown").await;
        assert_eq!(agent.lease_state(), LeaseState::Lapsed);
        sleep(60 * SECOND).await;
        agent.link.set(LinkState::Up);
        world.eventually("ready again", 8 * SECOND, ready).await;
        assert_eq!(agent.lease_state(), LeaseState::Held, "{state:?}");
        assert_eq!(*agent.lease.reconnect().borrow(), 1, "watches are told to begin anew");
        let untainted = |world: &World| world.node().unwrap()["spec"]["taints"].as_array().unwrap().len() == 1;
        world.eventually("the taint of the outage is gone", 10 * SECOND, untainted).await;
    }
}

/// What is wrong with the agent's connections.
#[derive(Clone, Default)]
struct Faults {
    /// A watch falls silent with its next event, and stays open.
    silence: Arc<AtomicBool>,
    /// Lease requests are refused.
    refuse_leases: Arc<AtomicBool>,
}

impl FaultPlan for Faults {
    fn on_request(&mut self, request: &RequestClass) -> RequestFault {
        if request.resource == "leases" && self.refuse_leases.load(Ordering::Relaxed) {
            return RequestFault::status(503);
        }
        RequestFault::default()
    }

    fn on_event(&mut self, _: &RequestClass, _: u64) -> EventFault {
        if self.silence.load(Ordering::Relaxed) { EventFault::Silence } else { EventFault::None }
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_died_in_an_outage_is_begun_anew_when_the_lease_recovers() {
    let world = World::new();
    let faults = Faults::default();
    world.server.set_faults(faults.clone());
    let _agent = service_account().start(&world);
    world.eventually("registered", SECOND, ready).await;
    faults.silence.store(true, Ordering::Relaxed);
    world.patch_status(json!({ "status": { "conditions": [{ "type": "Ready", "status": "False" }] } })).await;
    faults.refuse_leases.store(true, Ordering::Relaxed);
    sleep(15 * SECOND).await;
    assert_eq!(world.condition("Ready"), "False", "the watch is dead");
    faults.silence.store(false, Ordering::Relaxed);
    faults.refuse_leases.store(false, Ordering::Relaxed);
    world.eventually("repaired", 4 * SECOND, ready).await;
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_away_from_the_start_is_asked_seldom_and_found_soon() {
    let world = World::new();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    world.server.set_faults(move |request: &RequestClass| {
        count.fetch_add(usize::from(request.resource == "nodes"), Ordering::Relaxed);
        RequestFault::status(503)
    });
    let agent = service_account().start(&world);
    sleep(600 * SECOND).await;
    let asked = asked.load(Ordering::Relaxed);
    assert!((120..400).contains(&asked), "{asked} requests in ten minutes");
    world.server.set_faults(NoFaults);
    world.eventually("registered", 8 * SECOND, ready).await;
    assert!(agent.node_uid().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_node_deleted_during_an_outage_comes_back_after_it() {
    let world = World::new();
    let agent = service_account().start(&world);
    world.eventually("registered", SECOND, ready).await;
    agent.link.set(LinkState::Silent);
    sleep(20 * SECOND).await;
    world.delete_node().await;
    sleep(20 * SECOND).await;
    agent.link.set(LinkState::Up);
    world.eventually("back", 8 * SECOND, |world| world.node().is_some() && ready(world)).await;
    assert!(agent.node_uid().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_second_live_agent_is_refused_and_writes_nothing() {
    let world = World::new();
    let first = service_account().start(&world);
    world.eventually("registered", SECOND, ready).await;
    sleep(5 * SECOND).await;
    let before = world.node().unwrap();
    let mut plan = service_account();
    plan.instance = "b";
    let second = plan.start(&world);
    sleep(12 * SECOND).await;
    let LeaseState::Refused(conflict) = second.lease_state() else { panic!("{:?}", second.lease_state()) };
    let message = conflict.to_string();
    assert!(message.contains("\"vk\"") && message.contains("\"a\"") && message.contains("host-of-a"), "{message}");
    assert_eq!(second.node_uid(), None);
    sleep(60 * SECOND).await;
    assert_eq!(world.node().unwrap(), before);
    assert_eq!(first.lease_state(), LeaseState::Held);
}

#[tokio::test(start_paused = true)]
async fn the_same_instance_is_back_at_once_after_a_crash() {
    let world = World::new();
    let first = service_account().start(&world);
    world.eventually("registered", SECOND, ready).await;
    let uid = first.node_uid();
    first.crash();
    let second = service_account().start(&world);
    assert!(second.node.registered().await);
    world.eventually("adopted", SECOND, |_| second.node_uid() == uid).await;
}

#[tokio::test(start_paused = true)]
async fn another_instance_takes_over_at_once_from_one_that_ended_and_later_from_one_that_died() {
    let world = World::new();
    let first = service_account().start(&world);
    world.eventually("registered", SECOND, ready).await;
    first.shutdown.cancel();
    world.eventually("released", SECOND, |_| first.lease_state() == LeaseState::Released).await;
    assert!(ready(&world), "the node stays");

    let mut plan = service_account();
    plan.instance = "b";
    let second = plan.start(&world);
    world.eventually("taken over", SECOND, |_| second.node_uid().is_some()).await;
    second.crash();

    let mut plan = service_account();
    plan.instance = "c";
    let third = plan.start(&world);
    sleep(30 * SECOND).await;
    assert_eq!(third.lease_state(), LeaseState::Claiming);
    world.eventually("the dead one is succeeded", 15 * SECOND, |_| third.node_uid().is_some()).await;
}

#[tokio::test(start_paused = true)]
async fn a_paused_agent_that_was_succeeded_stands_back() {
    let world = World::new();
    let first = service_account().start(&world);
    world.eventually("registered", SECOND, ready).await;
    first.link.set(LinkState::Silent);
    let mut plan = service_account();
    plan.instance = "b";
    let second = plan.start(&world);
    world.eventually("succeeded", 60 * SECOND, |_| second.lease_state() == LeaseState::Held).await;
    first.link.set(LinkState::Up);
    let refused = |_: &World| matches!(first.lease_state(), LeaseState::Refused(conflict) if conflict.taken_from_us);
    world.eventually("stands back", 8 * SECOND, refused).await;
    assert_eq!(first.node_uid(), None);
    assert_eq!(second.lease_state(), LeaseState::Held);
}

#[tokio::test(start_paused = true)]
async fn a_new_shape_is_published_within_a_second() {
    let world = World::new();
    let agent = service_account().start(&world);
    world.eventually("registered", SECOND, ready).await;
    sleep(30 * SECOND).await;
    let mut larger = shape("50");
    larger.labels.insert("pool".to_owned(), "burst".to_owned());
    agent.shape.send_replace(larger);
    let published = |world: &World| {
        let node = world.node().unwrap();
        text(&node, "/status/allocatable/pods") == "50" && text(&node, "/metadata/labels/pool") == "burst"
    };
    world.eventually("published", SECOND, published).await;
    assert_eq!(agent.node.facts().borrow().allocatable["pods"].0, "50");

    agent.shape.send_replace(shape("50"));
    let gone = |world: &World| world.node().unwrap()["metadata"]["labels"].get("pool").is_none();
    world.eventually("what is no longer wanted goes", SECOND, gone).await;
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_jumps_stops_no_heartbeat() {
    let world = World::new();
    let agent = service_account().start(&world);
    world.eventually("registered", SECOND, ready).await;
    let mut last = String::new();
    for jump in [3600, -3600, 0] {
        agent.wall_offset.store(jump, Ordering::Relaxed);
        for _ in 0..3 {
            sleep(11 * SECOND).await;
            let renewed = text(&world.lease().unwrap(), "/spec/renewTime");
            assert!(renewed > last, "{renewed} after {last}");
            last = renewed;
        }
    }
    assert_eq!(agent.lease_state(), LeaseState::Held);
}

fn deregistering(identity: Identity) -> AgentPlan {
    let mut plan = AgentPlan::new(identity);
    plan.settings.deregister_on_exit = true;
    plan
}

/// azure-aci#338, vk#52: the node stayed, not ready, after the agent was uninstalled.
#[tokio::test(start_paused = true)]
async fn azure_aci_338_an_agent_that_is_not_to_come_back_takes_its_node_along() {
    let world = World::new();
    world.permit_deletion();
    let agent = deregistering(Identity::ServiceAccount).start(&world);
    world.eventually("registered", SECOND, ready).await;
    agent.node_shutdown.cancel();
    agent.node.ended().await;
    assert_eq!(world.node(), None);
    assert_eq!(agent.lease_state(), LeaseState::Held, "nobody else may begin before the node is gone");
    agent.shutdown.cancel();
    sleep(60 * SECOND).await;
    assert_eq!(world.node(), None, "it is not registered again");
}

#[tokio::test(start_paused = true)]
async fn a_node_stays_where_it_may_not_be_deleted_and_by_default() {
    for (plan, requests) in [(deregistering(Identity::Node), 1), (service_account(), 0)] {
        let world = World::new();
        let agent = plan.start(&world);
        world.eventually("registered", SECOND, ready).await;
        agent.node_shutdown.cancel();
        agent.node.ended().await;
        assert!(world.node().is_some());
        assert_eq!(world.requests("delete", "nodes", "", 0), requests);
        assert_eq!(world.requests("delete", "nodes", "", 403), requests);
    }
}

/// The end of an agent that has lost its node to another one takes nothing from that one.
#[tokio::test(start_paused = true)]
async fn an_agent_that_was_succeeded_does_not_deregister() {
    let world = World::new();
    world.permit_deletion();
    let first = deregistering(Identity::ServiceAccount).start(&world);
    world.eventually("registered", SECOND, ready).await;
    first.link.set(LinkState::Silent);
    sleep(60 * SECOND).await;
    let mut plan = service_account();
    plan.instance = "b";
    let second = plan.start(&world);
    world.eventually("succeeded", 60 * SECOND, |_| second.lease_state() == LeaseState::Held).await;
    first.link.set(LinkState::Up);
    let stood_back = |_: &World| matches!(first.lease_state(), LeaseState::Refused(_));
    world.eventually("stands back", 20 * SECOND, stood_back).await;
    first.node_shutdown.cancel();
    first.node.ended().await;
    assert!(world.node().is_some());
}
