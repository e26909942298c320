//! Measurements that need a process of their own: the first start of an application, and memory that nothing has
//! fragmented before.

use tokio::process::Command;

use crate::frames::Backends;
use crate::session::Subject;
use crate::stats::is_quick;

/// The argument that makes this program measure one of them.
pub(crate) const FLAG: &str = "--alone";

/// A measurement that has a program of its own.
#[derive(Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) enum Measurement {
    /// This many starts at once.
    Start(usize),
    /// Memory of each further backend.
    Memory { with_node_modules: bool },
    /// Wake-ups of idle backends.
    WakeUps,
    /// Starts and round trips beside this many backends, and memory.
    Beside(usize),
}

/// Measures in a new process, in which `main` calls the function for it. Returns lists of samples.
pub(crate) async fn measure(
    measurement: Measurement,
    subject: Subject,
    backends: &Backends,
) -> Vec<Vec<f64>> {
    let program = std::env::current_exe().expect("this program has a path");
    let what = serde_json::to_string(&measurement).expect("a plain enum");
    let mut command = Command::new(program);
    command.args([FLAG, &what, &subject.to_string()]).arg(backends.folder());
    if is_quick() {
        command.arg("--quick");
    }
    let output = command.output().await.expect("this program can be started");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        let stderr = String::from_utf8_lossy(&output.stderr);
        panic!("{what} of {subject} in a new process: {error}\n{stderr}")
    })
}
