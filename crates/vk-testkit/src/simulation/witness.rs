//! Who watches a world and says in the end what was wrong.

use std::time::Duration;

use virtual_kubelet::core::PodUid;
use vk_apiserver::{ApiServer, RequestRecord};

use super::agents::Span;
use super::facts::Facts;
use super::judge::{Evidence, judge};
use super::violation::Violation;
use crate::world::World;

/// Reads the API server's history while it is made; the back end keeps its own.
pub struct Witness {
    server: ApiServer,
    pub(super) facts: Facts,
    pub(super) clocks_jumped: bool,
    pub(super) instances_changed: bool,
    pub(super) loops: Vec<String>,
    pub(super) spans: Vec<Span>,
}

impl Witness {
    /// From here on the witness watches: call it before anything happens.
    pub fn of(server: &ApiServer) -> Self {
        let facts = Facts::new(server.now().wall);
        Self {
            server: server.clone(),
            facts,
            clocks_jumped: false,
            instances_changed: false,
            loops: Vec::new(),
            spans: Vec::new(),
        }
    }

    /// Reads what has happened. The server forgets its history when it restarts or is compacted, so this has to be called
    /// before.
    pub fn read(&mut self) {
        let facts = &mut self.facts;
        self.server.inspect(|kernel| facts.read(kernel));
    }

    /// Says that somebody but an agent is about to write this pod's terminal phase.
    pub fn ended_from_outside(&mut self, uid: &PodUid) {
        self.read();
        self.facts.ended_from_outside(uid);
    }

    /// Says when the newest agent began, on the back end's clock.
    pub fn newest_agent_began(&mut self, at: Duration) {
        self.spans = vec![Span { began: at, won: Some(at), ended: None }];
    }

    /// What was wrong with a world that has come to rest.
    pub fn judge(mut self, world: &World) -> Vec<Violation> {
        self.read();
        let backend = world.backend();
        let (entries, lives) = (backend.ledger(), backend.lives());
        let (requests, node) = self.server.inspect(|kernel| {
            let requests: Vec<RequestRecord> = kernel.requests().cloned().collect();
            (requests, kernel.object("nodes", "", world.node_name()).cloned())
        });
        self.loops.extend(backend.hot_method().map(|method| format!("{method:?}")));
        judge(&Evidence {
            nature: backend.nature(),
            now: backend.now(),
            refused: backend.refused(),
            rejected: backend.rejected(),
            instances_changed: self.instances_changed,
            spans: self.spans,
            clocks_jumped: self.clocks_jumped,
            loops: self.loops,
            entries: &entries,
            lives: &lives,
            requests: &requests,
            facts: &self.facts,
            node,
        })
    }
}
