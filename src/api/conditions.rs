//! The condition types and reasons that the operator writes.

/// Types of condition, as kstatus understands them.
pub mod types {
    /// The integration is set up and validates.
    pub const READY: &str = "Ready";
    /// The operator is at work, or waits for something that will come by itself or by plan.
    pub const RECONCILING: &str = "Reconciling";
    /// Only a person can make it go on.
    pub const STALLED: &str = "Stalled";
}
