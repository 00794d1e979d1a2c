use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::node::{KUBERNETES_VERSION, KubeletVersion, NodeName, Taint};

mod server;

use server::Server;

/// Draws delays from the middle of their range.
const RANDOM: u64 = u64::MAX / 2;

/// A machine and a server, joined by a network without delay.
struct Bench {
    machine: NodeMachine,
    server: Server,
    now: Duration,
    notices: Vec<NodeNotice>,
}

impl Bench {
    fn new(identity: Identity) -> Self {
        let version = KubeletVersion::new(KUBERNETES_VERSION, "0.1.0").unwrap();
        let mut facts = AgentFacts::new(NodeName::parse("vk").unwrap(), version, identity);
        facts.taints.push(Taint { key: "k".to_owned(), value: "v".to_owned(), effect: "NoSchedule".to_owned() });
        Self {
            machine: NodeMachine::new(facts, NodeTiming::default()),
            server: Server::default(),
            now: Duration::from_secs(1000),
            notices: Vec::new(),
        }
    }

    /// A bench whose Node is registered and as it should be.
    fn registered(identity: Identity) -> Self {
        let mut bench = Self::new(identity);
        bench.feed(NodeEvent::Shape(Box::new(shape())));
        bench.feed(NodeEvent::MayWrite(true));
        bench.list();
        bench.settle();
        assert_eq!(bench.machine.registration().uid.as_deref(), Some("uid-1"));
        bench
    }

    fn now(&self) -> Now {
        Now { mono: self.now, wall: jiff::Timestamp::UNIX_EPOCH }
    }

    /// Steps, answers every request, and returns how many there were.
    fn feed(&mut self, event: NodeEvent) -> usize {
        let mut requests = 0;
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            for effect in self.machine.step(event, self.now(), RANDOM) {
                match effect {
                    NodeEffect::Notice(notice) => self.notices.push(notice),
                    NodeEffect::Send { id, request } => {
                        requests += 1;
                        assert!(requests < 50, "the machine never comes to rest");
                        events.push(NodeEvent::Answered { id, result: self.server.answer(request) });
                    }
                }
            }
        }
        requests
    }

    fn list(&mut self) {
        self.feed(NodeEvent::ListStarted);
        if let Some(node) = self.server.observed() {
            self.feed(NodeEvent::Listed(Box::new(node)));
        }
        self.feed(NodeEvent::ListDone);
    }

    fn show(&mut self) -> usize {
        let node = self.server.observed().unwrap();
        self.feed(NodeEvent::Changed(Box::new(node)))
    }

    fn delete(&mut self) -> usize {
        let uid = self.server.observed().unwrap().uid;
        self.server.node = None;
        self.feed(NodeEvent::Deleted { uid })
    }

    /// Lets time pass up to the machine's next wake.
    fn tick(&mut self) -> usize {
        self.now = self.now.max(self.machine.next_wake().expect("the machine sleeps for ever"));
        self.feed(NodeEvent::Tick)
    }

    /// Ticks until only the heartbeat is left to do.
    fn settle(&mut self) {
        let start = self.now;
        while self.machine.next_wake().is_some_and(|at| at < start + Duration::from_secs(200)) {
            self.tick();
        }
    }

    fn notices(&self, reason: &str) -> usize {
        self.notices.iter().filter(|notice| notice.reason() == reason).count()
    }
}

fn shape() -> NodeShape {
    let amount = |name: &str, amount: &str| (name.to_owned(), Quantity(amount.to_owned()));
    NodeShape::with_capacity([amount("cpu", "4"), amount("pods", "20")].into())
}

fn hung() -> BackendHealth {
    BackendHealth::Unreachable { reason: OutageReason::Hangs, message: "silence".to_owned() }
}

#[test]
fn nothing_is_written_before_the_lease_is_ours() {
    let mut bench = Bench::new(Identity::ServiceAccount);
    bench.feed(NodeEvent::Shape(Box::new(shape())));
    bench.list();
    assert_eq!(bench.server.node, None);
    assert_eq!(bench.feed(NodeEvent::MayWrite(true)), 1);
    assert!(bench.server.node.is_some());
}

