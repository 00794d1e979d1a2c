//! Crashes at every effect of a dozen and a half short scenarios.

use vk_testkit::boundary::{Boundary, Effects, Moment, play};
use vk_testkit::interposer::Interposition;
use vk_testkit::scenario::{CATALOGUE, Scenario, play as play_whole};

/// Fewer would mean that something is not tried any more.
const LEAST_SCENARIOS: usize = 20;
const LEAST_CRASHES: usize = 150;

/// The agent dies around every effect of this kind.
fn die_everywhere(kind: Effects, moments: &[Moment]) {
    let mut crashes = 0;
    let mut failures = Vec::new();
    let scenarios: Vec<&Scenario> = CATALOGUE.iter().filter(|scenario| scenario.at_every_effect).collect();
    for scenario in &scenarios {
        let whole = play(scenario, kind, None);
        assert_eq!(whole.verdict, Ok(()), "{scenario:?} without a crash");
        println!("{:40} {} effects", scenario.name, whole.effects.len());
        assert!(!whole.effects.is_empty(), "{scenario:?} has no effect of this kind");
        for effect in 0..whole.effects.len() {
            for moment in moments {
                let boundary = Boundary { effect, moment: *moment };
                let crashed = play(scenario, kind, Some(boundary));
                assert!(crashed.died, "{scenario:?}: effect {effect} came when nobody died, and not now");
                crashes += 1;
                if let Err(failure) = crashed.verdict {
                    failures.push(format!("{scenario:?}, {boundary} ({}): {failure}", whole.effects[effect]));
                }
            }
        }
    }
    println!("{} scenarios, {crashes} crashes, {} failures", scenarios.len(), failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(scenarios.len() >= LEAST_SCENARIOS && crashes >= LEAST_CRASHES * moments.len(), "{crashes} crashes");
}

#[test]
fn a_crash_before_an_effect_is_survived() {
    die_everywhere(Effects::Writes, &[Moment::Before]);
}

#[test]
fn a_crash_between_an_effect_and_its_reply_is_survived() {
    die_everywhere(Effects::Writes, &[Moment::Applied]);
}

#[test]
fn a_crash_after_a_reply_is_survived() {
    die_everywhere(Effects::Writes, &[Moment::Replied]);
}

#[test]
fn a_crash_around_a_read_is_survived() {
    die_everywhere(Effects::Reads, &[Moment::Before, Moment::Replied]);
}

/// The same run, to the last byte: a crash at effect 17 of one run would else be one at another of the next.
#[test]
fn effects_are_numbered_the_same_in_every_run() {
    for scenario in CATALOGUE.iter().filter(|scenario| scenario.at_every_effect) {
        assert_eq!(play(scenario, Effects::Writes, None).effects, play(scenario, Effects::Writes, None).effects);
    }
}

#[test]
fn every_scenario_comes_to_a_right_end() {
    let played = CATALOGUE.iter().map(|scenario| (scenario.name, play_whole(scenario, &Interposition::none())));
    let failures: Vec<_> = played.filter(|(_, verdict)| verdict.is_err()).collect();
    assert!(failures.is_empty(), "{failures:#?}");
}
