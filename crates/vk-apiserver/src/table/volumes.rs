//! PersistentVolumes and the claims to them.

use jiff::Timestamp;
use serde_json::Value;

use super::age::age;
use super::{Column, Printer, or};
use crate::object::Object;

/// Access modes and their short names, in the order in which they are shown.
const ACCESS_MODES: [(&str, &str); 4] =
    [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")];

pub(crate) static VOLUMES: Printer = Printer::new(
    &[
        Column::name(),
        Column::new("Capacity", "How much it holds."),
        Column::new("Access Modes", "How it can be mounted."),
        Column::new("Reclaim Policy", "What becomes of it when its claim is gone."),
        Column::new("Status", "Whether it is bound."),
        Column::new("Claim", "The claim that it is bound to."),
        Column::new("StorageClass", "Its class."),
        Column::new("VolumeAttributesClass", "The class of its attributes."),
        Column::new("Reason", "Why it has failed."),
        Column::age(),
        Column::wide("VolumeMode", "A file system or a block device."),
    ],
    volume,
);

pub(crate) static CLAIMS: Printer = Printer::new(
    &[
        Column::name(),
        Column::new("Status", "Whether it is bound."),
        Column::new("Volume", "The volume that it is bound to."),
        Column::new("Capacity", "How much the volume holds."),
        Column::new("Access Modes", "How the volume can be mounted."),
        Column::new("StorageClass", "Its class."),
        Column::new("VolumeAttributesClass", "The class of its attributes."),
        Column::age(),
        Column::wide("VolumeMode", "A file system or a block device."),
    ],
    claim,
);

fn volume(volume: &Object, now: Timestamp) -> Vec<Value> {
    let claim = volume.at("/spec/claimRef").map(|_| {
        let part = |field: &str| volume.text(&format!("/spec/claimRef/{field}"));
        format!("{}/{}", part("namespace"), part("name"))
    });
    vec![
        volume.name().into(),
        or(volume.text("/spec/capacity/storage"), "0").into(),
        access_modes(volume, "/spec/accessModes").into(),
        volume.text("/spec/persistentVolumeReclaimPolicy").into(),
        phase(volume).into(),
        claim.unwrap_or_default().into(),
        class(volume).into(),
        or_unset(volume, "/spec/volumeAttributesClassName").into(),
        volume.text("/status/reason").into(),
        age(volume, now).into(),
        or_unset(volume, "/spec/volumeMode").into(),
    ]
}

fn claim(claim: &Object, now: Timestamp) -> Vec<Value> {
    let volume = claim.text("/spec/volumeName");
    let (capacity, modes) = if volume.is_empty() {
        ("", String::new())
    } else {
        (or(claim.text("/status/capacity/storage"), "0"), access_modes(claim, "/status/accessModes"))
    };
    vec![
        claim.name().into(),
        phase(claim).into(),
        volume.into(),
        capacity.into(),
        modes.into(),
        class(claim).into(),
        or_unset(claim, "/spec/volumeAttributesClassName").into(),
        age(claim, now).into(),
        or_unset(claim, "/spec/volumeMode").into(),
    ]
}

fn phase(object: &Object) -> &str {
    if object.deletion_timestamp().is_some() { "Terminating" } else { object.text("/status/phase") }
}

/// The class; an old annotation goes before the field.
fn class(object: &Object) -> &str {
    object
        .annotation("volume.beta.kubernetes.io/storage-class")
        .unwrap_or_else(|| object.text("/spec/storageClassName"))
}

fn or_unset<'object>(object: &'object Object, pointer: &str) -> &'object str {
    object.at(pointer).and_then(Value::as_str).unwrap_or("<unset>")
}

fn access_modes(object: &Object, pointer: &str) -> String {
    let modes = object.items(pointer);
    let short: Vec<&str> = ACCESS_MODES
        .iter()
        .filter(|(mode, _)| modes.iter().any(|own| own.as_str() == Some(*mode)))
        .map(|(_, short)| *short)
        .collect();
    short.join(",")
}
