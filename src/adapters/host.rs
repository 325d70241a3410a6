//! The machine that the operator runs on.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use secrecy::SecretString;

use crate::ports::Host;
use crate::scripts::{Password, generate_key};

/// The machine that the operator runs on.
#[derive(Clone, Debug)]
pub struct Machine {
    started: Instant,
}

impl Default for Machine {
    fn default() -> Self {
        Self { started: Instant::now() }
    }
}

impl Host for Machine {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn random(&self) -> f64 {
        rand::random()
    }

    fn generate_password(&self) -> Password {
        Password::generate()
    }

    fn generate_key(&self) -> SecretString {
        generate_key()
    }
}
