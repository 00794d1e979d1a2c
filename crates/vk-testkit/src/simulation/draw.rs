//! Drawing a schedule from a seed.

use std::time::Duration;

use virtual_kubelet::controller::env::Random;
use virtual_kubelet::core::{Error, ErrorKind, ExhaustionScope};

use super::action::{Action, Containers, Instance, NAMES, Policy, Shape, Slot};
use super::schedule::Schedule;
use super::weather::{ApiFault, RequestKind};
use crate::backend::{Fault, Method, Nature};

/// What a schedule is mostly about. Everything at once would hide what only two things together can do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Theme {
    Users,
    Provider,
    Api,
    Crashes,
    TwoAgents,
    Partitions,
    Everything,
}

const THEMES: [Theme; 7] =
    [Theme::Users, Theme::Provider, Theme::Api, Theme::Crashes, Theme::TwoAgents, Theme::Partitions, Theme::Everything];

/// Everything is all but two agents at once, which need no more than each other.
const TOGETHER: [Theme; 5] = [Theme::Users, Theme::Provider, Theme::Api, Theme::Crashes, Theme::Partitions];

impl Schedule {
    /// The schedule that this seed makes: between ten and forty actions.
    pub fn from_seed(seed: u64) -> Self {
        let draw = Draw(Random::seeded(seed ^ 0x5eed));
        let theme = draw.one_of(&THEMES);
        let nature = if draw.one_in(3) { Nature::default() } else { Nature::drawn(&draw.0) };
        let length = 10 + draw.below(30);
        // Without pods nothing can go wrong with them.
        let first = |_| (draw.pause(), Action::Create(draw.pod(), draw.shape()));
        let mut steps: Vec<_> = (0..2).map(first).collect();
        while steps.len() < length {
            let pause = draw.pause();
            match draw.action(theme, nature) {
                // An agent that is gone comes back, mostly soon.
                Action::Kill(slot) => {
                    steps.push((pause, Action::Kill(slot)));
                    draw.push_return(slot, &mut steps);
                }
                Action::Stop(slot) => {
                    steps.push((pause, Action::Stop(slot)));
                    draw.push_return(slot, &mut steps);
                }
                // Two that take themselves for the same one cannot tell each other apart; that does not last.
                Action::Start(Slot::Second, Instance::Same) => {
                    steps.push((pause, Action::Start(Slot::Second, Instance::Same)));
                    steps.extend((0..draw.below(4)).map(|_| (draw.time(500), draw.user())));
                    let of_the_two = draw.one_of(&Slot::BOTH);
                    let end = if draw.one_in(2) { Action::Kill(of_the_two) } else { Action::Stop(of_the_two) };
                    steps.push((draw.time(500), end));
                }
                action => steps.push((pause, action)),
            }
        }
        Self { seed, nature, steps }
    }
}

struct Draw(Random);

impl Draw {
    fn below(&self, bound: usize) -> usize {
        usize::try_from(self.0.next_u64() % bound.max(1) as u64).unwrap_or(0)
    }

    fn small(&self, bound: u32) -> u32 {
        u32::try_from(self.below(bound as usize)).unwrap_or(0)
    }

