//! Which type of `k8s-openapi` describes which kind.

use std::borrow::Cow;

use k8s_openapi::Resource;
use k8s_openapi::api::authentication::v1::{SelfSubjectReview, TokenRequest, TokenReview};
use k8s_openapi::api::authorization::v1::{
    LocalSubjectAccessReview, SelfSubjectAccessReview, SelfSubjectRulesReview, SubjectAccessReview,
};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{
    Binding, ConfigMap, Endpoints, Event, Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod, Secret,
    Service, ServiceAccount,
};
use k8s_openapi::api::events::v1::Event as GroupEvent;
use k8s_openapi::api::node::v1::RuntimeClass;
use k8s_openapi::api::policy::v1::Eviction;
use k8s_openapi::schemars::{JsonSchema, Schema, SchemaGenerator};

/// A kind that a document describes.
pub(super) struct Kind {
    pub(super) group: &'static str,
    pub(super) version: &'static str,
    pub(super) kind: &'static str,
    /// The name of its schema.
    pub(super) name: fn() -> Cow<'static, str>,
    /// Puts the schema among the generator's definitions, and answers with a reference to it.
    pub(super) schema: fn(&mut SchemaGenerator) -> Schema,
}

impl Kind {
    const fn of<T: Resource + JsonSchema>() -> Self {
        Self {
            group: T::GROUP,
            version: T::VERSION,
            kind: T::KIND,
            name: T::schema_name,
            schema: |generator| generator.subschema_for::<T>(),
        }
    }
}

/// Everything that is served, and what is sent to subresources.
pub(super) static KINDS: [Kind; 25] = [
    Kind::of::<Binding>(),
    Kind::of::<CertificateSigningRequest>(),
    Kind::of::<ConfigMap>(),
    Kind::of::<Endpoints>(),
    Kind::of::<Event>(),
    Kind::of::<Eviction>(),
    Kind::of::<GroupEvent>(),
    Kind::of::<Job>(),
    Kind::of::<Lease>(),
    Kind::of::<LocalSubjectAccessReview>(),
    Kind::of::<Namespace>(),
    Kind::of::<Node>(),
    Kind::of::<PersistentVolume>(),
    Kind::of::<PersistentVolumeClaim>(),
    Kind::of::<Pod>(),
    Kind::of::<RuntimeClass>(),
    Kind::of::<Secret>(),
    Kind::of::<SelfSubjectAccessReview>(),
    Kind::of::<SelfSubjectReview>(),
    Kind::of::<SelfSubjectRulesReview>(),
    Kind::of::<Service>(),
    Kind::of::<ServiceAccount>(),
    Kind::of::<SubjectAccessReview>(),
    Kind::of::<TokenRequest>(),
    Kind::of::<TokenReview>(),
];
