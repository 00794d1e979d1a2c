//! ConfigMaps, Secrets and RuntimeClasses.

use serde_json::Value;

use super::age::age;
use super::{Column, Printer};
use crate::object::Object;

pub(crate) static CONFIG_MAPS: Printer =
    Printer::new(&[Column::name(), Column::new("Data", "How many keys it has."), Column::age()], |map, now| {
        let keys = entries(map, "/data") + entries(map, "/binaryData");
        vec![map.name().into(), keys.into(), age(map, now).into()]
    });

pub(crate) static SECRETS: Printer = Printer::new(
    &[
        Column::name(),
        Column::new("Type", "What the secret is for."),
        Column::new("Data", "How many keys it has."),
        Column::age(),
    ],
    |secret, now| {
        let keys = entries(secret, "/data");
        vec![secret.name().into(), secret.text("/type").into(), keys.into(), age(secret, now).into()]
    },
);

pub(crate) static RUNTIME_CLASSES: Printer = Printer::new(
    &[Column::name(), Column::new("Handler", "The handler that nodes run such pods with."), Column::age()],
    |class, now| vec![class.name().into(), class.text("/handler").into(), age(class, now).into()],
);

fn entries(object: &Object, pointer: &str) -> usize {
    object.at(pointer).and_then(Value::as_object).map_or(0, serde_json::Map::len)
}
