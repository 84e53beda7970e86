//! When to stop: on SIGTERM or SIGINT, or when a part has ended by itself.

use crate::failure::Failure;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Tells everything that it is to stop, and whoever asks whether it is.
#[derive(Clone, Debug)]
pub(super) struct Stopping(watch::Sender<bool>);

impl Stopping {
    /// Stops on SIGTERM, as service managers send it, and SIGINT, as terminals do.
    pub(super) fn on_signals() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Failure::Failed(format!("signals cannot be heard: {error}")))
        };
        let mut terminate = listen(SignalKind::terminate())?;
        let mut interrupt = listen(SignalKind::interrupt())?;
        let stopping = Self(watch::Sender::new(false));
        let told = stopping.clone();
        tokio::spawn(async move {
            let name = first_of(&mut terminate, &mut interrupt).await;
            tracing::info!("{name} came: stopping");
            told.stop();
        });
        Ok(stopping)
    }

    /// Stops when a part ends, and on no signal.
    #[cfg(test)]
    pub(super) fn never() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Tells everything to stop.
    pub(super) fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Ends when it is time to stop.
    pub(super) async fn told(&self) {
        let mut heard = self.0.subscribe();
        // It cannot be closed: the sender is held here.
        let _ = heard.wait_for(|stop| *stop).await;
    }
}

async fn first_of(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