#[test]
fn nothing_is_written_once_the_lease_is_lost() {
    let mut bench = Bench::registered(Identity::ServiceAccount);
    bench.feed(NodeEvent::MayWrite(false));
    assert_eq!(bench.machine.registration(), Registration::default());
    bench.server.condition("Ready")["status"] = json!("False");
    bench.server.tamper(|_| {});
    assert_eq!(bench.show(), 0);
    assert_eq!(bench.machine.next_wake(), None);
}

#[test]
fn the_node_is_not_created_before_the_provider_has_described_it() {
    let mut bench = Bench::new(Identity::ServiceAccount);
    bench.feed(NodeEvent::MayWrite(true));
    bench.list();
    assert_eq!(bench.server.node, None);
    bench.feed(NodeEvent::Shape(Box::new(shape())));
    assert_eq!(bench.server.observed().unwrap().capacity["cpu"], "4");
}

#[test]
fn a_provider_that_cannot_describe_its_node_gets_one_that_takes_no_pods() {
    let mut bench = Bench::new(Identity::ServiceAccount);
    bench.feed(NodeEvent::MayWrite(true));
    bench.list();
    bench.feed(NodeEvent::ShapeUnavailable("docker is not running".to_owned()));
    let node = bench.server.observed().unwrap();
    assert_eq!(node.allocatable["pods"], "0");
    assert!(node.conditions["BackendReachable"].message.contains("docker is not running"));

    bench.feed(NodeEvent::Shape(Box::new(shape())));
    bench.settle();
    let node = bench.server.observed().unwrap();
    assert_eq!(node.allocatable["pods"], "20");
    assert_eq!(node.conditions["BackendReachable"].status, "True");
}

#[test]
fn a_node_that_is_there_is_taken_over_with_what_others_added() {
    let mut bench = Bench::registered(Identity::ServiceAccount);
    bench.server.tamper(|node| node["metadata"]["labels"]["team"] = json!("a"));
    let server = std::mem::take(&mut bench.server);

    let mut successor = Bench::new(Identity::ServiceAccount);
    successor.server = server;
    successor.feed(NodeEvent::Shape(Box::new(shape())));
    successor.feed(NodeEvent::MayWrite(true));
    successor.list();
    successor.settle();
    assert_eq!(successor.notices("AdoptedNode"), 1);
    assert_eq!(successor.notices("RepairedNode"), 0);
    assert_eq!(successor.server.observed().unwrap().labels["team"], "a");
}

#[test]
fn vk_956_foreign_ready_false_is_repaired() {
    let mut bench = Bench::registered(Identity::ServiceAccount);
    for kind in ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"] {
        bench.server.condition(kind)["status"] = json!("Unknown");
    }
    bench.server.tamper(|_| {});
    let before = bench.server.writes;
    bench.show();
    bench.settle();
    let node = bench.server.observed().unwrap();
    assert_eq!(node.conditions["Ready"].status, "True");
    assert_eq!(node.conditions["DiskPressure"].status, "False");
    assert_eq!(bench.server.writes - before, 1);
    assert_eq!(bench.notices("RepairedNode"), 1);
}

#[test]
fn vk_321_deleted_node_comes_back() {
    let mut bench = Bench::registered(Identity::ServiceAccount);
    bench.now += Duration::from_secs(60);
    assert_eq!(bench.delete(), 1);
    assert_eq!(bench.machine.registration().uid.as_deref(), Some("uid-2"));
    assert_eq!(bench.notices("RegisteredNodeAgain"), 1);
}

#[test]
fn a_deletion_that_the_watch_missed_is_found_by_the_next_write() {
    let mut bench = Bench::registered(Identity::ServiceAccount);
    bench.server.node = None;
    bench.tick();
    bench.settle();
    assert_eq!(bench.machine.registration().uid.as_deref(), Some("uid-2"));
}

#[test]
fn a_late_deletion_of_an_earlier_node_changes_nothing() {
    let mut bench = Bench::registered(Identity::ServiceAccount);
    assert_eq!(bench.feed(NodeEvent::Deleted { uid: "uid-0".to_owned() }), 0);
    assert_eq!(bench.machine.registration().uid.as_deref(), Some("uid-1"));
}

