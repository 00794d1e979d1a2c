use serde_json::json;

use crate::world::on_docker;

#[test]
fn an_image_that_does_not_exist_is_an_error_and_then_a_back_off() {
    on_docker(|world| async move {
        // Nothing listens there: no test reaches beyond loopback.
        let pod = world.run(json!({"containers": [{"name": "main", "image": "127.0.0.1:1/none:1"}]})).await?;
        world.until_waiting(&pod, "main", "ErrImagePull").await?;
        world.until_waiting(&pod, "main", "ImagePullBackOff").await?;
        let events = pod.events.text();
        assert!(events.contains("Pulling Pulling image \"127.0.0.1:1/none:1\""), "{events}");
        assert!(events.contains("Failed Failed to pull image \"127.0.0.1:1/none:1\""), "{events}");
        assert!(events.contains("BackOff Back-off pulling image"), "{events}");
        Ok(())
    });
}

#[test]
fn an_image_that_may_not_be_pulled_is_named() {
    on_docker(|world| async move {
        let container = json!({"name": "main", "image": "localhost/none:1", "imagePullPolicy": "Never"});
        let pod = world.run(json!({"containers": [container]})).await?;
        world.until_waiting(&pod, "main", "ErrImageNeverPull").await?;
        assert!(pod.events.text().contains("ErrImageNeverPull"), "{}", pod.events.text());
        Ok(())
    });
}
