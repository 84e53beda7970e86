//! The stop signal: on SIGTERM or SIGINT, or when a part has ended by itself.

use crate::failure::Failure;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// The stop signal, shared by all parts.
#[derive(Clone, Debug)]
pub(super) struct Shutdown(watch::Sender<bool>);

impl Shutdown {
    /// Returns a signal that SIGTERM and SIGINT trigger.
    pub(super) fn on_signals() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Failure::Failed(format!("cannot listen for signals: {error}")))
        };
        let mut terminate = listen(SignalKind::terminate())?;
        let mut interrupt = listen(SignalKind::interrupt())?;
        let stopping = Self(watch::Sender::new(false));
        let trigger = stopping.clone();
        tokio::spawn(async move {
            let name = first_signal(&mut terminate, &mut interrupt).await;
            tracing::info!("received {name}: stopping");
            trigger.trigger();
        });
        Ok(stopping)
    }

    /// Returns a signal that no Unix signal triggers.
    #[cfg(test)]
    pub(super) fn manual() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Triggers the stop.
    pub(super) fn trigger(&self) {
        self.0.send_replace(true);
    }

    /// Returns true if the stop was triggered.
    pub(super) fn is_triggered(&self) -> bool {
        *self.0.borrow()
    }

    /// Completes when the stop is triggered.
    pub(super) async fn triggered(&self) {
        let mut heard = self.0.subscribe();
        // The channel cannot be closed: `self` holds the sender.
        let _ = heard.wait_for(|stop| *stop).await;
    }
}

async fn first_signal(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
