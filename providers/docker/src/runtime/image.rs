//! Images.

use bollard::Docker;
use bollard::auth::DockerCredentials;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures::TryStreamExt;
use vk_core::{Error, ErrorKind, Result};
use vk_pod_engine::runtime::{Credentials, Image, PullRequest};

use crate::connection::{error_of, read_error, status_of};

/// Looks for an image in Docker's own store.
pub(super) async fn find(docker: &Docker, reference: &str) -> Result<Option<Image>> {
    let found = match docker.inspect_image(reference).await {
        Ok(found) => found,
        Err(error) if status_of(&error) == Some(404) => return Ok(None),
        Err(error) => return Err(read_error(error)),
    };
    let Some(id) = found.id else { return Ok(None) };
    let user = found.config.and_then(|config| config.user).unwrap_or_default();
    let size = found.size.and_then(|size| u64::try_from(size).ok());
    Ok(Some(Image::new(id).with_size(size).with_user(user)))
}

/// Fetches an image, with each of the credentials in turn until one will do.
pub(super) async fn pull(docker: &Docker, request: &PullRequest) -> Result<Image> {
    let (name, tag) = split(&request.reference);
    let mut attempts: Vec<Option<DockerCredentials>> =
        request.credentials.iter().map(|credentials| Some(docker_credentials(credentials))).collect();
    if attempts.is_empty() {
        attempts.push(None);
    }
    let mut refusal = None;
    for credentials in attempts {
        let options = CreateImageOptionsBuilder::default().from_image(&name).tag(&tag).build();
        match docker.create_image(Some(options), None, credentials).try_for_each(|_| async { Ok(()) }).await {
            Ok(()) => {
                let missing = || Error::internal(format!("Docker fetched {} and does not know it", request.reference));
                return find(docker, &request.reference).await?.ok_or_else(missing);
            }
            Err(error) => match error_of(error) {
                // Docker itself did not answer; its registry's answers come as refusals.
                error if matches!(error.kind, ErrorKind::Unavailable | ErrorKind::OutcomeUnknown) => return Err(error),
                // It is the registry that refuses the credentials, not Docker that refuses ours.
                error => refusal = Some(Error::internal(error.message)),
            },
        }
    }
    Err(refusal.unwrap_or_else(|| Error::internal("no way to fetch the image was left")))
}

fn docker_credentials(credentials: &Credentials) -> DockerCredentials {
    let token = credentials.identity_token.as_ref().map(|token| token.reveal().to_owned());
    DockerCredentials {
        username: Some(credentials.username.clone()),
        password: Some(credentials.password.reveal().to_owned()).filter(|password| !password.is_empty()),
        serveraddress: Some(credentials.registry.clone()),
        identitytoken: token,
        ..DockerCredentials::default()
    }
}

/// Name, and tag or digest. Without either, Docker would fetch every tag there is.
fn split(reference: &str) -> (String, String) {
    if let Some((name, digest)) = reference.split_once('@') {
        return (name.to_owned(), digest.to_owned());
    }
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name.to_owned(), tag.to_owned()),
        _ => (reference.to_owned(), "latest".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_always_names_one_image() {
        let pair = |name: &str, tag: &str| (name.to_owned(), tag.to_owned());
        assert_eq!(split("busybox"), pair("busybox", "latest"));
        assert_eq!(split("localhost:5000/busybox"), pair("localhost:5000/busybox", "latest"));
        assert_eq!(split("localhost:5000/busybox:1"), pair("localhost:5000/busybox", "1"));
        assert_eq!(split("busybox@sha256:ab"), pair("busybox", "sha256:ab"));
    }
}
