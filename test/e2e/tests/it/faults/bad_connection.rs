//! The connection to the API server is bad in every way that the proxy knows, while pods come and go.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::stage::{Identity, Stage};

use super::churn::Churn;
use super::ground::Ground;
use super::proxy::{FaultProxy, Line};
use super::report::Report;
use super::settings::Settings;

const PHASES: usize = 40;

#[test]
#[ignore = "minutes long: cargo xtask e2e faults"]
fn nothing_is_lost_or_run_twice_over_a_bad_connection_as_node() {
    over_a_bad_connection(Identity::Node);
}

#[test]
#[ignore = "minutes long: cargo xtask e2e faults"]
fn nothing_is_lost_or_run_twice_over_a_bad_connection_as_service_account() {
    over_a_bad_connection(Identity::ServiceAccount);
}

fn over_a_bad_connection(identity: Identity) {
    let settings = Settings::read();
    let ground = Ground::start();
    let mut stage = Stage::open(&ground.environment(), identity);
    let title = format!("A bad connection to the API server, as {identity:?}, seed {}", settings.seed);
    let mut report = Report::new(&title, &settings);
    let proxy = FaultProxy::before(&mut stage, settings.seed);
    let mut churn = Churn::on(&stage, settings.seed);
    let mut random = SmallRng::seed_from_u64(!settings.seed);
    for _ in 0..PHASES {
        proxy.set_line(line(&mut random));
        proxy.falsify(*[0, 10, 30].get(random.random_range(0..3)).unwrap_or(&0));
        churn.act_for(Duration::from_millis(random.random_range(500..6000)));
    }
    proxy.set_line(Line::Open);
    proxy.falsify(0);
    report.expect(stage.agent().runs(), || "the agent has ended".to_owned());
    report.figure(&format!("phases: {PHASES}; {}", proxy.tally()));
    churn.conclude(&stage, &mut report);
    report.conclude();
}

fn line(random: &mut SmallRng) -> Line {
    match random.random_range(0..10) {
        0..5 => Line::Open,
        5 | 6 => Line::Slow(Duration::from_millis(random.random_range(50..500))),
        7 | 8 => Line::Cut,
        _ => Line::Silent,
    }
}
