use anyhow::{Context as _, bail};
use futures::TryStreamExt as _;
use jiff::Timestamp;
use serde_json::json;
use vk_provider::{LogReply, LogRequest, LogStream, Provider};

use crate::world::{on_docker, once, script};

#[test]
fn every_option_of_a_log_is_honoured() {
    on_docker(|world| async move {
        let pod = world.run(once("for i in 1 2 3; do echo out $i; echo err $i >&2; done")).await?;
        world.until_stopped(&pod).await?;
        assert_eq!(world.log(&pod, |log| log.stream = LogStream::Stdout).await?, "out 1\nout 2\nout 3\n");
        assert_eq!(world.log(&pod, |log| log.stream = LogStream::Stderr).await?, "err 1\nerr 2\nerr 3\n");
        let all = world.log(&pod, |_| {}).await?;
        assert_eq!(all.lines().count(), 6);
        assert_eq!(world.log(&pod, |log| log.tail_lines = Some(2)).await?.lines().count(), 2);
        let stamped = world.log(&pod, |log| log.timestamps = true).await?;
        for line in stamped.lines() {
            let (time, _) = line.split_once(' ').unwrap();
            time.parse::<Timestamp>()?;
        }
        let times: Vec<Timestamp> =
            stamped.lines().map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect();
        let since_the_last = world.log(&pod, |log| log.since = times.last().copied()).await?;
        assert_eq!(since_the_last, all.lines().last().map(|line| format!("{line}\n")).unwrap(), "to the nanosecond");
        let later = Timestamp::now() + jiff::SignedDuration::from_secs(10);
        assert_eq!(world.log(&pod, |log| log.since = Some(later)).await?, "");
        Ok(())
    });
}

#[test]
fn a_followed_log_ends_with_its_container() {
    on_docker(|world| async move {
        let mut main = script("echo 1; until test -e /v/go; do sleep 0.1; done; echo 2; echo 3");
        main["volumeMounts"] = json!([{"name": "v", "mountPath": "/v"}]);
        let volumes = json!([{"name": "v", "emptyDir": {}}]);
        let pod = world.run(json!({"restartPolicy": "Never", "volumes": volumes, "containers": [main]})).await?;
        world.until_running(&pod).await?;
        let mut request = LogRequest::new(pod.target(), "main");
        request.follow = true;
        let logs = world.engine.describe().interfaces.logs.clone().context("the provider has logs")?;
        let LogReply::Stream(mut stream) = logs.open(request).await? else { bail!("Docker streams its logs") };
        let first = stream.try_next().await?.context("the first line")?;
        assert_eq!(first, "1\n");
        std::fs::write(world.volume_dirs(&pod)[0].join("empty/v/go"), "")?;
        let rest: Vec<_> = stream.try_collect().await?;
        assert_eq!(rest.concat(), b"2\n3\n");
        Ok(())
    });
}

#[test]
fn previous_is_the_run_before() {
    on_docker(|world| async move {
        let mut main =
            script("if test -e /v/ran; then echo second; exec sleep 1000; fi; touch /v/ran; echo first; exit 1");
        main["volumeMounts"] = json!([{"name": "v", "mountPath": "/v"}]);
        let pod = world.run(json!({"volumes": [{"name": "v", "emptyDir": {}}], "containers": [main]})).await?;
        world
            .until(&pod, "the second run", |seen| seen.containers[0].restarts == 1 && seen.containers[0].last.is_some())
            .await?;
        world.until_running(&pod).await?;
        world
            .eventually("the second run speaks", || async {
                world.log(&pod, |_| {}).await.is_ok_and(|log| log == "second\n")
            })
            .await?;
        assert_eq!(world.log(&pod, |log| log.previous = true).await?, "first\n");
        Ok(())
    });
}

#[test]
fn a_log_that_is_not_there_says_why() {
    on_docker(|world| async move {
        let pod = world
            .run(json!({"containers": [{"name": "main", "image": "localhost/none:1", "imagePullPolicy": "Never"}]}))
            .await?;
        world.until_waiting(&pod, "main", "ErrImageNeverPull").await?;
        let error = world.log(&pod, |_| {}).await.unwrap_err().to_string();
        assert!(error.contains("waiting to start: ErrImageNeverPull"), "{error}");
        let error = world.log(&pod, |log| log.container = "other".to_owned()).await.unwrap_err().to_string();
        assert!(error.contains("container \"other\" in pod"), "{error}");
        let logs = world.engine.describe().interfaces.logs.is_some();
        assert!(logs);
        Ok(())
    });
}
