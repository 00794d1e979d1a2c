//! The pod controller on an API server in process.

mod world;

use std::time::Duration;

use vk_apiserver::{RequestClass, RequestFault};
use vk_core::node::NodeName;
use vk_core::node::lease::{LeaseConflict, LeaseState};
use vk_core::{Error, ErrorKind, ExhaustionScope};
use vk_provider::{Observe, PollPolicy, Recovery};
use world::{BackEnd, Mood, World};

const SOON: Duration = Duration::from_secs(30);

fn back_end() -> BackEnd {
    BackEnd::new(|_| {})
}

/// docs/benchmarks.md counted 4.84: what was pushed before the create was answered, and the sight of the deletion, were
/// written on their own.
#[tokio::test(start_paused = true)]
async fn a_normal_life_is_written_in_two_statuses_and_a_delete() {
    let world = World::new(back_end()).await;
    let _running = world.start();
    world.create_pod("web").await;
    assert!(world.comes(SOON, |world| world.phase("web") == "Running").await);
    tokio::time::sleep(SOON).await;
    assert_eq!(world.writes("web"), ["patch status 200"]);
    let told = world.pod("web");
    assert!(told["status"]["startTime"].is_string() && told["status"]["containerStatuses"][0]["ready"] == true);
    assert!(told["metadata"]["annotations"]["virtual-kubelet.io/handle"].is_string());

    world.delete_pod("web").await;
    assert!(world.comes(SOON, |world| world.pod("web").is_null()).await);
    tokio::time::sleep(SOON).await;
    assert_eq!(world.writes("web"), ["patch status 200", "patch status 200", "delete  200"]);
}

#[tokio::test(start_paused = true)]
async fn a_back_end_without_room_is_asked_by_one_pod() {
    let world = World::new(back_end()).await;
    let quota = ErrorKind::Exhausted { resource: "container groups".to_owned(), scope: ExhaustionScope::Node };
    let refusal = Error::new(quota, "quota of 100 is used up").retry_after(Duration::from_secs(60));
    world.back_end.set_mood(Mood::Refuses(refusal));
    let _running = world.start();
    world.create_pod("first").await;
    assert!(world.comes(SOON, |world| world.back_end.creates() == 1).await);
    let others: Vec<String> = (0..20).map(|number| format!("other-{number}")).collect();
    for name in &others {
        world.create_pod(name).await;
    }
    tokio::time::sleep(Duration::from_secs(50)).await;
    assert_eq!(world.back_end.creates(), 1, "the refusal holds for all");
    for name in &others {
        let told = world.pod(name)["status"]["containerStatuses"][0]["state"]["waiting"]["message"].to_string();
        assert!(told.contains("quota of 100 is used up"), "{name}: {told}");
    }
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(world.back_end.creates(), 2, "one pod tries again");
    world.back_end.set_mood(Mood::Runs);
    let all_run = |world: &World| others.iter().all(|name| world.phase(name) == "Running");
    assert!(world.comes(Duration::from_secs(90), all_run).await);
    assert_eq!(world.back_end.creates(), 2 + 21);
}

/// What waits for more news, or in a back-off, is not lost with the agent.
#[tokio::test(start_paused = true)]
async fn what_is_known_is_written_at_the_end() {
    let world = World::new(back_end()).await;
    world.back_end.set_mood(Mood::Provisions);
    let mut running = world.start();
    world.create_pod("slow").await;
    assert!(world.comes(SOON, |world| world.back_end.creates() == 1).await);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(world.writes("slow"), [""; 0], "it would be written within a second");
    running.shutdown.cancel();
    assert_eq!(running.ended().await, Ok(()));
    assert_eq!(world.writes("slow"), ["patch status 200"]);
    assert!(world.pod("slow")["status"]["startTime"].is_string());
}

