//! A table of kubelet outcomes: what happens to a pod, and what its status says then.
//!
//! Each row was checked against the kubelet of Kubernetes 1.36: `getPhase`, `convertToAPIContainerStatuses`,
//! `TerminatePod` and the condition generators.

use expect_test::{Expect, expect};

use super::scenario::Scenario;

/// `spec: steps` on one line, the status on the next.
fn check(rows: &[(&str, &str)], expected: &Expect) {
    let mut table = String::new();
    for (spec, steps) in rows {
        let mut scenario = Scenario::new(spec);
        scenario.steps(steps);
        table += &format!("{spec}: {steps}\n    {}\n", scenario.summary());
    }
    expected.assert_eq(&table);
}

#[test]
fn before_anything_runs() {
    check(
        &[
            ("Always a:app", "waiting:ContainerCreating"),
            ("Always i:setup a:app", "waiting:ContainerCreating"),
            ("Always a:app a:bus", "waiting:CreateContainerConfigError"),
            ("Always a:app", "provisioning:PullingImage"),
            ("Always a:app", "active app=wait:ErrImagePull"),
            ("Always a:app", "waiting:ContainerCreating app=wait:Old"),
            ("Always a:app a:bus", "active app=run"),
        ],
        &expect![[r#"
            Always a:app: waiting:ContainerCreating
                Pending | S- I+ C-ContainersNotReady R-ContainersNotReady | app=ContainerCreating
            Always i:setup a:app: waiting:ContainerCreating
                Pending | S- I-ContainersNotInitialized C-ContainersNotReady R-ContainersNotReady | setup=PodInitializing app=PodInitializing
            Always a:app a:bus: waiting:CreateContainerConfigError
                Pending | S- I+ C-ContainersNotReady R-ContainersNotReady | app=CreateContainerConfigError bus=CreateContainerConfigError
            Always a:app: provisioning:PullingImage
                Pending | S- I+ C-ContainersNotReady R-ContainersNotReady | app=PullingImage
            Always a:app: active app=wait:ErrImagePull
                Pending | S- I+ C-ContainersNotReady R-ContainersNotReady | app=ErrImagePull
            Always a:app: waiting:ContainerCreating app=wait:Old
                Pending | S- I+ C-ContainersNotReady R-ContainersNotReady | app=ContainerCreating
            Always a:app a:bus: active app=run
                Pending | S+ I+ C-ContainersNotReady R-ContainersNotReady | app=ready bus=ContainerCreating
        "#]],
    );
}

#[test]
fn regular_containers() {
    check(
        &[
            ("Always a:app", "active app=run"),
            ("Always a:app a:bus", "active app=run bus=exit:1"),
            ("Always a:app", "active app=run > active app=back:1"),
            ("Always a:app", "active app=run > active app=back:1 > active app=run#1"),
            ("Always a:app", "active app=exit:0"),
            ("OnFailure a:app", "active app=exit:1"),
            ("OnFailure a:app", "active app=exit:0"),
            ("Never a:app", "active app=exit:0"),
            ("Never a:app", "active app=exit:3"),
            ("Never a:app a:bus", "active app=exit:0 bus=run"),
            ("Never a:app a:bus", "active app=exit:0 bus=exit:2"),
            ("Never a:app e:debug", "active app=exit:0 debug=run"),
            ("Never a:app", "active app=run > active app=wait:Odd"),
        ],
        &expect![[r#"
            Always a:app: active app=run
                Running | S+ I+ C+ R+ | app=ready
            Always a:app a:bus: active app=run bus=exit:1
                Running | S+ I+ C-ContainersNotReady R-ContainersNotReady | app=ready bus=Error:1
            Always a:app: active app=run > active app=back:1
                Running | S+ I+ C-ContainersNotReady R-ContainersNotReady | app=CrashLoopBackOff<Error:1
            Always a:app: active app=run > active app=back:1 > active app=run#1
                Running | S+ I+ C+ R+ | app=ready<Error:1#1
            Always a:app: active app=exit:0
                Running | S+ I+ C-ContainersNotReady R-ContainersNotReady | app=Completed:0
            OnFailure a:app: active app=exit:1
                Running | S+ I+ C-ContainersNotReady R-ContainersNotReady | app=Error:1
            OnFailure a:app: active app=exit:0
                Succeeded | S- I+ C-PodCompleted R-PodCompleted | app=Completed:0
            Never a:app: active app=exit:0
                Succeeded | S- I+ C-PodCompleted R-PodCompleted | app=Completed:0
            Never a:app: active app=exit:3
                Failed | S- I+ C-PodFailed R-PodFailed | app=Error:3
            Never a:app a:bus: active app=exit:0 bus=run
                Running | S+ I+ C-ContainersNotReady R-ContainersNotReady | app=Completed:0 bus=ready
            Never a:app a:bus: active app=exit:0 bus=exit:2
                Failed | S- I+ C-PodFailed R-PodFailed | app=Completed:0 bus=Error:2
            Never a:app e:debug: active app=exit:0 debug=run
                Pending | S+ I+ C-ContainersNotReady R-ContainersNotReady | app=Completed:0 debug=run
            Never a:app: active app=run > active app=wait:Odd
                Running | S+ I+ C-ContainersNotReady R-ContainersNotReady | app=Odd<ContainerStatusUnknown:137
        "#]],
    );
}

#[test]
fn init_containers() {
    check(
        &[
            ("Always i:setup a:app", "active setup=run"),
            ("Always i:setup a:app", "active setup=exit:0"),
            ("Always i:setup a:app", "active setup=exit:1"),
            ("Always i:setup a:app", "active setup=back:1#1"),
            ("Always i:setup a:app", "active setup=exit:0 app=run"),
            ("Always i:setup a:app", "active app=run"),
            ("Always i:setup a:app", "active setup=exit:0 app=run > active setup=run#1 app=wait:PodInitializing"),
            ("Never i:setup a:app", "active setup=exit:1"),
            ("Never i:setup i:more a:app", "active setup=exit:1 > completed setup=exit:1"),
            ("Never i:setup s:proxy a:app", "active setup=exit:1 proxy=run"),
        ],
        &expect![[r#"
            Always i:setup a:app: active setup=run
                Pending | S+ I-ContainersNotInitialized C-ContainersNotReady R-ContainersNotReady | setup=run app=PodInitializing
            Always i:setup a:app: active setup=exit:0
                Pending | S+ I+ C-ContainersNotReady R-ContainersNotReady | setup=Completed:0 app=PodInitializing
            Always i:setup a:app: active setup=exit:1
                Pending | S+ I-ContainersNotInitialized C-ContainersNotReady R-ContainersNotReady | setup=Error:1 app=PodInitializing
            Always i:setup a:app: active setup=back:1#1
                Pending | S+ I-ContainersNotInitialized C-ContainersNotReady R-ContainersNotReady | setup=CrashLoopBackOff<Error:1#1 app=PodInitializing
            Always i:setup a:app: active setup=exit:0 app=run
                Running | S+ I+ C+ R+ | setup=Completed:0 app=ready
            Always i:setup a:app: active app=run
                Running | S+ I+ C+ R+ | setup=Completed:0 app=ready
            Always i:setup a:app: active setup=exit:0 app=run > active setup=run#1 app=wait:PodInitializing
                Running | S+ I+ C-ContainersNotReady R-ContainersNotReady | setup=run<Completed:0#1 app=PodInitializing<ContainerStatusUnknown:137
            Never i:setup a:app: active setup=exit:1
                Failed | S- I-ContainersNotInitialized C-PodFailed R-PodFailed | setup=Error:1 app=PodInitializing
            Never i:setup i:more a:app: active setup=exit:1 > completed setup=exit:1
                Failed | S- I-ContainersNotInitialized C-PodFailed R-PodFailed | setup=Error:1 more=PodInitializing app=PodInitializing
            Never i:setup s:proxy a:app: active setup=exit:1 proxy=run
                Pending | S+ I-ContainersNotInitialized C-ContainersNotReady R-ContainersNotReady | setup=Error:1 proxy=ready app=PodInitializing
        "#]],
    );
}

#[test]
fn sidecars() {
    check(
        &[
            ("Never s:proxy a:app", "active proxy=boot"),
            ("Never s:proxy a:app", "active proxy=run"),
            ("Never s:proxy a:app", "active proxy=boot app=run"),
            ("Never s:proxy a:app", "active proxy=run app=run"),
            ("Never s:proxy a:app", "active proxy=run app=run > active proxy=back:1 app=run"),
            ("Never s:proxy a:app", "active proxy=run app=run > active proxy=run app=exit:0"),
            ("Never s:proxy a:app", "active proxy=run app=run > active proxy=exit:143 app=exit:0"),
            ("Never s:proxy a:app", "active proxy=exit:0 app=exit:4"),
            ("Always s:proxy i:setup a:app", "active proxy=run setup=run"),
        ],
        &expect![[r#"
            Never s:proxy a:app: active proxy=boot
                Pending | S+ I-ContainersNotInitialized C-ContainersNotReady R-ContainersNotReady | proxy=starting app=PodInitializing
            Never s:proxy a:app: active proxy=run
                Pending | S+ I+ C-ContainersNotReady R-ContainersNotReady | proxy=ready app=PodInitializing
            Never s:proxy a:app: active proxy=boot app=run
                Running | S+ I+ C-ContainersNotReady R-ContainersNotReady | proxy=starting app=ready
            Never s:proxy a:app: active proxy=run app=run
                Running | S+ I+ C+ R+ | proxy=ready app=ready
            Never s:proxy a:app: active proxy=run app=run > active proxy=back:1 app=run
                Running | S+ I+ C-ContainersNotReady R-ContainersNotReady | proxy=CrashLoopBackOff<Error:1 app=ready
            Never s:proxy a:app: active proxy=run app=run > active proxy=run app=exit:0
                Running | S+ I+ C-ContainersNotReady R-ContainersNotReady | proxy=ready app=Completed:0
            Never s:proxy a:app: active proxy=run app=run > active proxy=exit:143 app=exit:0
                Succeeded | S- I+ C-PodCompleted R-PodCompleted | proxy=Error:143 app=Completed:0
            Never s:proxy a:app: active proxy=exit:0 app=exit:4
                Failed | S- I+ C-PodFailed R-PodFailed | proxy=Completed:0 app=Error:4
            Always s:proxy i:setup a:app: active proxy=run setup=run
                Pending | S+ I-ContainersNotInitialized C-ContainersNotReady R-ContainersNotReady | proxy=ready setup=run app=PodInitializing
        "#]],
    );
}

#[test]
fn ends() {
    check(
        &[
            ("Never a:app", "active app=run > completed app=exit:0"),
            ("Always a:app", "active app=run > deleted > killed app=exit:143"),
            ("Always a:app", "active app=run > deleted > killed app=exit:0"),
            ("Always a:app", "deleted > killed"),
            ("Always i:setup a:app", "deleted > killed"),
            ("Always i:setup a:app", "active setup=run > deleted > killed setup=exit:143"),
            ("Always a:app", "active app=run > active app=back:1 > deleted > killed app=back:1"),
            ("Never s:proxy a:app", "active proxy=run app=exit:0 > completed proxy=run app=exit:0"),
            ("Never a:app", "active app=run > deadline app=exit:137"),
            ("Never a:app", "active app=run > disrupted:SpotInterruption app=exit:0"),
            ("Never a:app", "active app=run > lost"),
            ("Never a:app a:bus", "active app=run bus=exit:0 > lost"),
            ("Never s:proxy a:app", "active proxy=run app=exit:0 > lost"),
            ("Always a:app", "active app=run > active app=exit:0 > lost"),
            ("Always a:app", "rejected:OutOfcpu"),
            ("Always a:app", "waiting:ContainerCreating > refused:QuotaExceeded"),
            ("Always i:setup a:app", "provisioning:Queued > refused:QuotaExceeded"),
            ("Never a:app e:debug", "active app=run debug=run > completed app=exit:0 debug=run"),
        ],
        &expect![[r#"
            Never a:app: active app=run > completed app=exit:0
                Succeeded | S- I+ C-PodCompleted R-PodCompleted | app=Completed:0
            Always a:app: active app=run > deleted > killed app=exit:143
                Failed | S- I+ C-PodFailed R-PodFailed | app=Error:143
            Always a:app: active app=run > deleted > killed app=exit:0
                Succeeded | S- I+ C-PodCompleted R-PodCompleted | app=Completed:0
            Always a:app: deleted > killed
                Failed | S- I+ C-PodFailed R-PodFailed | app=ContainerStatusUnknown:137
            Always i:setup a:app: deleted > killed
                Failed | S- I-ContainersNotInitialized C-PodFailed R-PodFailed | setup=ContainerStatusUnknown:137 app=PodInitializing
            Always i:setup a:app: active setup=run > deleted > killed setup=exit:143
                Failed | S- I-ContainersNotInitialized C-PodFailed R-PodFailed | setup=Error:143 app=PodInitializing
            Always a:app: active app=run > active app=back:1 > deleted > killed app=back:1
                Failed | S- I+ C-PodFailed R-PodFailed | app=Error:1
            Never s:proxy a:app: active proxy=run app=exit:0 > completed proxy=run app=exit:0
                Succeeded | S- I+ C-PodCompleted R-PodCompleted | proxy=ContainerStatusUnknown:137 app=Completed:0
            Never a:app: active app=run > deadline app=exit:137
                Failed(DeadlineExceeded) | S- I+ C-PodFailed R-PodFailed | app=Error:137
            Never a:app: active app=run > disrupted:SpotInterruption app=exit:0
                Failed(SpotInterruption) | S- I+ C-PodFailed R-PodFailed D+ | app=Completed:0
            Never a:app: active app=run > lost
                Failed(Lost) | S- I+ C-PodFailed R-PodFailed D+ | app=ContainerStatusUnknown:137
            Never a:app a:bus: active app=run bus=exit:0 > lost
                Failed(Lost) | S- I+ C-PodFailed R-PodFailed D+ | app=ContainerStatusUnknown:137 bus=Completed:0
            Never s:proxy a:app: active proxy=run app=exit:0 > lost
                Succeeded | S- I+ C-PodCompleted R-PodCompleted | proxy=ContainerStatusUnknown:137 app=Completed:0
            Always a:app: active app=run > active app=exit:0 > lost
                Failed(Lost) | S- I+ C-PodFailed R-PodFailed D+ | app=Completed:0
            Always a:app: rejected:OutOfcpu
                Failed(OutOfcpu) | C-PodFailed R-PodFailed | 
            Always a:app: waiting:ContainerCreating > refused:QuotaExceeded
                Failed(QuotaExceeded) | S- I+ C-PodFailed R-PodFailed | app=QuotaExceeded
            Always i:setup a:app: provisioning:Queued > refused:QuotaExceeded
                Failed(QuotaExceeded) | S- I-ContainersNotInitialized C-PodFailed R-PodFailed | setup=QuotaExceeded app=QuotaExceeded
            Never a:app e:debug: active app=run debug=run > completed app=exit:0 debug=run
                Succeeded | S- I+ C-PodCompleted R-PodCompleted | app=Completed:0 debug=ContainerStatusUnknown:137
        "#]],
    );
}

#[test]
fn nothing_goes_back() {
    check(
        &[
            ("Always a:app", "active app=run > waiting:ContainerCreating"),
            ("Always a:app", "active app=run > active app=back:1 > waiting:ContainerCreating"),
            ("Always a:app", "active app=run > provisioning:Moving"),
            ("Always a:app", "active app=run > deleted > provisioning:Moving"),
            ("Always a:app", "active app=run#3 > active app=run#1"),
            ("Never a:app", "active app=run > completed app=exit:0 > lost"),
            ("Never a:app", "active app=run > completed app=exit:1 > completed app=exit:0"),
            ("Never a:app", "active app=run > api:Failed > active app=run"),
            ("Never a:app", "active app=run > api:Failed > killed app=exit:0"),
            ("Never a:app", "active app=run > api:Failed > lost"),
            ("Always a:app", "active app=run > api:Succeeded > killed app=exit:1"),
            ("Never a:app", "active app=exit:0 > active app=run"),
        ],
        &expect![[r#"
            Always a:app: active app=run > waiting:ContainerCreating
                Running | S+ I+ C+ R+ | app=ready
            Always a:app: active app=run > active app=back:1 > waiting:ContainerCreating
                Running | S+ I+ C-ContainersNotReady R-ContainersNotReady | app=CrashLoopBackOff<Error:1
            Always a:app: active app=run > provisioning:Moving
                Running | S- I+ C-ContainersNotReady R-ContainersNotReady | app=Moving<ContainerStatusUnknown:137#1
            Always a:app: active app=run > deleted > provisioning:Moving
                Running | S- I+ C+ R+ | app=ready
            Always a:app: active app=run#3 > active app=run#1
                Running | S+ I+ C+ R+ | app=ready#3
            Never a:app: active app=run > completed app=exit:0 > lost
                Succeeded | S- I+ C-PodCompleted R-PodCompleted | app=Completed:0
            Never a:app: active app=run > completed app=exit:1 > completed app=exit:0
                Failed | S- I+ C-PodFailed R-PodFailed | app=Completed:0
            Never a:app: active app=run > api:Failed > active app=run
                Failed | S- I+ C-PodFailed R-PodFailed | app=ready
            Never a:app: active app=run > api:Failed > killed app=exit:0
                Failed | S- I+ C-PodFailed R-PodFailed | app=Completed:0
            Never a:app: active app=run > api:Failed > lost
                Failed | S- I+ C-PodFailed R-PodFailed | app=ContainerStatusUnknown:137
            Always a:app: active app=run > api:Succeeded > killed app=exit:1
                Succeeded | S- I+ C-PodCompleted R-PodCompleted | app=Error:1
            Never a:app: active app=exit:0 > active app=run
                Succeeded | S- I+ C-PodCompleted R-PodCompleted | app=Completed:0
        "#]],
    );
}

#[test]
fn what_the_back_end_cannot_tell() {
    check(
        &[
            ("Always a:app", "active app=run > active app=unknown"),
            ("Never a:app", "active app=run > active"),
            ("Always a:app", "active app=run > active"),
            ("Always a:app a:bus", "active app=run bus=run > active app=run"),
            ("Always a:app a:bus", "active app=run bus=run > active app=run > active app=run bus=run"),
            ("Never a:app a:bus", "active app=run bus=run > active app=run"),
            ("OnFailure a:app a:bus", "active app=run bus=run > deleted > active app=run"),
            ("Always a:app", "active app=run > unreachable:HostUnreachable"),
            ("Always a:app", "active app=run > unreachable:HostUnreachable > active app=run"),
            ("Never a:app", "active app=run > unreachable:HostUnreachable app=exit:0"),
            ("Always a:app", "active app=run > stopping"),
            ("Never a:app", "active app=run > stopping app=exit:0"),
            ("OnFailure a:app", "active app=run > stopped app=exit:1"),
            ("Always a:app", "active app=unknown"),
        ],
        &expect![[r#"
            Always a:app: active app=run > active app=unknown
                Running | S+ I+ C+ R+ | app=ready
            Never a:app: active app=run > active
                Running | S+ I+ C+ R+ | app=ready
            Always a:app: active app=run > active
                Running | S+ I+ C+ R+ | app=ready
            Always a:app a:bus: active app=run bus=run > active app=run
                Running | S+ I+ C-ContainersNotReady R-ContainersNotReady | app=ready bus=ContainerCreating<ContainerStatusUnknown:137#1
            Always a:app a:bus: active app=run bus=run > active app=run > active app=run bus=run
                Running | S+ I+ C+ R+ | app=ready bus=ready<ContainerStatusUnknown:137#1
            Never a:app a:bus: active app=run bus=run > active app=run
                Running | S+ I+ C+ R+ | app=ready bus=ready
            OnFailure a:app a:bus: active app=run bus=run > deleted > active app=run
                Running | S+ I+ C+ R+ | app=ready bus=ready
            Always a:app: active app=run > unreachable:HostUnreachable
                Running | S+ I+ C+ R-HostUnreachable | app=ready
            Always a:app: active app=run > unreachable:HostUnreachable > active app=run
                Running | S+ I+ C+ R+ | app=ready
            Never a:app: active app=run > unreachable:HostUnreachable app=exit:0
                Running | S+ I+ C-ContainersNotReady R-HostUnreachable | app=Completed:0
            Always a:app: active app=run > stopping
                Running | S+ I+ C+ R+ | app=ready
            Never a:app: active app=run > stopping app=exit:0
                Running | S+ I+ C-ContainersNotReady R-ContainersNotReady | app=Completed:0
            OnFailure a:app: active app=run > stopped app=exit:1
                Running | S- I+ C-ContainersNotReady R-ContainersNotReady | app=Error:1
            Always a:app: active app=unknown
                Pending | S- I+ C-ContainersNotReady R-ContainersNotReady | app=ContainerCreating
        "#]],
    );
}

/// It stayed Running and Ready while the back end had no room to start it again, and Services sent requests to nothing.
#[test]
fn what_is_lost_and_waits_for_another_attempt() {
    check(
        &[
            ("Always a:app", "active app=run > recreating:CreateContainerError"),
            ("Always a:app", "active app=run > recreating:CreateContainerError > recreating:ContainerCreating"),
            ("Always a:app", "active app=run > recreating:CreateContainerError > active app=run"),
            ("OnFailure a:app a:bus", "active app=run bus=exit:0 > recreating:CreateContainerError"),
            ("Always a:app", "active app=run > deleted > recreating:CreateContainerError"),
            ("Always i:setup s:proxy a:app", "active setup=exit:0 proxy=run app=run > recreating:CreateContainerError"),
        ],
        &expect![[r#"
            Always a:app: active app=run > recreating:CreateContainerError
                Running | S- I+ C-ContainersNotReady R-ContainersNotReady | app=CreateContainerError<ContainerStatusUnknown:137#1
            Always a:app: active app=run > recreating:CreateContainerError > recreating:ContainerCreating
                Running | S- I+ C-ContainersNotReady R-ContainersNotReady | app=ContainerCreating<ContainerStatusUnknown:137#1
            Always a:app: active app=run > recreating:CreateContainerError > active app=run
                Running | S+ I+ C+ R+ | app=ready<ContainerStatusUnknown:137#1
            OnFailure a:app a:bus: active app=run bus=exit:0 > recreating:CreateContainerError
                Running | S- I+ C-ContainersNotReady R-ContainersNotReady | app=CreateContainerError<ContainerStatusUnknown:137#1 bus=Completed:0
            Always a:app: active app=run > deleted > recreating:CreateContainerError
                Running | S- I+ C+ R+ | app=ready
            Always i:setup s:proxy a:app: active setup=exit:0 proxy=run app=run > recreating:CreateContainerError
                Running | S- I+ C-ContainersNotReady R-ContainersNotReady | setup=Completed:0 proxy=CreateContainerError<ContainerStatusUnknown:137#1 app=CreateContainerError<ContainerStatusUnknown:137#1
        "#]],
    );
}
