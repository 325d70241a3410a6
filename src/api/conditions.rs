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

/// Reasons that are not those of an error.
pub mod reasons {
    /// Everything is set up and validates.
    pub const ENABLED: &str = "Enabled";
    /// The warehouse is being changed.
    pub const CREATING: &str = "Creating";
    /// What was set up is being changed.
    pub const EDITING: &str = "Editing";
    /// What was set up is being taken away.
    pub const DELETING: &str = "Deleting";
    /// The user wants nothing done.
    pub const SUSPENDED: &str = "Suspended";
    /// For `Reconciling` and `Stalled` that are `False`.
    pub const NOTHING_TO_DO: &str = "NotApplicable";
    /// An older resource for the same warehouse goes first.
    pub const OTHERS_TURN: &str = "OlderResourceFirst";
}
