//! Deliberate bugs: agents that are wrong in one way, and what catches each.
//!
//! No production code knows of them. A bug stands between the unmodified controllers and the API server, or between them and
//! the back end ([`crate::interposer`]), and makes the agent as a whole behave as if it were in the code. A mutant that no
//! check catches would mean that the tests are too weak.

mod catalogue;
mod check;
mod in_answers;
mod in_calls;
mod in_description;
mod in_node;
mod in_watch;
mod in_writes;
mod rewrite;

pub use catalogue::CATALOGUE;
pub use check::Check;
use http::Method;

use crate::interposer::{Interposition, described, observed};

/// No bug, and yet everything that bugs are made of: a check that fails behind this fails for the wrong reason.
pub fn no_bug() -> Interposition {
    rewrite::seen("pods", |_| ())
        .within(rewrite::events("pods", Some))
        .within(rewrite::events("nodes", Some))
        .within(rewrite::bodies(Method::PATCH, "pods/status", |_| ()))
        .within(rewrite::bodies(Method::DELETE, "pods", |_| ()))
        .within(rewrite::swallowed(|_| false))
        .with_provider(|inner| described(observed(inner, Some), |_| ()))
}

/// One deliberate bug.
#[derive(Clone, Copy)]
pub struct Mutant {
    /// What it does wrong, in a few words.
    pub name: &'static str,
    /// The invariants of ARCHITECTURE.md that it breaks.
    pub breaks: &'static [u8],
    /// The bug.
    pub bug: fn() -> Interposition,
    /// What catches it: each of these alone does.
    pub caught_by: &'static [Check],
}

impl std::fmt::Debug for Mutant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}
