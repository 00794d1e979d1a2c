//! Playing a scenario, and judging it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tokio::sync::watch;

use super::meter::Meter;
use super::{Scenario, Stage};
use crate::interposer::Interposition;
use crate::world::simulate_behind;

/// After the script everything is left alone for this long: longer than the collection of orphans.
const CALM: Duration = Duration::from_secs(180);

/// What follows from the last step is done by then.
const TAIL: Duration = Duration::from_secs(2);

/// Plays a scenario with this between the agent and its surroundings.
///
/// # Errors
/// What went wrong: a step of the script that did not come about, or invariants that did not hold.
pub fn play(scenario: &Scenario, interposition: &Interposition) -> Result<(), String> {
    play_with_crashes(scenario, interposition, &watch::Sender::new(0), &|| ())
}

/// The same; whenever `crashes` changes, the agent is killed and comes back. `calm` is called at the end of the script.
pub(crate) fn play_with_crashes(
    scenario: &Scenario,
    interposition: &Interposition,
    crashes: &watch::Sender<u64>,
    calm: &dyn Fn(),
) -> Result<(), String> {
    let meter = Meter::default();
    let metered = Interposition::none().with_api({
        let meter = meter.clone();
        move || meter.clone()
    });
    let interposition = interposition.clone().within(metered).within((scenario.circumstances)());
    let seed = scenario.name.bytes().fold(7, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let crashes = crashes.subscribe();
    let play = || {
        simulate_behind(&interposition, seed, |world, server| on(Stage::new(world, server), scenario, crashes, calm))
    };
    let played = catch_unwind(AssertUnwindSafe(play));
    match played {
        _ if meter.is_exceeded() => Err("the API server is asked without a pause".to_owned()),
        Ok(violations) if violations.is_empty() => Ok(()),
        Ok(violations) => Err(violations.join(", ")),
        Err(panic) => Err(said(&*panic)),
    }
}

async fn on(stage: Stage, scenario: &Scenario, crashes: watch::Receiver<u64>, calm: &dyn Fn()) -> Vec<String> {
    stage.world.backend().set_nature((scenario.nature)());
    let script = async {
        (scenario.script)(&stage).await;
        tokio::time::sleep(TAIL).await;
        calm();
        tokio::time::sleep(CALM).await;
    };
    tokio::select! {
        biased;
        () = stage.keep_agent(crashes) => {}
        () = script => {}
    }
    stage.judge().iter().map(ToString::to_string).collect()
}

/// What a panic has to say.
pub(crate) fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".to_owned())
}
