//! Seeded schedules, with the invariants checked at the end.
