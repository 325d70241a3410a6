//! A control plane of one's own, for tests that the others' would not survive, and for a second cluster.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::{records, succeed};

/// A running control plane with the resource's definition on it; it ends when it is dropped, or with the test in
/// whatever way that ends.
pub struct ControlPlane {
    child: Child,
    folder: TempDir,
}

impl ControlPlane {
    /// Starts one and waits until it serves the resource.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = std::fs::File::create(folder.path().join("control-plane.log")).unwrap();
        let child = Command::new("control-plane")
            .args(["up", "--end-with-stdin", "--dir", folder.path().to_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut control_plane = Self { child, folder };
        while !control_plane.folder.path().join("ready").exists() {
            let ended = control_plane.child.try_wait().unwrap();
            let log = || std::fs::read_to_string(control_plane.folder.path().join("control-plane.log")).unwrap();
            assert!(ended.is_none(), "the control plane didn't start: {}", log());
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        control_plane.apply_crd();
        control_plane
    }

    /// Makes, or makes again, the definitions of the resources.
    pub fn apply_crd(&self) {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/crds");
        self.kubectl(&["apply", "--server-side", "-f", folder]);
        self.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=120s"]);
    }

    /// Runs kubectl as an administrator; it must succeed.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        let kubeconfig = self.kubeconfig();
        succeed("kubectl", &[&["--kubeconfig", kubeconfig.to_str().unwrap()], arguments].concat(), "")
    }

    /// The kubeconfig of an administrator.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// What service accounts have asked for, a JSON object a line.
    pub fn audit_log(&self) -> String {
        std::fs::read_to_string(Path::new(self.folder.path()).join("audit.log")).unwrap()
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // The end of its input asks it to end, and everything that it has started with it.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
        records::keep_audit_log(self.folder.path());
    }
}
