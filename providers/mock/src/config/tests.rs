use std::path::PathBuf;

use super::*;

fn document(text: &str) -> ConfigDocument {
    ConfigDocument::new(Some(PathBuf::from("mock.json")), text)
}

fn refusal(text: &str) -> String {
    NodeConfig::read(&document(text), "vk").unwrap_err().to_string()
}

#[test]
fn the_go_projects_sample_is_read_as_it_is() {
    let text = r#"{ "vkubelet-mock-0": { "cpu": "2", "memory": "32Gi", "pods": "128" } }"#;
    let node = NodeConfig::read(&document(text), "vkubelet-mock-0").unwrap();
    assert_eq!((node.cpu.as_str(), node.memory.as_str(), node.pods.as_str()), ("2", "32Gi", "128"));
}

#[test]
fn what_is_missing_has_the_go_projects_defaults() {
    let expected = ("20", "100Gi", "20");
    for text in [r#"{"other": {"cpu": "1"}}"#, "{}", r#"{"vk": {}}"#, r#"{"vk": {"cpu": "", "memory": null}}"#] {
        let node = NodeConfig::read(&document(text), "vk").unwrap();
        assert_eq!((node.cpu.as_str(), node.memory.as_str(), node.pods.as_str()), expected, "{text}");
    }
    assert_eq!(NodeConfig::read(&ConfigDocument::default(), "vk").unwrap(), NodeConfig::default());
}

#[test]
fn others_and_provider_id_reach_the_node() {
    let text = r#"{"vk": {"CPU": "4", "others": {"nvidia.com/gpu": "2"}, "providerID": "mock://a"}}"#;
    let shape = NodeConfig::read(&document(text), "vk").unwrap().shape();
    assert_eq!(shape.capacity["cpu"], Quantity("4".to_owned()));
    assert_eq!(shape.capacity["nvidia.com/gpu"], Quantity("2".to_owned()));
    assert_eq!(shape.provider_id.as_deref(), Some("mock://a"));
}

#[test]
fn a_bad_quantity_is_named_with_file_line_and_field() {
    let message = refusal("{\n  \"vk\": {\n    \"cpu\": \"many\"\n  }\n}");
    for part in ["mock.json", "line 3", "vk.cpu", "\"many\"", "64Mi"] {
        assert!(message.contains(part), "{message:?} lacks {part:?}");
    }
}

#[test]
fn a_number_without_quotes_is_named_with_its_remedy() {
    let message = refusal("{\"vk\": {\n\"pods\": 20}}");
    for part in ["line 2", "vk.pods", "double quotes"] {
        assert!(message.contains(part), "{message:?} lacks {part:?}");
    }
}

#[test]
fn broken_json_and_wrong_shapes_are_named() {
    assert!(refusal("{\"vk\": {\"cpu\": \"1\",}}").contains("line 1"));
    assert!(refusal("[]").contains("one entry for each node"));
    assert!(refusal(r#"{"vk": {"cpu": "-1"}}"#).contains("negative"));
    assert!(refusal(r#"{"vk": {"others": "gpu"}}"#).contains("vk.others"));
    assert!(refusal(r#"{"vk": {"others": {"gpu": "x"}}}"#).contains("vk.others.gpu"));
    assert!(refusal(r#"{"vk": {}} trailing"#).contains("line 1"));
}
