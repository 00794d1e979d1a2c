//! How many requests a connection carries, and since when none.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

/// Requests under way on one connection.
#[derive(Debug)]
pub(super) struct Activity(watch::Sender<usize>);

/// One request, until this is dropped.
#[derive(Debug)]
pub(super) struct Active(Arc<Activity>);

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(0)))
    }

    pub(super) fn begin(self: &Arc<Self>) -> Active {
        self.0.send_modify(|count| *count += 1);
        Active(self.clone())
    }

    /// Returns after there was no request for so long.
    pub(super) async fn idle_for(&self, duration: Duration) {
        let mut count = self.0.subscribe();
        loop {
            // The sender is `self`, so there is always one.
            let _ = count.wait_for(|count| *count == 0).await;
            tokio::select! {
                biased;
                _ = count.changed() => {}
                () = sleep(duration) => return,
            }
        }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn idling_begins_when_the_last_request_has_ended() {
        let activity = Activity::new();
        let (first, second) = (activity.begin(), activity.begin());
        let begun = Instant::now();
        let requests = async {
            sleep(Duration::from_secs(50)).await;
            drop(first);
            sleep(Duration::from_secs(50)).await;
            drop(second);
            sleep(Duration::from_secs(9)).await;
            drop(activity.begin());
        };
        let ((), ()) = tokio::join!(activity.idle_for(Duration::from_secs(10)), requests);
        assert_eq!(begun.elapsed(), Duration::from_secs(119));
    }
}
