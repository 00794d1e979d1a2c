//! What several fuzz targets need.

pub mod frames;
pub mod simulated;
pub mod web_socket;
