//! Every order of a few events, with a crash at every boundary of every effect: before it, after it and before its reply,
//! and after its reply.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::model::{Ending, Model, Workload};
use super::*;

/// Events in a row.
const DEPTH: usize = 9;

/// From that depth on, only every so many states are brought to their end.
const SAMPLE: usize = 400;

type Step = (&'static str, fn(&mut Model));

const STEPS: [Step; 16] = [
    ("the back end is listed", Model::list),
    ("a call succeeds", |model| model.end_call(Ending::Succeeds)),
    ("a call fails", |model| model.end_call(Ending::Fails)),
    ("a call loses its reply", |model| model.end_call(Ending::LosesItsReply)),
    ("a write succeeds", |model| model.end_write(Ending::Succeeds)),
    ("a write fails", |model| model.end_write(Ending::Fails)),
    ("a write loses its reply", |model| model.end_write(Ending::LosesItsReply)),
    ("the watch shows the pod", Model::show),
    ("the back end pushes the pod", Model::push),
    ("it is deleted", Model::delete),
    ("its image is changed", Model::edit),
    ("it ends by itself", |model| model.exit(0)),
    ("the back end starts it again by itself", Model::restart),
    ("time passes", Model::wake),
    ("a crash before the effects", |model| model.crash(false)),
    ("a crash after the effects", |model| model.crash(true)),
];

fn fingerprint(model: &Model) -> u64 {
    let mut hasher = DefaultHasher::new();
    model.hash(&mut hasher);
    hasher.finish()
}

/// Visits every state that is reached in at most [`DEPTH`] events; how many there are.
fn explore(start: Model) -> usize {
    let mut seen = BTreeSet::from([fingerprint(&start)]);
    let mut frontier = vec![(start, Vec::new())];
    for _ in 0..DEPTH {
        let mut next = Vec::new();
        for (model, path) in &frontier {
            for (name, step) in STEPS {
                let mut model = Model::clone(model);
                step(&mut model);
                if !seen.insert(fingerprint(&model)) {
                    continue;
                }
                let path: Vec<&str> = path.iter().copied().chain([name]).collect();
                assert!(model.starts <= 1, "started twice: {path:#?}");
                if seen.len() < SAMPLE || seen.len().is_multiple_of(SAMPLE) {
                    ends_well(model.clone(), &path);
                }
                if !model.forgotten {
                    next.push((model, path));
                }
            }
        }
        frontier = next;
    }
    seen.len()
}

fn ends_well(mut model: Model, path: &[&str]) {
    model.clone().catch_up();
    model.calm_down();
    assert!(model.starts <= 1, "started twice at the end of {path:#?}");
    assert!(model.forgotten && model.workload == Workload::None, "not let go after {path:#?}: {:?}", model.machine);
}

#[test]
fn no_order_of_events_and_crashes_breaks_an_invariant() {
    let taken_over = start_of_time().mono;
    let settling = BackendPolicy { settle: Duration::from_secs(2), taken_over, ..REMEMBERS };
    let releasing = BackendPolicy { release: Release::AfterTerminal(Duration::from_secs(3)), ..REMEMBERS };
    let scopes =
        [(RestartPolicy::Always, REMEMBERS), (RestartPolicy::Never, releasing), (RestartPolicy::OnFailure, settling)];
    for (restart_policy, policy) in scopes {
        let states = explore(Model::new(restart_policy, policy));
        assert!(states > 1000, "{states} states");
    }
}
