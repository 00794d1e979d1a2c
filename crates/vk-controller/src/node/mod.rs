//! The Node object and its lease, kept as the provider describes them.
