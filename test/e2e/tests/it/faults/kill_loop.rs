//! The agent is killed and started again, over and over, while pods come and go.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::stage::{Identity, Stage};

use super::churn::Churn;
use super::ground::Ground;
use super::report::Report;
use super::settings::Settings;

#[test]
#[ignore = "minutes long: cargo xtask e2e faults"]
fn nothing_is_lost_or_run_twice_by_an_agent_that_is_killed_at_any_moment() {
    let settings = Settings::read();
    let ground = Ground::start();
    let mut stage = Stage::open(&ground.environment(), Identity::Node);
    let rounds = settings.rounds;
    let mut report =
        Report::new(&format!("The agent is killed (SIGKILL) {rounds} times, seed {}", settings.seed), &settings);
    let mut churn = Churn::on(&stage, settings.seed);
    let mut random = SmallRng::seed_from_u64(!settings.seed);
    let mut command = stage.docker_command();
    // Pods that are deleted by force while no agent runs are orphans when one is back, and here there are many of them at
    // once: by default a person would have to look.
    command.arg("--orphan-limit=100%");
    let mut ready = 0;
    for round in 0..rounds {
        stage.start(&mut command);
        churn.act_for(life(&mut random));
        report.expect(stage.agent().runs(), || format!("the agent ended by itself in round {round}"));
        ready += usize::from(stage.agent().log().contains(" ready"));
        stage.kill_agent();
        if random.random_ratio(1, 3) {
            churn.act();
        }
    }
    report.figure(&format!("rounds: {rounds}; the agent came as far as being ready in {ready} of them"));
    stage.start(&mut command);
    stage.until_ready();
    churn.conclude(&stage, &mut report);
    report.conclude();
}

/// How long the agent lives: mostly too short for any pod, sometimes long enough for several.
fn life(random: &mut SmallRng) -> Duration {
    let milliseconds = match random.random_range(0..10) {
        0..4 => random.random_range(50..500),
        4..8 => random.random_range(500..1500),
        _ => random.random_range(1500..4000),
    };
    Duration::from_millis(milliseconds)
}
