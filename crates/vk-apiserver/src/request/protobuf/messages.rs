//! The numbers of fields (`generated.proto` in `k8s.io/api` and `k8s.io/apimachinery`), and what Go makes of them.

/// A message by its fields: number, name in JSON, what it holds.
pub(super) struct Message {
    pub(super) fields: &'static [(u64, &'static str, Field)],
}

/// What a field holds. Only what is optional here can be empty and still mean something.
pub(super) enum Field {
    Text,
    OptionalText,
    Number,
    OptionalNumber,
    OptionalFlag,
    Time,
    Texts,
    TextsByName,
    BytesByName,
    Object(&'static Message),
    Objects(&'static Message),
    /// What a client cannot set in a request that carries this message.
    Ignored,
}

use Field::{
    BytesByName, Ignored, Number, Object, Objects, OptionalFlag, OptionalNumber, OptionalText, Text, Texts,
    TextsByName, Time,
};

const METADATA: (u64, &str, Field) = (1, "metadata", Object(&OBJECT_META));

/// apiVersion, kind and message of each body that can be read.
pub(super) static KINDS: [(&str, &str, &Message); 14] = [
    ("v1", "Binding", &Message { fields: &[METADATA, (2, "target", Object(&OBJECT_REFERENCE))] }),
    ("v1", "ConfigMap", &CONFIG_MAP),
    ("v1", "DeleteOptions", &DELETE_OPTIONS),
    ("v1", "Namespace", &NAMESPACE),
    ("v1", "Secret", &SECRET),
    ("v1", "ServiceAccount", &SERVICE_ACCOUNT),
    ("authentication.k8s.io/v1", "SelfSubjectReview", &Message { fields: &[METADATA, (2, "status", Ignored)] }),
    ("authentication.k8s.io/v1", "TokenRequest", &TOKEN_REQUEST),
    ("authentication.k8s.io/v1", "TokenReview", &TOKEN_REVIEW),
    ("authorization.k8s.io/v1", "LocalSubjectAccessReview", &SUBJECT_ACCESS_REVIEW),
    ("authorization.k8s.io/v1", "SelfSubjectAccessReview", &SELF_SUBJECT_ACCESS_REVIEW),
    ("authorization.k8s.io/v1", "SelfSubjectRulesReview", &SELF_SUBJECT_RULES_REVIEW),
    ("authorization.k8s.io/v1", "SubjectAccessReview", &SUBJECT_ACCESS_REVIEW),
    ("policy/v1", "Eviction", &Message { fields: &[METADATA, (2, "deleteOptions", Object(&DELETE_OPTIONS))] }),
];

static OBJECT_META: Message = Message {
    fields: &[
        (1, "name", Text),
        (2, "generateName", Text),
        (3, "namespace", Text),
        (4, "selfLink", Text),
        (5, "uid", Text),
        (6, "resourceVersion", Text),
        (7, "generation", Number),
        (8, "creationTimestamp", Time),
        (9, "deletionTimestamp", Time),
        (10, "deletionGracePeriodSeconds", OptionalNumber),
        (11, "labels", TextsByName),
        (12, "annotations", TextsByName),
        (13, "ownerReferences", Objects(&OWNER_REFERENCE)),
        (14, "finalizers", Texts),
        (17, "managedFields", Ignored),
    ],
};

static OWNER_REFERENCE: Message = Message {
    fields: &[
        (1, "kind", Text),
        (3, "name", Text),
        (4, "uid", Text),
        (5, "apiVersion", Text),
        (6, "controller", OptionalFlag),
        (7, "blockOwnerDeletion", OptionalFlag),
    ],
};

static OBJECT_REFERENCE: Message = Message {
    fields: &[
        (1, "kind", Text),
        (2, "namespace", Text),
        (3, "name", Text),
        (4, "uid", Text),
        (5, "apiVersion", Text),
        (6, "resourceVersion", Text),
        (7, "fieldPath", Text),
    ],
};

static DELETE_OPTIONS: Message = Message {
    fields: &[
        (1, "gracePeriodSeconds", OptionalNumber),
        (2, "preconditions", Object(&PRECONDITIONS)),
        (3, "orphanDependents", OptionalFlag),
        (4, "propagationPolicy", OptionalText),
        (5, "dryRun", Texts),
    ],
};

static PRECONDITIONS: Message = Message { fields: &[(1, "uid", OptionalText), (2, "resourceVersion", OptionalText)] };

static CONFIG_MAP: Message = Message {
    fields: &[METADATA, (2, "data", TextsByName), (3, "binaryData", BytesByName), (4, "immutable", OptionalFlag)],
};

static SECRET: Message = Message {
    fields: &[
        METADATA,
        (2, "data", BytesByName),
        (3, "type", Text),
        (4, "stringData", TextsByName),
        (5, "immutable", OptionalFlag),
    ],
};

static NAMESPACE: Message = Message {
    fields: &[METADATA, (2, "spec", Object(&Message { fields: &[(1, "finalizers", Texts)] })), (3, "status", Ignored)],
};

static SERVICE_ACCOUNT: Message = Message {
    fields: &[
        METADATA,
        (2, "secrets", Objects(&OBJECT_REFERENCE)),
        (3, "imagePullSecrets", Objects(&Message { fields: &[(1, "name", Text)] })),
        (4, "automountServiceAccountToken", OptionalFlag),
    ],
};

static TOKEN_REQUEST: Message =
    Message { fields: &[METADATA, (2, "spec", Object(&TOKEN_REQUEST_SPEC)), (3, "status", Ignored)] };

static TOKEN_REQUEST_SPEC: Message = Message {
    fields: &[
        (1, "audiences", Texts),
        (3, "boundObjectRef", Object(&BOUND_OBJECT_REFERENCE)),
        (4, "expirationSeconds", OptionalNumber),
    ],
};

static BOUND_OBJECT_REFERENCE: Message =
    Message { fields: &[(1, "kind", Text), (2, "apiVersion", Text), (3, "name", Text), (4, "uid", Text)] };

static TOKEN_REVIEW: Message = Message {
    fields: &[
        METADATA,
        (2, "spec", Object(&Message { fields: &[(1, "token", Text), (2, "audiences", Texts)] })),
        (3, "status", Ignored),
    ],
};

static RESOURCE_ATTRIBUTES: Message = Message {
    fields: &[
        (1, "namespace", Text),
        (2, "verb", Text),
        (3, "group", Text),
        (4, "version", Text),
        (5, "resource", Text),
        (6, "subresource", Text),
        (7, "name", Text),
    ],
};

static NON_RESOURCE_ATTRIBUTES: Message = Message { fields: &[(1, "path", Text), (2, "verb", Text)] };

static SELF_SUBJECT_ACCESS_REVIEW: Message = Message {
    fields: &[
        METADATA,
        (
            2,
            "spec",
            Object(&Message {
                fields: &[
                    (1, "resourceAttributes", Object(&RESOURCE_ATTRIBUTES)),
                    (2, "nonResourceAttributes", Object(&NON_RESOURCE_ATTRIBUTES)),
                ],
            }),
        ),
        (3, "status", Ignored),
    ],
};

static SELF_SUBJECT_RULES_REVIEW: Message = Message {
    fields: &[METADATA, (2, "spec", Object(&Message { fields: &[(1, "namespace", Text)] })), (3, "status", Ignored)],
};

static SUBJECT_ACCESS_REVIEW: Message =
    Message { fields: &[METADATA, (2, "spec", Object(&SUBJECT_ACCESS_REVIEW_SPEC)), (3, "status", Ignored)] };

static SUBJECT_ACCESS_REVIEW_SPEC: Message = Message {
    fields: &[
        (1, "resourceAttributes", Object(&RESOURCE_ATTRIBUTES)),
        (2, "nonResourceAttributes", Object(&NON_RESOURCE_ATTRIBUTES)),
        (3, "user", Text),
        (4, "groups", Texts),
        (6, "uid", Text),
    ],
};