#[test]
fn an_old_state_from_the_watch_is_not_repaired_again() {
    let mut bench = Bench::registered(Identity::ServiceAccount);
    bench.server.condition("Ready")["status"] = json!("False");
    bench.server.tamper(|_| {});
    let tampered = bench.server.observed().unwrap();
    bench.show();
    bench.settle();
    bench.now += Duration::from_secs(60);
    assert_eq!(bench.feed(NodeEvent::Changed(Box::new(tampered))), 0);
}

#[test]
fn a_node_replaced_by_someone_else_is_not_patched_by_mistake() {
    let mut bench = Bench::registered(Identity::ServiceAccount);
    bench.server.tamper(|node| {
        node["metadata"]["uid"] = json!("uid-other");
        node["metadata"]["labels"] = json!({});
    });
    bench.feed(NodeEvent::Health(hung()));
    bench.settle();
    assert_eq!(bench.machine.registration().uid.as_deref(), Some("uid-other"));
    let node = bench.server.observed().unwrap();
    assert_eq!((node.labels["type"].as_str(), node.allocatable["pods"].as_str()), ("virtual-kubelet", "0"));
}

#[test]
fn an_outage_of_the_back_end_is_published_and_withdrawn() {
    let mut bench = Bench::registered(Identity::ServiceAccount);
    bench.feed(NodeEvent::Health(hung()));
    bench.settle();
    let node = bench.server.observed().unwrap();
    assert_eq!((node.allocatable["pods"].as_str(), node.capacity["pods"].as_str()), ("0", "20"));
    assert_eq!(node.conditions["Ready"].status, "True");
    bench.feed(NodeEvent::Health(BackendHealth::Reachable));
    bench.settle();
    assert_eq!(bench.server.observed().unwrap().allocatable["pods"], "20");
    assert_eq!((bench.notices("BackendUnreachable"), bench.notices("RepairedNode")), (1, 0));
    assert_eq!(bench.machine.node_facts().allocatable["pods"].0, "20");
}

#[test]
fn heartbeats_come_about_every_five_minutes_and_touch_only_times() {
    let mut bench = Bench::registered(Identity::ServiceAccount);
    let before = bench.server.observed().unwrap();
    let mut times = Vec::new();
    for _ in 0..3 {
        bench.tick();
        times.push(bench.now);
    }
    assert!(times.windows(2).all(|pair| {
        let distance = pair[1] - pair[0];
        distance >= Duration::from_secs(270) && distance <= Duration::from_secs(330)
    }));
    let after = bench.server.observed().unwrap();
    assert_eq!(after, ObservedNode { resource_version: after.resource_version.clone(), ..before });
}

#[test]
fn node_restriction_is_recognised_when_the_identity_is_not_known() {
    let mut bench = Bench::new(Identity::Unknown);
    bench.server.restricts = true;
    bench.feed(NodeEvent::Shape(Box::new(shape())));
    bench.feed(NodeEvent::MayWrite(true));
    bench.list();
    bench.settle();
    let node = bench.server.observed().unwrap();
    assert!(!node.labels.contains_key("kubernetes.io/role"));
    assert_eq!(node.taints.len(), 1, "the first create carries the taints under every identity");
    assert_eq!(bench.notices("LabelsLeftOut"), 1);
}

#[test]
fn a_node_identity_warns_once_about_taints_and_does_not_loop() {
    let mut bench = Bench::registered(Identity::Node);
    bench.server.restricts = true;
    let writes = bench.server.writes;
    for _ in 0..5 {
        bench.server.node.as_mut().unwrap()["spec"]["taints"] = json!([]);
        bench.show();
    }
    assert_eq!(bench.server.writes, writes);
    assert_eq!(bench.notices("NodeDiffers"), 1);
}

#[test]
fn an_authorizer_that_refuses_is_no_sign_of_a_node_identity() {
    let mut bench = Bench::new(Identity::Unknown);
    bench.server.failures.push(ApiFailure::Forbidden(
        "nodes is forbidden: User \"system:serviceaccount:a:b\" cannot create resource \"nodes\"".to_owned(),
    ));
    bench.feed(NodeEvent::Shape(Box::new(shape())));
    bench.feed(NodeEvent::MayWrite(true));
    bench.list();
    bench.settle();
    assert!(bench.server.observed().unwrap().labels.contains_key("kubernetes.io/role"));
    assert_eq!(bench.notices("NodeRequestFailing"), 1);
    assert_eq!(bench.notices("NodeRequestRecovered"), 1);
}

