//! Watches. A watch is a place in the history and a filter; it holds no queue, so a slow reader costs nothing until
//! the history has moved on, and then it is told so (410).

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::read::revision_of;
use super::{Call, Kernel, Reply};
use crate::api_error::ApiError;
use crate::clock::Now;
use crate::object::Object;
use crate::request::{Format, check_watch_options};
use crate::resource::Resource;
use crate::selector::Selector;
use crate::storage::{Change, ChangeKind};

/// How long before its end a watch gets a last bookmark.
const LAST_BOOKMARK: Duration = Duration::from_secs(2);
/// The shortest life of a watch that names no timeout (`--min-request-timeout`); jitter doubles it at most.
const MIN_TIMEOUT_SECONDS: u64 = 1800;

/// An event on the wire. `type` stands first: decoders that keep the object raw need to know it before.
#[derive(Serialize)]
struct Frame<'event> {
    #[serde(rename = "type")]
    kind: &'static str,
    object: &'event Value,
}

/// One open watch.
#[derive(Debug)]
pub struct Watch {
    resource: &'static Resource,
    namespace: String,
    selector: Selector,
    format: Format,
    /// Every write up to this revision was delivered or filtered out.
    position: u64,
    /// Events of the initial state, not yet delivered.
    initial: VecDeque<Bytes>,
    next_bookmark: Option<Duration>,
    ends: Duration,
    ended: bool,
}

/// What there is to do for a watch now.
#[derive(Debug, PartialEq, Eq)]
pub enum WatchStep {
    /// Deliver these events, one JSON document and a newline each.
    Deliver(Vec<Bytes>),
    /// Nothing until a write, or until this much time has passed since the server was built.
    Idle(Duration),
    /// The stream is over.
    End,
}

impl Watch {
    /// The plural of the watched resource.
    #[must_use]
    pub fn resource(&self) -> &'static str {
        self.resource.plural
    }

    fn selects(&self, object: &Object) -> bool {
        (self.namespace.is_empty() || object.namespace() == self.namespace)
            && self.selector.matches(self.resource, object)
    }

    /// A write as this watch sees it: what leaves the selection looks deleted, what enters it looks added.
    fn event(&mut self, change: &Change, now: Timestamp) -> Option<Bytes> {
        let before = change.previous.as_deref().filter(|object| self.selects(object));
        let after = Some(&*change.object).filter(|object| change.kind != ChangeKind::Deleted && self.selects(object));
        match (before, after) {
            (None, None) => None,
            (None, Some(object)) => Some(self.frame("ADDED", object, now)),
            (Some(_), Some(object)) => Some(self.frame("MODIFIED", object, now)),
            (Some(before), None) => {
                let mut last = before.clone();
                last.set_resource_version(change.revision);
                Some(self.frame("DELETED", &last, now))
            }
        }
    }

    fn frame(&mut self, kind: &'static str, object: &Object, now: Timestamp) -> Bytes {
        let framed = frame(kind, &self.format.render(self.resource, object, now));
        self.format = self.format.after_first_event();
        framed
    }

    fn bookmark(&mut self, revision: u64, initial_events_end: bool, now: Timestamp) -> Bytes {
        let framed = frame("BOOKMARK", &self.format.bookmark(self.resource, revision, initial_events_end, now));
        self.format = self.format.after_first_event();
        framed
    }
}

