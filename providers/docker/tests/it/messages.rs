use serde_json::json;

use crate::world::{ended, on_docker, once};

#[test]
fn a_termination_message_is_read() {
    on_docker(|world| async move {
        let pod = world.run(once("echo done well > /dev/termination-log")).await?;
        let seen = world.until_stopped(&pod).await?;
        assert_eq!(ended(&seen, "main").message, "done well\n");
        Ok(())
    });
}

#[test]
fn the_end_of_the_log_stands_in_for_a_missing_message_of_a_failed_container() {
    on_docker(|world| async move {
        for (exit_code, expected) in [(1, "last words\n"), (0, "")] {
            let mut spec = once(&format!("seq 1000; echo last words; exit {exit_code}"));
            spec["containers"][0]["terminationMessagePolicy"] = json!("FallbackToLogsOnError");
            let pod = world.run(spec).await?;
            let message = ended(&world.until_stopped(&pod).await?, "main").message;
            assert!(message.ends_with(expected) && message.len() <= 2048, "{message:?}");
            assert_eq!(message.is_empty(), expected.is_empty());
        }
        Ok(())
    });
}
