//! The local proving ground.
