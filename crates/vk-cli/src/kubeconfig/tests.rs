use std::fs;

use super::*;

fn kubeconfig(server: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
         clusters: [{{name: k, cluster: {{server: \"{server}\"}}}}]\n\
         contexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n\
         users: [{{name: u, user: {user}}}]\n"
    )
}

fn variables(pairs: &[(&'static str, &str)]) -> Environment {
    Environment::new(pairs.iter().map(|(name, value)| (*name, Box::leak((*value).to_owned().into_boxed_str()) as &str)))
}

#[tokio::test]
async fn the_flag_wins_over_the_environment() {
    let directory = tempfile::tempdir().unwrap();
    let (flag, variable) = (directory.path().join("flag"), directory.path().join("variable"));
    fs::write(&flag, kubeconfig("https://flag:1", "{token: t}")).unwrap();
    fs::write(&variable, kubeconfig("https://variable:1", "{token: t}")).unwrap();
    let environment = variables(&[("KUBECONFIG", variable.to_str().unwrap())]);
    let config = load(Some(&flag), &environment).await.unwrap();
    assert_eq!(config.cluster_url.host(), Some("flag"));
    assert!(!config.default_retry);
    let config = load(None, &environment).await.unwrap();
    assert_eq!(config.cluster_url.host(), Some("variable"));
}

#[tokio::test]
async fn the_home_directory_comes_last() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".kube")).unwrap();
    fs::write(home.path().join(".kube/config"), kubeconfig("https://home:1", "{token: t}")).unwrap();
    let environment = variables(&[("HOME", home.path().to_str().unwrap()), ("MASTER_URI", "https://master:2")]);
    let config = load(None, &environment).await.unwrap();
    assert_eq!(config.cluster_url.host(), Some("master"));
}

#[tokio::test]
async fn without_any_way_the_error_names_what_was_tried() {
    let error = load(Some(Path::new("/nowhere/config")), &variables(&[])).await.unwrap_err().to_string();
    assert!(error.contains("/nowhere/config") && error.contains("--kubeconfig"), "{error}");
}

#[tokio::test]
async fn a_broken_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config");
    for (text, part) in [("{", "config"), ("apiVersion: v1\nkind: Config\n", "context")] {
        fs::write(&file, text).unwrap();
        let error = load(Some(&file), &variables(&[])).await.unwrap_err().to_string();
        assert!(error.contains(file.to_str().unwrap()) && error.contains(part), "{error}");
    }
}

#[tokio::test]
async fn the_message_about_a_broken_file_shows_nothing_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config");
    fs::write(&file, "users:\n- name: u\n  user: {token: hunter2\nclusters: []\n").unwrap();
    let error = load(Some(&file), &variables(&[])).await.unwrap_err().to_string();
    assert!(!error.contains("hunter2") && error.contains("line"), "{error}");
}

#[tokio::test]
async fn a_bad_master_uri_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config");
    fs::write(&file, kubeconfig("https://a:1", "{token: t}")).unwrap();
    let error = load(Some(&file), &variables(&[("MASTER_URI", "api server")])).await.unwrap_err().to_string();
    assert!(error.contains("MASTER_URI"), "{error}");
}
