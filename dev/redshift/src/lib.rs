//! The Redshift stand-in.
