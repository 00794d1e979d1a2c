//! Merge keys of the served kinds: the `patchStrategy` and `patchMergeKey` tags of `k8s.io/api`. Lists that are not
//! named here are replaced as a whole; objects merge field by field.

/// The fields of one type that need more than the general rule.
#[derive(Debug)]
pub(crate) struct PatchType {
    fields: &'static [(&'static str, PatchField)],
}

/// How one field merges.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PatchField {
    /// An object of a type with rules of its own.
    Object(&'static PatchType),
    /// A list of objects that merges by the value of a key.
    KeyedList {
        /// The field that identifies an element.
        key: &'static str,
        /// The elements' own type.
        element: &'static PatchType,
    },
    /// A list of scalars that merges as a set.
    Set,
}

impl PatchType {
    const fn new(fields: &'static [(&'static str, PatchField)]) -> Self {
        Self { fields }
    }

    pub(crate) fn field(&self, name: &str) -> Option<PatchField> {
        self.fields.iter().find(|(field, _)| *field == name).map(|(_, rule)| *rule)
    }

    /// By what the elements of a list are told apart; `None` for lists of scalars.
    pub(crate) fn key_of(&self, list: &str) -> Option<&'static str> {
        match self.field(list) {
            Some(PatchField::KeyedList { key, .. }) => Some(key),
            _ => None,
        }
    }

    /// The type of an object-valued field.
    pub(crate) fn object(&self, name: &str) -> &'static PatchType {
        match self.field(name) {
            Some(PatchField::Object(inner)) => inner,
            _ => &PLAIN,
        }
    }
}

const fn keyed(key: &'static str, element: &'static PatchType) -> PatchField {
    PatchField::KeyedList { key, element }
}

/// A type without any rule.
static PLAIN: PatchType = PatchType::new(&[]);

static METADATA: PatchType =
    PatchType::new(&[("ownerReferences", keyed("uid", &PLAIN)), ("finalizers", PatchField::Set)]);

/// A kind with nothing but metadata to merge by key.
pub(crate) static GENERIC: PatchType = PatchType::new(&[("metadata", PatchField::Object(&METADATA))]);

static CONTAINER: PatchType = PatchType::new(&[
    ("ports", keyed("containerPort", &PLAIN)),
    ("env", keyed("name", &PLAIN)),
    ("volumeMounts", keyed("mountPath", &PLAIN)),
    ("volumeDevices", keyed("devicePath", &PLAIN)),
]);

static POD_SPEC: PatchType = PatchType::new(&[
    ("volumes", keyed("name", &PLAIN)),
    ("initContainers", keyed("name", &CONTAINER)),
    ("containers", keyed("name", &CONTAINER)),
    ("ephemeralContainers", keyed("name", &CONTAINER)),
    ("imagePullSecrets", keyed("name", &PLAIN)),
    ("hostAliases", keyed("ip", &PLAIN)),
    ("topologySpreadConstraints", keyed("topologyKey", &PLAIN)),
    ("schedulingGates", keyed("name", &PLAIN)),
    ("resourceClaims", keyed("name", &PLAIN)),
]);

static POD_STATUS: PatchType = PatchType::new(&[
    ("conditions", keyed("type", &PLAIN)),
    ("hostIPs", keyed("ip", &PLAIN)),
    ("podIPs", keyed("ip", &PLAIN)),
    ("resourceClaimStatuses", keyed("name", &PLAIN)),
]);

pub(crate) static POD: PatchType = PatchType::new(&[
    ("metadata", PatchField::Object(&METADATA)),
    ("spec", PatchField::Object(&POD_SPEC)),
    ("status", PatchField::Object(&POD_STATUS)),
]);

static NODE_SPEC: PatchType = PatchType::new(&[("podCIDRs", PatchField::Set)]);

static NODE_STATUS: PatchType =
    PatchType::new(&[("conditions", keyed("type", &PLAIN)), ("addresses", keyed("type", &PLAIN))]);

pub(crate) static NODE: PatchType = PatchType::new(&[
    ("metadata", PatchField::Object(&METADATA)),
    ("spec", PatchField::Object(&NODE_SPEC)),
    ("status", PatchField::Object(&NODE_STATUS)),
]);

static CONDITIONS: PatchType = PatchType::new(&[("conditions", keyed("type", &PLAIN))]);

pub(crate) static NAMESPACE: PatchType =
    PatchType::new(&[("metadata", PatchField::Object(&METADATA)), ("status", PatchField::Object(&CONDITIONS))]);

pub(crate) static CLAIM: PatchType =
    PatchType::new(&[("metadata", PatchField::Object(&METADATA)), ("status", PatchField::Object(&CONDITIONS))]);

static POD_TEMPLATE: PatchType =
    PatchType::new(&[("metadata", PatchField::Object(&METADATA)), ("spec", PatchField::Object(&POD_SPEC))]);

static JOB_SPEC: PatchType = PatchType::new(&[("template", PatchField::Object(&POD_TEMPLATE))]);

pub(crate) static JOB: PatchType = PatchType::new(&[
    ("metadata", PatchField::Object(&METADATA)),
    ("spec", PatchField::Object(&JOB_SPEC)),
    ("status", PatchField::Object(&CONDITIONS)),
]);

static SERVICE_SPEC: PatchType = PatchType::new(&[("ports", keyed("port", &PLAIN))]);

pub(crate) static SERVICE: PatchType = PatchType::new(&[
    ("metadata", PatchField::Object(&METADATA)),
    ("spec", PatchField::Object(&SERVICE_SPEC)),
    ("status", PatchField::Object(&CONDITIONS)),
]);

pub(crate) static SERVICE_ACCOUNT: PatchType =
    PatchType::new(&[("metadata", PatchField::Object(&METADATA)), ("secrets", keyed("name", &PLAIN))]);
