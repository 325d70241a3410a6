//! Settings. <https://docs.aws.amazon.com/redshift/latest/dg/cm_chap_ConfigurationRef.html>

/// Settings of `PostgreSQL`'s that Redshift documents, or that its drivers set and show.
const SHARED: &[&str] = &[
    "application_name",
    "client_encoding",
    "datestyle",
    "extra_float_digits",
    "is_superuser",
    "search_path",
    "session_authorization",
    "statement_timeout",
    "timezone",
    "transaction_isolation",
];

/// Settings that only Redshift has, and what they are unless set. They are kept under a prefix.
#[rustfmt::skip]
const OWN: &[(&str, &str)] = &[
    ("analyze_threshold_percent", "10"),
    ("cast_super_null_on_error", "on"),
    ("datashare_break_glass_session_var", ""),
    ("default_geometry_encoding", "1"),
    ("describe_field_name_in_uppercase", "off"),
    ("downcase_delimited_identifier", "on"),
    ("enable_case_sensitive_identifier", "off"),
    ("enable_case_sensitive_super_attribute", "off"),
    ("enable_numeric_rounding", "off"),
    ("enable_result_cache_for_session", "on"),
    ("enable_spectrum_oid", "on"),
    ("enable_vacuum_boost", "off"),
    ("error_on_nondeterministic_update", "off"),
    ("interval_forbid_composite_literals", "off"),
    ("json_serialization_enable", "off"),
    ("json_serialization_parse_nested_strings", "off"),
    ("max_concurrency_scaling_clusters", "1"),
    ("max_cursor_result_set_size", "0"),
    ("mv_enable_aqmv_for_session", "on"),
    ("navigate_super_null_on_error", "on"),
    ("parse_super_null_on_error", "off"),
    ("pg_federation_repeatable_read", "on"),
    ("query_group", "unset"),
    // What AWS's JDBC driver sends for Connection.setReadOnly.
    ("readonly", "off"),
    // PostgreSQL's own says what it is.
    ("server_version", "8.0.2"),
    ("spectrum_enable_pseudo_columns", "on"),
    ("spectrum_query_maxerror", "-1"),
    ("stored_proc_log_min_messages", "LOG"),
    ("use_fips_ssl", "off"),
    ("wlm_query_slot_count", "1"),
];

/// Whether Redshift knows a setting, as far as its documentation and AWS's drivers say. Names with a dot are session
/// context variables: <https://docs.aws.amazon.com/redshift/latest/dg/r_SET.html>
pub(super) fn is_known(name: &str) -> bool {
    let name = name.to_lowercase();
    name.contains('.') || SHARED.contains(&name.as_str()) || own_default(&name).is_some()
}

/// What a setting is unless it is set, if it is one that only Redshift has.
pub(super) fn own_default(name: &str) -> Option<&'static str> {
    OWN.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
}
