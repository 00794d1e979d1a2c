//! Making a schedule short that breaks an invariant (delta debugging; Zeller and Hildebrandt, 2002).

use std::cell::Cell;
use std::time::Duration;

use super::schedule::Schedule;
use crate::backend::Nature;

/// So many schedules are tried at most.
const MOST_TRIALS: u32 = 400;

/// The shortest schedule found by leaving things out of which `fails` still holds. It holds of `schedule` itself.
pub fn shrink(schedule: &Schedule, fails: impl Fn(&Schedule) -> bool) -> Schedule {
    let trials = Cell::new(0);
    let fails = |candidate: &Schedule| {
        trials.set(trials.get() + 1);
        trials.get() <= MOST_TRIALS && fails(candidate)
    };
    let mut best = schedule.clone();
    loop {
        let before = best.clone();
        leave_out_steps(&mut best, &fails);
        shorten_pauses(&mut best, &fails);
        simplify_nature(&mut best, &fails);
        if best == before {
            return best;
        }
    }
}

fn leave_out_steps(best: &mut Schedule, fails: &impl Fn(&Schedule) -> bool) {
    let mut size = best.steps.len().div_ceil(2);
    while size > 0 {
        let mut from = 0;
        while from < best.steps.len() {
            let shorter = without(best, from, size);
            if fails(&shorter) {
                *best = shorter;
            } else {
                from += size;
            }
        }
        size /= 2;
    }
}

/// Without these steps; the time that they took is waited for all the same.
fn without(schedule: &Schedule, from: usize, size: usize) -> Schedule {
    let mut shorter = schedule.clone();
    let to = (from + size).min(shorter.steps.len());
    let waited: Duration = shorter.steps.drain(from..to).map(|(pause, _)| pause).sum();
    if let Some((pause, _)) = shorter.steps.get_mut(from) {
        *pause += waited;
    }
    shorter
}

fn shorten_pauses(best: &mut Schedule, fails: &impl Fn(&Schedule) -> bool) {
    for index in 0..best.steps.len() {
        for shorten in [|_: Duration| Duration::ZERO, |pause: Duration| Duration::from_secs(pause.as_secs())] {
            let mut shorter = best.clone();
            if let Some((pause, _)) = shorter.steps.get_mut(index) {
                *pause = shorten(*pause);
            }
            if shorter != *best && fails(&shorter) {
                *best = shorter;
            }
        }
    }
}

fn simplify_nature(best: &mut Schedule, fails: &impl Fn(&Schedule) -> bool) {
    let plain = Nature::default();
    let simplifications: [fn(&mut Nature, Nature); 13] = [
        |nature, plain| *nature = plain,
        |nature, plain| nature.by_handle = plain.by_handle,
        |nature, plain| nature.forgets_after = plain.forgets_after,
        |nature, plain| nature.fences = plain.fences,
        |nature, plain| nature.polled = plain.polled,
        |nature, plain| nature.inline = plain.inline,
        |nature, plain| nature.hidden_for = plain.hidden_for,
        |nature, plain| nature.starts_after = plain.starts_after,
        |nature, plain| nature.init_takes = plain.init_takes,
        |nature, plain| nature.stop = plain.stop,
        |nature, plain| nature.restarts = plain.restarts,
        |nature, plain| (nature.tells_twice, nature.answers_bare) = (plain.tells_twice, plain.answers_bare),
        |nature, plain| nature.page = plain.page,
    ];
    for simplify in simplifications {
        let mut simpler = best.clone();
        simplify(&mut simpler.nature, plain);
        if simpler != *best && fails(&simpler) {
            *best = simpler;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::{Action, Slot};

    #[test]
    fn what_does_not_matter_is_left_out() {
        let schedule = Schedule::from_seed(5);
        let mut steps = schedule.steps.clone();
        steps.insert(steps.len() / 3, (Duration::from_millis(7), Action::Clock(Slot::Second, 17)));
        steps.insert(steps.len() / 2, (Duration::from_millis(9), Action::Clock(Slot::Second, 18)));
        let schedule = Schedule { steps, ..schedule };
        let has = |schedule: &Schedule, seconds| {
            schedule.steps.iter().any(|(_, action)| *action == Action::Clock(Slot::Second, seconds))
        };
        let shrunk = shrink(&schedule, |candidate| has(candidate, 17) && has(candidate, 18));
        let actions: Vec<_> = shrunk.steps.into_iter().map(|(pause, action)| (pause.as_millis(), action)).collect();
        let clock = |seconds| (0, Action::Clock(Slot::Second, seconds));
        assert_eq!(actions, [clock(17), clock(18)]);
        assert_eq!(shrunk.nature, Nature::default());
    }
}
