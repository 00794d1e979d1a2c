//! Label and field selectors of lists and watches.

mod field;
mod label;

pub(crate) use field::FieldSelector;
pub(crate) use label::LabelSelector;

use crate::object::Object;
use crate::resource::Resource;

/// Both selectors of one request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Selector {
    pub(crate) labels: LabelSelector,
    pub(crate) fields: FieldSelector,
}

impl Selector {
    /// Whether everything is selected.
    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether an object, in its stored form, is selected.
    pub(crate) fn matches(&self, resource: &Resource, object: &Object) -> bool {
        self.labels.matches(&object.labels()) && self.fields.matches(resource, object)
    }
}