impl Kernel {
    pub(super) fn watch(&mut self, call: &Call<'_>) -> Result<Reply, ApiError> {
        let query = &call.request.query;
        let format = call.request.format()?;
        check_watch_options(query)?;
        let selector = call.request.selector()?;
        selector.fields.check(call.resource).map_err(ApiError::bad_request)?;
        let current = self.storage.revision();
        let asked = revision_of(query.text("resourceVersion")).map_err(|error| ApiError::unexpected(error.message))?;
        let bookmarks = query.flag("allowWatchBookmarks");
        let streaming_list = query.flag("sendInitialEvents");
        let start = match asked {
            Some(revision @ 1..) if !streaming_list => Some(revision),
            _ => None,
        };
        let timeout = match query.number("timeoutSeconds")? {
            Some(seconds @ 1..) => u64::try_from(seconds).unwrap_or(MIN_TIMEOUT_SECONDS),
            _ => MIN_TIMEOUT_SECONDS + self.entropy.below(MIN_TIMEOUT_SECONDS),
        };
        let ends = call.now.elapsed + Duration::from_secs(timeout);
        let first_bookmark = call.now.elapsed + self.options.bookmark_interval;
        let mut watch = Watch {
            resource: call.resource,
            namespace: call.path.namespace.clone(),
            selector,
            format,
            // A version that is still to come is waited for.
            position: start.unwrap_or(current),
            initial: VecDeque::new(),
            next_bookmark: bookmarks.then(|| match start {
                Some(_) => first_bookmark.min(ends.saturating_sub(LAST_BOOKMARK)),
                None => first_bookmark,
            }),
            ends,
            ended: false,
        };
        // A version that is forgotten is no refusal: kube-apiserver tells of it in the stream (`newErrWatcher`).
        if start.is_none() {
            self.add_initial_events(&mut watch, call.now.wall);
            // Without `sendInitialEvents` too, kube-apiserver 1.36 tells where the initial events end.
            if bookmarks {
                let end = watch.bookmark(current, true, call.now.wall);
                watch.initial.push_back(end);
            }
        }
        Ok(Reply::Watch(Box::new(watch)))
    }

    fn add_initial_events(&self, watch: &mut Watch, now: Timestamp) {
        for object in self.storage.collection(watch.resource.storage).objects(None) {
            if watch.selects(object) {
                let event = watch.frame("ADDED", object, now);
                watch.initial.push_back(event);
            }
        }
    }

    /// What a watch is to be given now.
    pub fn poll_watch(&self, watch: &mut Watch, now: Now) -> WatchStep {
        if watch.ended {
            return WatchStep::End;
        }
        let mut frames: Vec<Bytes> = watch.initial.drain(..).collect();
        match self.storage.collection(watch.resource.storage).changes_after(watch.position) {
            Ok(changes) => {
                let events: Vec<Bytes> = changes.filter_map(|change| watch.event(change, now.wall)).collect();
                if self.options.slow_watch_limit.is_some_and(|limit| events.len() > limit) {
                    watch.ended = true;
                    return WatchStep::End;
                }
                frames.extend(events);
            }
            Err(compacted) => {
                watch.ended = true;
                frames.push(frame("ERROR", &too_old(watch.position, compacted.oldest).to_status()));
                return WatchStep::Deliver(frames);
            }
        }
        watch.position = watch.position.max(self.storage.revision());
        if watch.next_bookmark.is_some_and(|due| due <= now.elapsed) {
            frames.push(watch.bookmark(watch.position, false, now.wall));
            let next = now.elapsed + self.options.bookmark_interval;
            let last = watch.ends.saturating_sub(LAST_BOOKMARK);
            watch.next_bookmark = Some(if now.elapsed < last { next.min(last) } else { next });
        }
        if !frames.is_empty() {
            WatchStep::Deliver(frames)
        } else if watch.ends <= now.elapsed {
            watch.ended = true;
            WatchStep::End
        } else {
            WatchStep::Idle(watch.next_bookmark.map_or(watch.ends, |bookmark| bookmark.min(watch.ends)))
        }
    }
}

fn frame(kind: &'static str, object: &Value) -> Bytes {
    let mut line = serde_json::to_vec(&Frame { kind, object }).unwrap_or_default();
    line.push(b'\n');
    line.into()
}

fn too_old(asked: u64, oldest: u64) -> ApiError {
    ApiError::expired(format!("too old resource version: {asked} ({oldest})"))
}
