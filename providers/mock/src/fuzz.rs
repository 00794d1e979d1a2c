//! What foreign text meets first, for the fuzz targets in `fuzz/`. Not part of the API: it may change at any time.

use vk_core::ContainerKind;
use vk_provider::Result;

use crate::script::{ANNOTATION_PREFIX, parse};

/// Reads the script of a pod with these annotations, whose names lack our prefix.
///
/// # Errors
/// With the path of the annotation.
pub fn script(annotations: &[(&str, &str)]) -> Result<()> {
    let annotations =
        annotations.iter().map(|(name, value)| (format!("{ANNOTATION_PREFIX}{name}"), (*value).to_owned()));
    let containers = [("main".to_owned(), ContainerKind::App), ("setup".to_owned(), ContainerKind::Init)];
    parse(&annotations.collect(), &containers).map(drop)
}
