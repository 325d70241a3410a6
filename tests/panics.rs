//! A panic of one pass ends that pass and nothing else, in the program as it is shipped: it is made to panic by a machine
//! that gives no random numbers, which its generator of passwords can't do without.

use std::path::{Path, PathBuf};

use redshift_stand_in::Options;
use rustix::process::Signal;
use serde_json::json;

use crate::support::{World, condition, succeed};

/// Stands in front of the C library: while a file is there, the machine has no random numbers.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>
ssize_t getrandom(void *buffer, size_t length, unsigned int flags) {
  const char *file = getenv("NO_RANDOM_NUMBERS");
  if (file && access(file, F_OK) == 0) { errno = EIO; return -1; }
  return syscall(SYS_getrandom, buffer, length, flags);
}
"#;

fn build_shim(folder: &Path) -> PathBuf {
    let library = folder.join("shim.so");
    succeed("cc", &["-shared", "-fPIC", "-x", "c", "-", "-o", library.to_str().unwrap()], SHIM);
    library
}

#[tokio::test]
async fn a_panic_of_a_pass_shows_in_its_resource_and_the_operator_goes_on() {
    let world = World::without_operator(Options::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let (shim, file) = (build_shim(folder.path()), folder.path().join("no-random-numbers"));
    let environment = [("LD_PRELOAD", shim.to_str().unwrap()), ("NO_RANDOM_NUMBERS", file.to_str().unwrap())];
    let mut operator = world.first_process("operator", &environment, &["--log-level=info"]);
    operator.until_answered("readyz", 200).await;
    std::fs::write(&file, "").unwrap();
    // Without TLS, which would be refused before anything panics.
    world.create(json!({"config": {"tls": {"mode": "Disable", "caBundleRef": null}}})).await;
    let object = world
        .until("it panicked", |object| {
            let conditions = object.status.iter().flat_map(|status| &status.conditions);
            conditions.into_iter().any(|condition| condition.reason == "InternalError")
        })
        .await;
    // It goes on by itself.
    let shown = condition(&object, "Reconciling");
    assert!(shown.status == "True" && shown.message.contains("a mistake of its own"), "{shown:?}");
    assert!(operator.log().contains("panicked"), "{}", operator.log());
    assert!(operator.counted_of_integrations("controller_runtime_reconcile_panics_total") >= 1);
    assert!(operator.is_running());

    std::fs::remove_file(&file).unwrap();
    world.until_phase("enabled").await;
    operator.signal(Signal::TERM);
    assert_eq!(operator.ended().await, Some(0));
}
