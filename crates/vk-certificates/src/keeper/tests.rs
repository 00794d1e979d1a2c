use std::sync::Arc;

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::certificates::v1::CertificateSigningRequest;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Client};
use parking_lot::Mutex;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use vk_apiserver::{ApiServer, Clock, Identity, Options, VirtualClock};
use vk_controller::env::{Random, Spawner};
use vk_core::node::{NodeAddress, NodeName};

use super::*;

/// Nothing here spawns.
struct NoSpawner;

impl Spawner for NoSpawner {
    fn spawn(&self, _name: &'static str, _future: BoxFuture<'static, ()>) {}
}

const LIFE: SignedDuration = SignedDuration::from_hours(100);

struct World {
    server: ApiServer,
    clock: VirtualClock,
    requests: Api<CertificateSigningRequest>,
    directory: TempDir,
    told: Arc<Mutex<Vec<String>>>,
}

impl World {
    fn new() -> Self {
        let clock = VirtualClock::starting_at("2026-11-22T14:00:00Z".parse().unwrap());
        let server = ApiServer::new(Options::default(), clock);
        let requests = Api::all(Client::new(server.service(Identity::admin()), "default"));
        Self { server, clock, requests, directory: TempDir::new().unwrap(), told: Arc::default() }
    }

    fn store(&self) -> CertificateStore {
        CertificateStore::new(self.directory.path(), "kubelet-server")
    }

    fn keeper_of(&self, identity: Identity) -> Keeper {
        self.keeper(Source::cluster(Client::new(self.server.service(identity), "default")))
    }

    fn keeper(&self, source: Source) -> Keeper {
        let (clock, told) = (self.clock, self.told.clone());
        let env = Env::new(Arc::new(move || clock.wall()), Random::seeded(1), Arc::new(NoSpawner));
        let tell: Tell = Arc::new(move |notice| told.lock().push(format!("{}: {notice}", notice.reason())));
        Keeper::new(self.store(), source, env, tell)
    }

    /// Keeps a certificate for these addresses.
    fn run(&self, addresses: &[&str]) -> (watch::Sender<Option<Wanted>>, watch::Receiver<u64>, JoinHandle<()>) {
        let (wanted, wish) = watch::channel(Some(serving(addresses)));
        let keeper = self.keeper_of(Identity::node("virtual-1"));
        let issued = keeper.issued();
        (wanted, issued, tokio::spawn(keeper.run(wish)))
    }

    async fn all(&self) -> Vec<String> {
        let list = self.requests.list(&ListParams::default()).await.unwrap();
        list.items.into_iter().filter_map(|request| request.metadata.name).collect()
    }

    /// Waits until there are this many requests; answers with the newest one that is not among those.
    async fn until_request(&self, known: &[String]) -> String {
        loop {
            if let Some(new) = self.all().await.into_iter().find(|name| !known.contains(name)) {
                return new;
            }
            sleep(Duration::from_secs(60)).await;
        }
    }

    async fn condition(&self, name: &str, kind: &str) {
        let condition = json!({"type": kind, "status": "True", "reason": "Tested", "message": "by the test"});
        let patch = json!({"status": {"conditions": [condition]}});
        self.patch("approval", name, patch).await;
    }

    async fn patch(&self, subresource: &str, name: &str, patch: Value) {
        let params = PatchParams::default();
        self.requests.patch_subresource(subresource, name, &params, &Patch::Merge(patch)).await.unwrap();
    }

    /// Approves and signs, as the approver and the signer do: with the key that waits, from now on.
    async fn issue(&self, name: &str, names: &[&str]) {
        self.condition(name, "Approved").await;
        let key = KeyPair::from_pem(&self.store().pending_key().await.unwrap().unwrap()).unwrap();
        let chain = chain(&key, names, self.clock.wall());
        let encoded = k8s_openapi::ByteString(chain.into_bytes());
        self.patch("status", name, json!({"status": {"certificate": encoded}})).await;
    }

    async fn until_told(&self, words: &str) -> String {
        loop {
            if let Some(found) = self.told.lock().iter().find(|told| told.contains(words)).cloned() {
                return found;
            }
            sleep(Duration::from_secs(1)).await;
        }
    }
}

