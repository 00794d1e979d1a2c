//! From annotations to a [`Script`].

use std::collections::BTreeMap;

use vk_core::ContainerKind;
use vk_provider::{Error, Result};

use super::faults::{Call, FaultKind, numbered};
use super::values::{Form, bytes, duration, duration_or_forever, exit_code, interval, millis, per_container, reason};
use super::{ANNOTATION_PREFIX, ContainerScript, Crashes, Script};

/// Annotations besides `CALL-error` and `CALL-hang`.
pub(super) const KNOWN: [&str; 16] = [
    "start-delay",
    "provision-error",
    "lose-after",
    "disrupt-after",
    "unreachable-after",
    "unreachable-for",
    "run-for",
    "exit-code",
    "exit-reason",
    "crash-loop",
    "crash-after",
    "stop-delay",
    "log",
    "log-interval",
    "cpu",
    "memory",
];

/// Reads the script of a pod with these containers. Annotations without our prefix are none of its business.
///
/// # Errors
/// [`vk_core::ErrorKind::Invalid`] with the path of the annotation.
pub(crate) fn parse(annotations: &BTreeMap<String, String>, containers: &[(String, ContainerKind)]) -> Result<Script> {
    let mut script = Script::default();
    for (key, text) in annotations {
        let Some(name) = key.strip_prefix(ANNOTATION_PREFIX) else { continue };
        apply(&mut script, name, text, containers)
            .map_err(|message| Error::invalid(format!("metadata.annotations[{key}]"), message))?;
    }
    Ok(script)
}

fn apply(script: &mut Script, name: &str, text: &str, containers: &[(String, ContainerKind)]) -> Result<(), String> {
    match name {
        "start-delay" => script.start_delay = duration(text)?,
        "provision-error" => script.provision_error = Some(FaultKind::parse(text)?),
        "lose-after" => script.lose_after = Some(duration(text)?),
        "disrupt-after" => script.disrupt_after = Some(duration(text)?),
        "unreachable-after" => script.unreachable_after = Some(duration(text)?),
        "unreachable-for" => script.unreachable_for = Some(duration(text)?),
        _ => return apply_to_containers(script, name, text, containers),
    }
    Ok(())
}

fn apply_to_containers(
    script: &mut Script,
    name: &str,
    text: &str,
    containers: &[(String, ContainerKind)],
) -> Result<(), String> {
    let mut set = Setter { script, text, containers };
    match name {
        "run-for" => set.each(Form::Any, duration, |container, time| container.run_for = Some(time)),
        "exit-code" => set.each(Form::Any, exit_code, |container, code| container.exit_code = Some(code)),
        "exit-reason" => set.each(Form::Any, reason, |container, reason| container.exit_reason = Some(reason)),
        "crash-loop" => set.each(Form::Any, crashes, |container, crashes| container.crashes = crashes),
        "crash-after" => set.each(Form::Any, duration, |container, time| container.crash_after = Some(time)),
        "stop-delay" => set.each(Form::Any, duration_or_forever, |container, time| container.stop_delay = time),
        "log" => set.each(Form::PlainOrJson, log_text, |container, text| container.log = Some(text)),
        "log-interval" => set.each(Form::Any, interval, |container, time| container.log_interval = Some(time)),
        "cpu" => set.each(Form::Any, millis, |container, millis| container.cpu_millis = Some(millis)),
        "memory" => set.each(Form::Any, bytes, |container, bytes| container.memory_bytes = Some(bytes)),
        _ => apply_to_calls(script, name, text),
    }
}

struct Setter<'a> {
    script: &'a mut Script,
    text: &'a str,
    containers: &'a [(String, ContainerKind)],
}

impl Setter<'_> {
    fn each<T: Clone>(
        &mut self,
        form: Form,
        parse: impl Fn(&str) -> Result<T, String>,
        set: impl Fn(&mut ContainerScript, T),
    ) -> Result<(), String> {
        for (name, value) in per_container(self.text, form, self.containers, parse)? {
            set(self.script.containers.entry(name).or_default(), value);
        }
        Ok(())
    }
}

fn apply_to_calls(script: &mut Script, name: &str, text: &str) -> Result<(), String> {
    for call in Call::ALL {
        match name.strip_prefix(call.name()) {
            Some("-error") => {
                script.faults.entry(call).or_default().errors = numbered(text, FaultKind::parse)?;
                return Ok(());
            }
            Some("-hang") => {
                script.faults.entry(call).or_default().hangs = numbered(text, duration_or_forever)?;
                return Ok(());
            }
            _ => {}
        }
    }
    let calls: Vec<_> = Call::ALL.map(|call| format!("{0}-error, {0}-hang", call.name())).to_vec();
    Err(format!(
        "the mock provider does not know this annotation; known are {}, {}",
        KNOWN.join(", "),
        calls.join(", ")
    ))
}

fn crashes(text: &str) -> Result<Crashes, String> {
    match text {
        "true" | "forever" => Ok(Crashes::Forever),
        "false" | "0" => Ok(Crashes::None),
        _ => text
            .parse()
            .map(Crashes::Times)
            .map_err(|_| format!("{text:?} is neither \"forever\" nor a number of crashes, as in \"3\"")),
    }
}

fn log_text(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}
