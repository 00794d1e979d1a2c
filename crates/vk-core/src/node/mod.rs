//! The Node object: what it should say, and how it is brought to say so.

mod shape;

pub use shape::{NodeAddress, NodeCondition, NodeInfo, NodeShape, Taint};