#[tokio::test(start_paused = true)]
async fn an_end_in_an_outage_of_the_api_server_tries_once() {
    let world = World::new(back_end()).await;
    let patches_fail = |request: &RequestClass| match request.action().as_str() {
        "patch pods/status" => RequestFault::status(503),
        _ => RequestFault::default(),
    };
    world.server.set_faults(patches_fail);
    let mut running = world.start();
    world.create_pod("web").await;
    assert!(world.comes(SOON, |world| world.back_end.starts() == [1]).await);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let begun = tokio::time::Instant::now();
    running.shutdown.cancel();
    assert_eq!(running.ended().await, Ok(()));
    assert!(begun.elapsed() < Duration::from_secs(1), "simulated time");
}

/// Lookups and lists share what a back end allows.
#[tokio::test(start_paused = true)]
async fn lookups_keep_within_the_read_budget() {
    let policy = PollPolicy::new(Duration::from_secs(600), Duration::from_secs(600), 100);
    let world = World::new(BackEnd::new(|description| {
        description.recovery = Recovery::ByHandle;
        description.observe = Observe::Poll(policy);
    }))
    .await;
    let _running = world.start();
    for number in 0..40 {
        world.create_pod(&format!("pod-{number}")).await;
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    let after_a_minute = world.back_end.lookups();
    assert!((10..=20).contains(&after_a_minute), "a tenth of an hour's budget, and a minute's: {after_a_minute}");
    tokio::time::sleep(Duration::from_secs(1800)).await;
    assert_eq!(world.back_end.starts(), [1; 40], "and none is forgotten");
}

/// They waited for as long as the others hung, and for the budget after that: an hour.
#[tokio::test(start_paused = true)]
async fn deletions_wait_behind_no_lookups_of_other_pods() {
    let policy = PollPolicy::new(Duration::from_secs(600), Duration::from_secs(600), 100);
    let world = World::new(BackEnd::new(|description| {
        description.recovery = Recovery::ByHandle;
        description.observe = Observe::Poll(policy);
    }))
    .await;
    world.back_end.let_next_lookups_hang(32);
    let _running = world.start();
    for number in 0..100 {
        world.create_pod(&format!("pod-{number}")).await;
    }
    tokio::time::sleep(Duration::from_secs(1200)).await;
    assert_eq!(world.back_end.starts(), [0; 0], "the permits are used up");
    for number in 60..100 {
        world.delete_pod(&format!("pod-{number}")).await;
    }
    let are_gone = |world: &World| (60..100).all(|number| world.pod(&format!("pod-{number}")).is_null());
    assert!(world.comes(SOON, are_gone).await);
}

/// 32 removals that hung kept every other pod from being stopped.
#[tokio::test(start_paused = true)]
async fn removals_that_hang_do_not_hold_up_stops() {
    let world = World::new(back_end()).await;
    world.back_end.let_removals_hang(true);
    let _running = world.start();
    for number in 0..40 {
        world.create_pod(&format!("pod-{number}")).await;
    }
    assert!(world.comes(SOON, |world| world.phase("pod-39") == "Running").await);
    for number in 0..39 {
        world.delete_pod(&format!("pod-{number}")).await;
    }
    tokio::time::sleep(SOON).await;
    world.delete_pod("pod-39").await;
    assert!(world.comes(SOON, |world| world.back_end.terminates() == 40).await);
}

fn taken() -> LeaseState {
    let node = NodeName::parse("vk").expect("a name");
    LeaseState::Refused(LeaseConflict { node, instance: Some("b".to_owned()), host: None, taken_from_us: true })
}

/// An agent that had been cut off began with a new pod as soon as it saw it, though another agent had the node by then.
#[tokio::test(start_paused = true)]
async fn nothing_is_begun_while_another_agent_may_have_the_node() {
    let world = World::new(back_end()).await;
    let running = world.start();
    world.create_pod("before").await;
    assert!(world.comes(SOON, |world| world.phase("before") == "Running").await);
    running.set_lease(LeaseState::Lapsed);
    world.create_pod("after").await;
    world.delete_pod("before").await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!((world.back_end.creates(), world.back_end.terminates()), (1, 1), "what is deleted is stopped");
    assert_eq!(world.writes("before"), ["patch status 200"], "another agent may write it");
    assert!(world.comes(SOON, |world| world.pod("before").is_null()).await, "an agent that is alone goes on telling");
    assert_eq!(world.back_end.creates(), 1);
    running.set_lease(LeaseState::Held);
    assert!(world.comes(Duration::from_secs(2), |world| world.phase("after") == "Running").await);
    assert_eq!(world.back_end.creates(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_agent_whose_node_was_taken_ends_without_another_word() {
    let world = World::new(back_end()).await;
    let mut running = world.start();
    world.create_pod("web").await;
    assert!(world.comes(SOON, |world| world.phase("web") == "Running").await);
    let written = world.writes("web");
    running.set_lease(LeaseState::Lapsed);
    world.delete_pod("web").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    running.set_lease(taken());
    assert_eq!(running.ended().await, Ok(()));
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(world.writes("web"), written);
}

/// etcd was restored from a backup while what was left of the pod was being released: nobody kept it until the next list.
#[tokio::test(start_paused = true)]
async fn a_pod_that_comes_back_under_its_uid_is_begun_anew() {
    let world = World::new(back_end()).await;
    world.back_end.let_removals_hang(true);
    let running = world.start();
    world.create_pod("web").await;
    assert!(world.comes(SOON, |world| world.phase("web") == "Running").await);
    let pod = world.pod("web");
    running.show_gone(&pod).await;
    assert!(world.comes(SOON, |world| world.back_end.terminates() == 1).await);
    tokio::time::sleep(Duration::from_secs(5)).await;
    running.show_pod(&pod).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    world.back_end.let_removals_hang(false);
    // It ran, and is gone: that is a loss, and it is told.
    assert!(world.comes(SOON, |world| world.phase("web") == "Failed").await);
    assert_eq!(world.back_end.starts(), [1]);
}

/// Two pods live while the controller panics at its nth look at the clock, for each n: either one pod is set aside for a
/// while and everything goes on, or the controller ends and says so. Nothing is ever started twice.
#[test]
fn a_panic_anywhere_in_the_controller_is_contained_or_reported() {
    let (mut contained, mut reported) = (0, 0);
    for reads in 1..=120 {
        match live_with_a_panic(reads) {
            Outcome::NeverHit => {}
            Outcome::Contained => contained += 1,
            Outcome::Reported => reported += 1,
            Outcome::Lost(what) => panic!("a panic at look {reads}: {what}"),
        }
    }
    assert!(contained > 10, "{contained} were contained, {reported} reported");
}

enum Outcome {
    NeverHit,
    Contained,
    Reported,
    Lost(String),
}

fn live_with_a_panic(reads: usize) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let world = World::new(back_end()).await;
        world.tripwire.set(reads);
        let mut running = world.start();
        world.create_pod("a").await;
        world.create_pod("b").await;
        let both_run = world.comes(SOON, |world| ["a", "b"].iter().all(|name| world.phase(name) == "Running")).await;
        world.delete_pod("a").await;
        let gone = world.comes(SOON * 4, |world| world.pod("a").is_null()).await;
        let starts = world.back_end.starts();
        if starts.iter().any(|starts| *starts > 1) {
            return Outcome::Lost(format!("started {starts:?} times"));
        }
        match running.has_ended() {
            None => {}
            Some(Err(defect)) if defect.message == "the clock is broken" => return Outcome::Reported,
            Some(other) => return Outcome::Lost(format!("it ended with {other:?}")),
        }
        match (world.tripwire.has_been_hit(), both_run && gone && world.phase("b") == "Running") {
            (false, _) => Outcome::NeverHit,
            (true, true) => Outcome::Contained,
            (true, false) => Outcome::Lost(format!("both ran: {both_run}, one is gone: {gone}")),
        }
    })
}