    fn one_in(&self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    fn one_of<T: Copy>(&self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    fn time(&self, most: usize) -> Duration {
        Duration::from_millis(self.below(most) as u64)
    }

    /// Mostly short, so that things overlap; sometimes long, so that they end.
    fn pause(&self) -> Duration {
        match self.below(10) {
            0 => Duration::from_secs(self.below(40) as u64),
            1 | 2 => self.time(3000),
            _ => self.time(60),
        }
    }

    fn push_return(&self, slot: Slot, steps: &mut Vec<(Duration, Action)>) {
        if self.one_in(4) {
            steps.push((self.pause(), self.user()));
        }
        let instance = if self.one_in(6) { Instance::Other } else { Instance::Same };
        steps.push((if self.one_in(2) { self.time(20) } else { self.time(20_000) }, Action::Start(slot, instance)));
        let other = if slot == Slot::First { Slot::Second } else { Slot::First };
        steps.push((self.time(500), Action::Kill(other)));
    }

    fn action(&self, theme: Theme, nature: Nature) -> Action {
        if self.one_in(2) {
            return if self.one_in(5) { self.fate() } else { self.user() };
        }
        let theme = if theme == Theme::Everything { self.one_of(&TOGETHER) } else { theme };
        match theme {
            Theme::Users | Theme::Everything => self.writer(),
            Theme::Provider => self.provider(nature),
            Theme::Api => self.api(),
            Theme::Crashes => match self.below(5) {
                0 => Action::Stop(Slot::First),
                1 | 2 => Action::Kill(Slot::First),
                3 => self.clock(Slot::First),
                _ => self.provider(nature),
            },
            Theme::TwoAgents => match self.below(6) {
                0 | 1 => Action::Start(Slot::Second, self.one_of(&[Instance::Same, Instance::Same, Instance::Other])),
                2 => Action::Kill(self.one_of(&Slot::BOTH)),
                3 => Action::Stop(self.one_of(&Slot::BOTH)),
                4 => self.clock(Slot::Second),
                _ => self.writer(),
            },
            Theme::Partitions => match self.below(6) {
                0 | 1 => Action::Partition(true),
                2..=4 => Action::Partition(false),
                _ => Action::RestartServer,
            },
        }
    }

    fn clock(&self, slot: Slot) -> Action {
        Action::Clock(slot, self.one_of(&[-20, -2, 2, 90, 3600]))
    }

    fn pod(&self) -> usize {
        self.below(NAMES)
    }

    fn user(&self) -> Action {
        let pod = self.pod();
        match self.below(20) {
            0..=8 => Action::Create(pod, self.shape()),
            9..=11 => Action::Delete(pod),
            12 => Action::DeleteWithin(pod, 0),
            13 => Action::DeleteWithin(pod, 1 + self.small(5)),
            14 => Action::Recreate(pod, self.shape()),
            15 if self.one_in(3) => Action::DeleteAll,
            15 | 16 => Action::ExitContainer(pod, self.below(2), self.exit_code()),
            _ => Action::Exit(pod, self.exit_code()),
        }
    }

    fn exit_code(&self) -> i32 {
        self.one_of(&[0, 0, 1, 2])
    }

    fn fate(&self) -> Action {
        let pod = self.pod();
        match self.below(4) {
            0 | 1 => Action::Lose(pod),
            2 => Action::Disrupt(pod),
            _ => Action::LoseContact(pod, self.time(20_000)),
        }
    }

    fn writer(&self) -> Action {
        let pod = self.pod();
        match self.below(16) {
            0 | 1 => Action::Label(pod),
            2 => Action::Annotate(pod),
            3 | 4 => Action::Image(pod, !self.one_in(3)),
            5 => Action::Deadline(pod, 1 + self.small(60)),
            6 => Action::Resize(pod),
            7 => Action::Debug(pod),
            8 => Action::Finalizer(pod, true),
            9 => Action::Finalizer(pod, false),
            10 | 11 => Action::Unready(pod),
            12 | 13 => Action::Condition(pod, !self.one_in(3)),
            14 if self.one_in(2) => Action::FailFromOutside(pod),
            14 => Action::DeleteNode,
            _ => Action::UnreadyNode,
        }
    }

    fn provider(&self, nature: Nature) -> Action {
        if self.one_in(12) {
            return Action::Elsewhere(self.one_in(2));
        }
        let method = self.one_of(&Method::ALL);
        let fault = match self.below(11) {
            0..=2 => Fault::Refuse(self.error(method)),
            3 => Fault::LoseReply,
            4 => Fault::Delay(self.time(10_000)),
            5 => Fault::SlowReply(self.time(10_000)),
            6 if method == Method::Create => {
                // A back end that hides pods for a while says so; no longer than that may it surprise.
                let most = usize::try_from(nature.hidden_for * 2).unwrap_or(0);
                if self.one_in(2) { Fault::FailLater(self.time(4000)) } else { Fault::LateEffect(self.time(most)) }
            }
            6 if method == Method::Terminate => Fault::Ignore,
            6 | 7 => Fault::Panic,
            8 => Fault::WrongPod,
            9 => Fault::Stale,
            _ => Fault::Hang,
        };
        Action::ProviderFault(method, fault)
    }

    fn error(&self, method: Method) -> Error {
        let text = || "bad weather".to_owned();
        let certain = matches!(method, Method::Admit | Method::Create) && self.one_in(3);
        if certain {
            return match self.below(5) {
                0 => Error::invalid("spec.containers[0].command", text()),
                1 => Error::unsupported("spec.hostUsers", text()),
                2 => Error::rejected("OutOfcpu", text()),
                3 => {
                    let kind = ErrorKind::Exhausted { resource: "cpu".to_owned(), scope: ExhaustionScope::Node };
                    Error::new(kind, text())
                }
                _ => Error::unresolved("configmap \"settings\"", text()),
            };
        }
        match self.below(7) {
            0 => Error::internal(text()),
            1 => Error::outcome_unknown(text()),
            2 => Error::new(ErrorKind::Unauthenticated, text()),
            3 => Error::new(ErrorKind::Conflict, text()),
            4 => Error::unavailable(text()).retry_after(self.time(5000)),
            5 => Error::cancelled(),
            _ => Error::unavailable(text()),
        }
    }

    fn api(&self) -> Action {
        match self.below(10) {
            0 | 1 => Action::Weather(self.small(70)),
            2 => Action::Weather(0),
            3 => Action::RestartServer,
            4 => Action::Compact,
            _ => {
                let kind = self.one_of(&RequestKind::ALL);
                Action::ApiFault(kind, self.api_fault(kind), 1 + self.small(4))
            }
        }
    }

    fn api_fault(&self, kind: RequestKind) -> ApiFault {
        if kind == RequestKind::WatchEvent {
            return match self.below(5) {
                0 => ApiFault::Close,
                1 => ApiFault::ResetBefore,
                2 => ApiFault::Truncate,
                3 => ApiFault::Silence,
                _ => ApiFault::Slow(self.time(5000)),
            };
        }
        match self.below(10) {
            0 => ApiFault::TooManyRequests(1 + self.small(5)),
            1 | 2 => ApiFault::Status(self.one_of(&[500, 502, 503, 504])),
            // Only answers that such a request can get: anything else is no fault, but another server.
            3 => ApiFault::Status(match kind {
                RequestKind::WatchPods | RequestKind::ListPods => 410,
                _ => 409,
            }),
            4 => ApiFault::ResetBefore,
            5 | 6 => ApiFault::ResetAfter,
            7 => ApiFault::HangBefore,
            8 => ApiFault::HangAfter,
            _ if self.one_in(2) => ApiFault::Truncate,
            _ => ApiFault::Slow(self.time(8000)),
        }
    }

    fn shape(&self) -> Shape {
        if self.one_in(3) {
            return Shape::SIMPLE;
        }
        Shape {
            policy: self.one_of(&[Policy::Always, Policy::OnFailure, Policy::Never, Policy::Never]),
            containers: self.one_of(&[
                Containers::One,
                Containers::One,
                Containers::Two,
                Containers::AfterInit,
                Containers::AfterFailingInit,
                Containers::WithSidecar,
                Containers::MissingImage,
            ]),
            grace: self.one_of(&[0, 1, 5, 30]),
            deadline: self.one_in(8).then(|| 1 + self.small(60)),
            tolerates: self.one_in(2).then(|| self.small(20)),
            gated: self.one_in(6),
            configured: self.one_in(6),
        }
    }
}
