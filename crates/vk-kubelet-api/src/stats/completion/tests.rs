use proptest::prelude::*;
use vk_core::PodKey;

use super::*;

const SECOND: u64 = 1_000_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

fn container(name: &str, started: i64, cpu: CpuStats) -> ContainerStats {
    let mut container = ContainerStats::new(name);
    container.start_time = Some(at(started));
    container.cpu = Some(cpu);
    container
}

fn pod(uid: &str, containers: Vec<ContainerStats>) -> PodStats {
    PodStats::new(PodUid::from(uid), PodKey::new("default", uid), containers)
}

fn used(cpu: Option<Cpu>) -> (u64, Option<u64>) {
    let cpu = cpu.unwrap();
    (cpu.core_nano_seconds, cpu.nano_cores)
}

#[test]
fn a_rate_is_what_a_counter_has_grown_by() {
    let mut memory = Memory::default();
    let mut read = |second, total| {
        let pods = vec![pod("a", vec![container("main", 0, CpuStats::cumulative(at(second), total))])];
        let snapshot = memory.complete(StatsReply::of_pods(pods), at(second));
        used(snapshot.pods[0].containers[0].cpu)
    };
    assert_eq!(read(10, 5 * SECOND), (5 * SECOND, None));
    assert_eq!(read(20, 6 * SECOND), (6 * SECOND, Some(SECOND / 10)));
    // The back end has measured nothing new meanwhile.
    assert_eq!(read(20, 6 * SECOND), (6 * SECOND, Some(SECOND / 10)));
}

#[test]
fn a_counter_is_what_a_rate_adds_up_to() {
    let mut memory = Memory::default();
    let mut read = |second, rate| {
        let pods = vec![pod("a", vec![container("main", 0, CpuStats::rate(at(second), rate))])];
        let snapshot = memory.complete(StatsReply::of_pods(pods), at(second));
        used(snapshot.pods[0].containers[0].cpu)
    };
    assert_eq!(read(10, SECOND / 2), (5 * SECOND, Some(SECOND / 2)));
    assert_eq!(read(20, 2 * SECOND), (25 * SECOND, Some(2 * SECOND)));
}

#[test]
fn the_sums_do_not_go_back_when_containers_restart_or_pods_go() {
    let mut memory = Memory::default();
    let mut read = |second, pods| {
        let snapshot = memory.complete(StatsReply::of_pods(pods), at(second));
        let pods: Vec<_> = snapshot.pods.iter().map(|pod| used(pod.cpu).0 / SECOND).collect();
        (pods, used(snapshot.node.cpu).0 / SECOND)
    };
    let counted =
        |started, second, seconds| container("main", started, CpuStats::cumulative(at(second), seconds * SECOND));
    assert_eq!(read(10, vec![pod("a", vec![counted(0, 10, 4)]), pod("b", vec![counted(0, 10, 3)])]), (vec![4, 3], 7));
    // The container of a restarts, its counter begins anew; b ends.
    assert_eq!(read(20, vec![pod("a", vec![counted(15, 20, 5)])]), (vec![9], 12));
    assert_eq!(read(30, vec![pod("a", vec![counted(15, 30, 6)])]), (vec![10], 13));
    assert_eq!(read(40, vec![]), (vec![], 13));
}

#[test]
fn memory_is_summed_up_and_start_times_are_the_earliest() {
    let with_memory = |name: &str, started, working_set, rss: Option<u64>| {
        let mut one = container(name, started, CpuStats::cumulative(at(30), SECOND));
        let mut memory = MemoryStats::working_set(at(30), working_set);
        memory.rss_bytes = rss;
        one.memory = Some(memory);
        one
    };
    let pods = vec![
        pod("a", vec![with_memory("one", 9, 100, Some(70)), with_memory("two", 5, 20, None)]),
        pod("b", vec![with_memory("one", 7, 3, None)]),
    ];
    let snapshot = Memory::default().complete(StatsReply::of_pods(pods), at(30));
    let [a, b] = &snapshot.pods[..] else { panic!("{snapshot:?}") };
    assert_eq!((a.start_time, b.start_time), (Some(at(5)), Some(at(7))));
    let figures = |memory: Option<MemoryStats>| memory.map(|memory| (memory.working_set_bytes, memory.rss_bytes));
    assert_eq!(figures(a.memory), Some((Some(120), Some(70))));
    assert_eq!(figures(b.memory), Some((Some(3), None)));
    assert_eq!(figures(snapshot.node.memory), Some((Some(123), Some(70))));
}

#[test]
fn a_node_with_figures_of_its_own_is_believed() {
    let mut node = NodeStats::default();
    node.cpu = Some(CpuStats::cumulative(at(10), 99 * SECOND));
    let mut reply = StatsReply::of_pods(vec![pod("a", vec![])]);
    reply.node = Some(node);
    let snapshot = Memory::default().complete(reply, at(10));
    assert_eq!(used(snapshot.node.cpu), (99 * SECOND, None));
    assert_eq!((snapshot.pods[0].cpu, snapshot.pods[0].memory), (None, None), "what is not known is not zero");
}

#[test]
fn what_has_gone_is_forgotten() {
    let mut memory = Memory::default();
    let one = || vec![pod("a", vec![container("main", 0, CpuStats::cumulative(at(10), SECOND))])];
    memory.complete(StatsReply::of_pods(one()), at(10));
    memory.complete(StatsReply::of_pods(vec![]), at(20));
    assert!(memory.pods.is_empty());
}

proptest! {
    /// Whatever a back end says: nothing panics, and the node's counter only grows.
    #[test]
    fn counters_of_the_node_only_grow(
        readings in proptest::collection::vec((-9i64..99, 0i64..9, proptest::option::of(any::<u64>()), proptest::option::of(any::<u64>())), 1..20),
    ) {
        let mut memory = Memory::default();
        let mut before = 0;
        for (second, started, total, rate) in readings {
            let mut cpu = CpuStats::cumulative(at(second), 0);
            (cpu.usage_core_nano_seconds, cpu.usage_nano_cores) = (total, rate);
            let pods = vec![pod("a", vec![container("main", started, cpu)])];
            let snapshot = memory.complete(StatsReply::of_pods(pods), at(second));
            let (now, _) = used(snapshot.node.cpu);
            prop_assert!(now >= before);
            before = now;
        }
    }
}
