//! Events, of either group: both are stored in the shape of the core group.

use jiff::Timestamp;
use serde_json::Value;

use super::age::since;
use super::{Column, Printer, or};
use crate::object::Object;

pub(crate) static EVENTS: Printer = Printer::new(
    &[
        Column::new("Last Seen", "How long ago it happened last."),
        Column::new("Type", "Normal or Warning."),
        Column::new("Reason", "What happened, in one word."),
        Column::new("Object", "What it happened to."),
        Column::wide("Subobject", "Which part of the object it happened to."),
        Column::wide("Source", "Who reports it."),
        Column::new("Message", "What happened."),
        Column::wide("First Seen", "How long ago it happened first."),
        Column::wide("Count", "How often it happened."),
        Column { priority: 1, ..Column::name() },
    ],
    cells,
);

fn cells(event: &Object, now: Timestamp) -> Vec<Value> {
    let first = since(or(event.text("/firstTimestamp"), event.text("/eventTime")), now);
    let (last, count) = if event.at("/series").is_some() {
        (since(event.text("/series/lastObservedTime"), now), event.integer("/series/count").unwrap_or_default())
    } else {
        let last = event.text("/lastTimestamp");
        let last = if last.is_empty() { first.clone() } else { since(last, now) };
        // An event of the newer API that happened once counts nothing.
        (last, event.integer("/count").unwrap_or_default().max(1))
    };
    vec![
        last.into(),
        event.text("/type").into(),
        event.text("/reason").into(),
        target(event).into(),
        event.text("/involvedObject/fieldPath").into(),
        source(event).into(),
        event.text("/message").trim().into(),
        first.into(),
        count.into(),
        event.name().into(),
    ]
}

fn target(event: &Object) -> String {
    let kind = event.text("/involvedObject/kind").to_lowercase();
    match event.text("/involvedObject/name") {
        "" => kind,
        name => format!("{kind}/{name}"),
    }
}

fn source(event: &Object) -> String {
    let component = or(event.text("/source/component"), event.text("/reportingComponent"));
    match or(event.text("/source/host"), event.text("/reportingInstance")) {
        "" => component.to_owned(),
        instance => format!("{component}, {instance}"),
    }
}
