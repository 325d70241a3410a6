//! The machine: time and chance.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use crate::scripts::Password;

/// Time and chance, as the flow needs them.
#[expect(async_fn_in_trait, reason = "whether a future is Send is checked on the concrete types")]
pub trait Host {
    /// What the clock says: for what people read.
    fn now(&self) -> Timestamp;

    /// Time since some beginning, which no change of the clock moves: for what is waited for.
    fn elapsed(&self) -> Duration;

    /// Waits.
    async fn sleep(&self, duration: Duration);

    /// From 0 to 1, for jitter.
    fn random(&self) -> f64;

    /// A new password.
    fn generate_password(&self) -> Password;

    /// A new key for tokens of impersonation, in hex.
    fn generate_key(&self) -> SecretString;
}
