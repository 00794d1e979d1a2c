//! The provider against a real Docker engine, the one that `DOCKER_HOST` names.

mod adoption;
mod environment;
mod hang_ups;
mod hooks;
mod images;
mod isolation;
mod lifecycle;
mod logs;
mod messages;
mod outage;
mod port_forward;
mod probes;
mod restarts;
mod terminals;
mod termination;
mod volumes;
mod world;
