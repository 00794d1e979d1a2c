//! `virtual-kubelet` with the built-in providers.

use std::process::ExitCode;
use std::sync::Arc;

use vk_provider::ProviderFactory;

fn main() -> ExitCode {
    let built_in: [Arc<dyn ProviderFactory>; 2] =
        [Arc::new(vk_provider_docker::DockerFactory), Arc::new(vk_provider_mock::MockFactory)];
    vk_cli::run(built_in)
}