#[test]
fn a_field_that_the_server_does_not_keep_is_given_up_and_the_rest_is_still_repaired() {
    let mut bench = Bench::new(Identity::ServiceAccount);
    bench.machine.facts.declared_features.push("New".to_owned());
    bench.server.drops = Some("declaredFeatures");
    bench.feed(NodeEvent::Shape(Box::new(shape())));
    bench.feed(NodeEvent::MayWrite(true));
    bench.list();
    bench.settle();
    assert_eq!(bench.notices("FieldsNotKept"), 1);
    let writes = bench.server.writes;
    bench.show();
    bench.settle();
    assert_eq!(bench.server.writes, writes);

    bench.server.condition("Ready")["status"] = json!("False");
    bench.server.tamper(|_| {});
    bench.show();
    bench.settle();
    assert_eq!(bench.server.observed().unwrap().conditions["Ready"].status, "True");
}

#[test]
fn refused_metadata_does_not_keep_the_status_from_being_repaired() {
    let mut bench = Bench::registered(Identity::ServiceAccount);
    bench.server.restricts = true;
    bench.server.condition("Ready")["status"] = json!("False");
    bench.server.tamper(|node| node["spec"]["taints"] = json!([]));
    bench.show();
    let soon = bench.now + Duration::from_millis(900);
    while bench.machine.next_wake().is_some_and(|at| at <= soon) {
        bench.tick();
    }
    assert_eq!(bench.server.observed().unwrap().conditions["Ready"].status, "True");
}

#[test]
fn a_quarrel_with_another_writer_is_kept_slow() {
    let mut bench = Bench::registered(Identity::ServiceAccount);
    let start = bench.now;
    let before = bench.server.writes;
    while bench.now < start + Duration::from_secs(60) {
        bench.server.condition("NetworkUnavailable")["status"] = json!("True");
        bench.server.tamper(|_| {});
        bench.show();
        if bench.machine.next_wake().is_some_and(|at| at < start + Duration::from_secs(200)) {
            bench.tick();
        }
    }
    assert!(bench.server.writes - before < 50, "{} writes", bench.server.writes - before);
}

#[test]
fn failures_are_repeated_for_ever_within_seconds_and_told_once() {
    let mut bench = Bench::registered(Identity::ServiceAccount);
    bench.server.failures = vec![ApiFailure::Unavailable("timed out".to_owned()); 40];
    bench.feed(NodeEvent::Health(hung()));
    while !bench.server.failures.is_empty() {
        let before = bench.now;
        bench.tick();
        assert!(bench.now - before <= Duration::from_secs(5));
    }
    bench.settle();
    assert_eq!(bench.server.observed().unwrap().allocatable["pods"], "0");
    assert_eq!((bench.notices("NodeRequestFailing"), bench.notices("NodeRequestRecovered")), (1, 1));
}

#[test]
fn a_refusal_that_lasts_is_told_once_though_reads_and_heartbeats_succeed() {
    let mut bench = Bench::registered(Identity::ServiceAccount);
    bench.server.restricts = true;
    bench.server.tamper(|node| node["spec"]["taints"] = json!([]));
    bench.show();
    let end = bench.now + Duration::from_secs(1200);
    while bench.now < end {
        bench.tick();
    }
    assert_eq!((bench.notices("NodeRequestFailing"), bench.notices("NodeRequestRecovered")), (1, 0));
    bench.server.restricts = false;
    for _ in 0..5 {
        bench.tick();
    }
    assert_eq!(bench.notices("NodeRequestRecovered"), 1);
}

#[test]
fn a_create_whose_answer_was_lost_finds_its_node() {
    let mut bench = Bench::new(Identity::ServiceAccount);
    bench.feed(NodeEvent::Shape(Box::new(shape())));
    bench.feed(NodeEvent::ListStarted);
    bench.feed(NodeEvent::ListDone);
    let effects = bench.machine.step(NodeEvent::MayWrite(true), bench.now(), RANDOM);
    let Some(NodeEffect::Send { id, request }) = effects.into_iter().find(|it| matches!(it, NodeEffect::Send { .. }))
    else {
        panic!("nothing was sent")
    };
    bench.server.answer(request).unwrap();
    bench.feed(NodeEvent::Answered { id, result: Err(ApiFailure::Unavailable("reset".to_owned())) });
    bench.settle();
    assert_eq!(bench.machine.registration().uid.as_deref(), Some("uid-1"));
}