fn serving(addresses: &[&str]) -> Wanted {
    let address = |text: &&str| NodeAddress { kind: "InternalIP".to_owned(), address: (*text).to_owned() };
    let addresses: Vec<NodeAddress> = addresses.iter().map(address).collect();
    Wanted::serving(NodeName::parse("virtual-1").unwrap(), &addresses).unwrap()
}

fn chain(key: &KeyPair, names: &[&str], from: Timestamp) -> String {
    let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "system:node:virtual-1");
    let date = |at: Timestamp| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(at.as_second().unsigned_abs());
    (params.not_before, params.not_after) = (date(from), date(from + LIFE));
    params.self_signed(key).unwrap().pem()
}

#[tokio::test(start_paused = true)]
async fn a_certificate_is_asked_for_kept_and_renewed_in_time() {
    let world = World::new();
    let (_wanted, mut issued, running) = world.run(&["10.0.0.1"]);
    let first = world.until_request(&[]).await;
    let told = world.until_told("CertificateAwaitsApproval").await;
    assert!(told.contains(&format!("kubectl certificate approve {first}")), "{told}");
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(*issued.borrow(), 0, "nobody has approved it");
    world.issue(&first, &["10.0.0.1"]).await;
    issued.changed().await.unwrap();
    let before = world.store().load().await.unwrap().unwrap();
    assert_eq!(world.store().pending_key().await.unwrap(), None);

    let begun = world.clock.wall();
    let second = world.until_request(std::slice::from_ref(&first)).await;
    let lived = world.clock.wall().duration_since(before.facts().not_before).as_secs();
    assert!((70..=91).contains(&(lived * 100 / LIFE.as_secs())), "asked after {lived} s, since {begun}");
    assert_eq!(world.store().load().await.unwrap().unwrap().pem(), before.pem(), "the old one stays until then");
    world.issue(&second, &["10.0.0.1"]).await;
    issued.changed().await.unwrap();
    assert_ne!(world.store().load().await.unwrap().unwrap().pem(), before.pem());
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn a_denial_is_told_and_another_request_follows_later() {
    let world = World::new();
    let (_wanted, _issued, running) = world.run(&["10.0.0.1"]);
    let first = world.until_request(&[]).await;
    world.condition(&first, "Denied").await;
    let told = world.until_told("CertificateDenied").await;
    assert!(told.contains(&first) && told.contains("Tested: by the test"), "{told}");
    let second = world.until_request(std::slice::from_ref(&first)).await;
    world.condition(&second, "Denied").await;
    let third = world.until_request(&[first, second]).await;
    world.requests.delete(&third, &DeleteParams::default()).await.unwrap();
    world.until_told("was deleted").await;
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_back_finds_the_request_that_waits() {
    let world = World::new();
    let (_wanted, _issued, running) = world.run(&["10.0.0.1"]);
    let name = world.until_request(&[]).await;
    running.abort();
    let (_wanted, mut issued, running) = world.run(&["10.0.0.1"]);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(world.all().await, std::slice::from_ref(&name));
    world.issue(&name, &["10.0.0.1"]).await;
    issued.changed().await.unwrap();
    running.abort();
    // Nor is anything asked for while what is kept is good.
    let (_wanted, _issued, running) = world.run(&["10.0.0.1"]);
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(world.all().await, [name]);
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn another_address_takes_another_certificate() {
    let world = World::new();
    let (wanted, mut issued, running) = world.run(&["10.0.0.1"]);
    let first = world.until_request(&[]).await;
    // Also while a request waits.
    wanted.send_replace(Some(serving(&["10.0.0.2"])));
    let second = world.until_request(std::slice::from_ref(&first)).await;
    world.issue(&second, &["10.0.0.2"]).await;
    issued.changed().await.unwrap();
    wanted.send_replace(Some(serving(&["10.0.0.2", "10.0.0.3"])));
    let told = world.until_told("does not name 10.0.0.3").await;
    assert!(told.contains("kubelet-server-"), "{told}");
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn a_signer_that_leaves_out_names_is_not_asked_without_end() {
    let world = World::new();
    let (_wanted, issued, running) = world.run(&["10.0.0.1"]);
    let first = world.until_request(&[]).await;
    world.issue(&first, &["10.0.0.9"]).await;
    let told = world.until_told("does not help").await;
    assert!(told.contains("10.0.0.1"), "{told}");
    assert_eq!(*issued.borrow(), 0);
    assert!(world.store().load().await.unwrap().is_none());
    world.until_request(&[first]).await;
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_is_named() {
    let world = World::new();
    let (_wanted, wish) = watch::channel(Some(serving(&["10.0.0.1"])));
    let keeper = world.keeper_of(Identity::service_account("default", "agent"));
    let running = tokio::spawn(keeper.run(wish));
    let told = world.until_told("CertificateFailed").await;
    assert!(told.contains("not permitted: create certificatesigningrequests.certificates.k8s.io"), "{told}");
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_told_and_replaced() {
    let world = World::new();
    std::fs::write(world.store().current_path(), "garbage").unwrap();
    let (_wanted, _issued, running) = world.run(&["10.0.0.1"]);
    world.until_told("CertificateUnusable").await;
    world.until_request(&[]).await;
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_first_certificate_gets_it_and_asks_for_none_that_works() {
    let world = World::new();
    let mut keeper = world.keeper_of(Identity::node("virtual-1"));
    let wanted = serving(&["10.0.0.1"]);
    let obtaining = tokio::spawn(async move {
        keeper.obtain(&wanted).await;
        keeper.obtain(&wanted).await;
    });
    let name = world.until_request(&[]).await;
    world.issue(&name, &["10.0.0.1"]).await;
    obtaining.await.unwrap();
    sleep(Duration::from_secs(95 * 3600)).await;
    // It is due, and it works still.
    world.keeper_of(Identity::node("virtual-1")).obtain(&serving(&["10.0.0.1"])).await;
    assert_eq!(world.all().await, [name]);
}

#[tokio::test(start_paused = true)]
async fn a_certificate_of_its_own_key_asks_nobody_and_is_renewed_too() {
    let world = World::new();
    let keeper = world.keeper(Source::OwnKey);
    let mut issued = keeper.issued();
    let (wanted, wish) = watch::channel(Some(serving(&["10.0.0.1"])));
    let running = tokio::spawn(keeper.run(wish));
    issued.changed().await.unwrap();
    let first = world.store().load().await.unwrap().unwrap();
    assert_eq!(first.facts().names, serving(&["10.0.0.1"]).names());
    wanted.send_replace(Some(serving(&["10.0.0.2"])));
    issued.changed().await.unwrap();
    let second = world.store().load().await.unwrap().unwrap();
    assert_eq!(second.facts().names, serving(&["10.0.0.2"]).names());
    sleep(Duration::from_secs(350 * 24 * 3600)).await;
    assert!(world.store().load().await.unwrap().unwrap().facts().not_after > second.facts().not_after);
    assert_eq!(world.all().await, [""; 0]);
    running.abort();
}

/// No signer runs, or it passes the request over without a word.
#[tokio::test(start_paused = true)]
async fn a_request_that_nobody_signs_is_told() {
    let world = World::new();
    let (_wanted, mut issued, running) = world.run(&["10.0.0.1"]);
    let request = world.until_request(&[]).await;
    sleep(Duration::from_secs(3600)).await;
    assert!(!world.told.lock().iter().any(|told| told.contains("not signed")), "it was not approved yet");
    world.condition(&request, "Approved").await;
    let told = world.until_told("CertificateAwaitsSignature").await;
    assert!(told.contains(&request) && told.contains("kubernetes.io/kubelet-serving"), "{told}");
    sleep(Duration::from_secs(3600)).await;
    let reminders = world.told.lock().iter().filter(|told| told.contains("CertificateAwaitsSignature")).count();
    assert!((5..=7).contains(&reminders), "{reminders} in an hour");
    world.issue(&request, &["10.0.0.1"]).await;
    issued.changed().await.unwrap();
    running.abort();
}
