//! A bench: one supervisor and one runtime, for one trial.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use js_runtime::{Backpressure, Runtime, SpawnConfig, Supervisor};
use libtest_mimic::Failed;

use super::{Ended, Run};
use crate::paths;

/// The supervisor and runtime of one trial. Dropping it ends every process that the trial started.
pub(crate) struct Bench {
    pub(crate) runtime: Runtime,
    pub(crate) supervisor: Supervisor,
}

impl Bench {
    pub(crate) fn new(runtime: Runtime, is_warm: bool) -> Result<Self, Failed> {
        let isolates = usize::from(is_warm);
        Ok(Self { runtime, supervisor: Supervisor::builder().warm_isolates(isolates).build()? })
    }

    /// Whether the script runs in this program's process.
    pub(crate) fn is_embedded(&self) -> bool {
        self.runtime == Runtime::Embedded
    }

    /// Whether the runtime enforces permissions.
    pub(crate) fn has_permissions(&self) -> bool {
        matches!(self.runtime, Runtime::Embedded | Runtime::Deno)
    }

    /// Whether this crate compiles TypeScript for the runtime. For Node only builds with the engine do.
    pub(crate) fn loads_typescript(&self) -> bool {
        cfg!(feature = "embedded") || self.runtime != Runtime::Node
    }

    /// A name that is unique among trials, because threads are named after processes.
    pub(crate) fn name() -> String {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        format!("p{}", NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// The configuration of a fixture on the bench's runtime.
    pub(crate) fn fixture(&self, name: &str, args: &[&str]) -> SpawnConfig {
        self.script(&paths::fixture(name), args)
    }

    /// The configuration of one of the repository's `backends`.
    pub(crate) fn backend(&self, name: &str) -> SpawnConfig {
        // `worker.ts` imports the npm package, which only a bundler and tsconfig.json know.
        if self.loads_typescript() && name != "worker.ts" {
            return self.script(&paths::repository().join("backends").join(name), &[]);
        }
        self.script(&bundled_backends().join(name).with_extension("mjs"), &[])
    }

    /// The configuration of the backend on `serve` for the tests of RPC.
    pub(crate) fn rpc_backend(&self) -> SpawnConfig {
        self.script(&bundled_backends().join("rpc-backend.mjs"), &[])
    }

    /// The configuration of a script at any path.
    pub(crate) fn script(&self, path: &Path, args: &[&str]) -> SpawnConfig {
        let script = path.to_str().expect("the repository's path is UTF-8");
        SpawnConfig {
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            ..SpawnConfig::script(self.runtime, script)
        }
    }

    /// Starts a process with a subscriber that misses no event.
    pub(crate) async fn start(&self, config: SpawnConfig) -> Result<Run<'_>, Failed> {
        let name = Self::name();
        let (info, events) =
            self.supervisor.spawn_subscribed(&name, config, Backpressure::Wait).await?;
        Ok(Run::new(&self.supervisor, info, events))
    }

    /// Runs a process to its end, with `stdin` as its whole input.
    pub(crate) async fn run(&self, config: SpawnConfig, stdin: &[u8]) -> Result<Ended, Failed> {
        let run = self.start(config).await?;
        if !stdin.is_empty() {
            run.write(stdin).await?;
        }
        // A script that ignores its stdin may have exited already.
        let _ = run.close();
        run.end().await
    }
}

/// The folder of the repository's backends, bundled to JavaScript.
fn bundled_backends() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("backends");
        let bundler = paths::repository().join("scripts/bundle-backends.mjs");
        let fixture = paths::fixture("rpc-backend.mjs");
        let run = Command::new("node")
            .arg(bundler)
            .arg(&folder)
            .arg(fixture)
            .output()
            .expect("node starts");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        folder
    })
}