/// What happens around the machine.
#[derive(Debug, Clone)]
enum Disturbance {
    Tamper(u8),
    Delete,
    Show,
    List,
    Health(bool),
    Lease(bool),
    Fail(u8),
    Tick,
}

fn disturbance() -> impl Strategy<Value = Disturbance> {
    prop_oneof![
        (0_u8..4).prop_map(Disturbance::Tamper),
        Just(Disturbance::Delete),
        Just(Disturbance::Show),
        Just(Disturbance::List),
        any::<bool>().prop_map(Disturbance::Health),
        any::<bool>().prop_map(Disturbance::Lease),
        (0_u8..4).prop_map(Disturbance::Fail),
        Just(Disturbance::Tick),
    ]
}

fn disturb(bench: &mut Bench, disturbance: &Disturbance) {
    let present = bench.server.node.is_some();
    match disturbance {
        Disturbance::Tamper(which) if present => {
            match which {
                0 => bench.server.condition("Ready")["status"] = json!("Unknown"),
                1 => bench.server.node.as_mut().unwrap()["metadata"]["labels"] = json!({ "foreign": "x" }),
                2 => bench.server.node.as_mut().unwrap()["spec"] = json!({ "unschedulable": true }),
                _ => bench.server.node.as_mut().unwrap()["status"]["allocatable"] = json!({}),
            }
            bench.server.tamper(|_| {});
        }
        Disturbance::Delete if present => drop(bench.delete()),
        Disturbance::Show if present => drop(bench.show()),
        Disturbance::List => bench.list(),
        Disturbance::Health(true) => drop(bench.feed(NodeEvent::Health(BackendHealth::Reachable))),
        Disturbance::Health(false) => drop(bench.feed(NodeEvent::Health(hung()))),
        Disturbance::Lease(held) => drop(bench.feed(NodeEvent::MayWrite(*held))),
        Disturbance::Fail(which) => bench.server.failures.push(match which {
            0 => ApiFailure::Unavailable("x".to_owned()),
            1 => ApiFailure::Conflict("x".to_owned()),
            2 => ApiFailure::Throttled { message: "x".to_owned(), after: Duration::from_secs(3) },
            _ => ApiFailure::Forbidden("User \"x\" cannot".to_owned()),
        }),
        Disturbance::Tick if bench.machine.next_wake().is_some() => drop(bench.tick()),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever happened before: once the disturbances end, the Node says what it should, cordons stay, and nothing more is
    /// written.
    #[test]
    fn the_node_comes_to_rest_as_it_should_be(disturbances in proptest::collection::vec(disturbance(), 0..30)) {
        let mut bench = Bench::registered(Identity::ServiceAccount);
        let mut cordoned = false;
        for it in &disturbances {
            disturb(&mut bench, it);
            cordoned = bench.server.node.as_ref().is_some_and(|node| node["spec"]["unschedulable"] == json!(true));
        }
        bench.server.failures.clear();
        bench.feed(NodeEvent::MayWrite(true));
        bench.feed(NodeEvent::Health(BackendHealth::Reachable));
        for _ in 0..3 {
            bench.list();
            bench.settle();
        }
        let node = bench.server.observed().unwrap();
        let rest = plan(&node, &bench.machine.desired(), Identity::ServiceAccount);
        prop_assert!(rest.is_empty(), "{rest:?}");
        if cordoned && bench.server.node.as_ref().is_some_and(|node| node["metadata"]["uid"] == json!("uid-1")) {
            prop_assert_eq!(&bench.server.node.as_ref().unwrap()["spec"]["unschedulable"], &json!(true));
        }
        let writes = bench.server.writes;
        bench.show();
        prop_assert_eq!(bench.server.writes, writes);
    }
}

#[test]
fn tampering_in_the_tests_is_what_it_claims_to_be() {
    let mut bench = Bench::registered(Identity::ServiceAccount);
    disturb(&mut bench, &Disturbance::Tamper(1));
    assert_eq!(bench.server.observed().unwrap().labels, BTreeMap::from([("foreign".to_owned(), "x".to_owned())]));
}
