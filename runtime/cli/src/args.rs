//! The command line, and its conversion to a spawn configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use js_runtime::{Framing, Grant, Limits, Permissions, Runtime, SpawnConfig};

/// Run JavaScript processes: in this program, or with deno, bun or node.
#[derive(Parser)]
#[command(version, name = "jsproc")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Connect stdin, stdout and stderr to one process, byte for byte, and exit with its code.
    Run(Box<RunArgs>),
    /// List the runtimes on this machine.
    Detect {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args)]
#[expect(clippy::option_option, reason = "a flag is absent, bare, or has a value")]
pub(crate) struct RunArgs {
    /// The runtime: auto, embedded, deno, bun or node. auto is embedded if this build has it.
    #[arg(long, default_value = "auto")]
    runtime: Runtime,
    /// Allow everything (except native code in the embedded engine).
    #[arg(short = 'A', long)]
    allow_all: bool,
    /// Allow reading: everything, or the listed paths.
    #[arg(long, value_name = "PATHS", num_args = 0..=1, require_equals = true)]
    allow_read: Option<Option<String>>,
    /// Allow writing: everything, or the listed paths.
    #[arg(long, value_name = "PATHS", num_args = 0..=1, require_equals = true)]
    allow_write: Option<Option<String>>,
    /// Allow network access: to all hosts, or to the listed ones.
    #[arg(long, value_name = "HOSTS", num_args = 0..=1, require_equals = true)]
    allow_net: Option<Option<String>>,
    /// Allow environment variables: all, or the listed ones.
    #[arg(long, value_name = "NAMES", num_args = 0..=1, require_equals = true)]
    allow_env: Option<Option<String>>,
    /// Allow starting programs: all, or the listed ones.
    #[arg(long, value_name = "PROGRAMS", num_args = 0..=1, require_equals = true)]
    allow_run: Option<Option<String>>,
    /// Allow reading system information: all, or the listed kinds.
    #[arg(long, value_name = "APIS", num_args = 0..=1, require_equals = true)]
    allow_sys: Option<Option<String>>,
    /// Allow importing from hosts: all, or the listed ones.
    #[arg(long, value_name = "HOSTS", num_args = 0..=1, require_equals = true)]
    allow_import: Option<Option<String>>,
    /// Limit of the JavaScript heap in MiB (embedded engine).
    #[arg(long, value_name = "N")]
    heap_mb: Option<u32>,
    /// Limit of the memory of `ArrayBuffer`s in MiB (embedded engine).
    #[arg(long, value_name = "N")]
    array_buffer_mb: Option<u32>,
    /// Limit of all memory of the script in MiB (embedded engine).
    #[arg(long, value_name = "N")]
    memory_mb: Option<u32>,
    /// Limit of files, sockets, pipes and watchers that are open at once (embedded engine).
    #[arg(long, value_name = "N")]
    open_files: Option<u32>,
    /// End the script when one iteration of its event loop takes longer, in milliseconds (embedded engine).
    #[arg(long, value_name = "N")]
    unresponsive_ms: Option<u32>,
    /// Working directory.
    #[arg(long, value_name = "DIR")]
    cwd: Option<PathBuf>,
    /// Set an environment variable; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    env: Vec<(String, String)>,
    /// A flag for the runtime itself; may be repeated.
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    runtime_arg: Vec<String>,
    /// The script and its arguments.
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "SCRIPT"
    )]
    script: Vec<String>,
}

impl RunArgs {
    pub(crate) fn into_config(self) -> SpawnConfig {
        let permissions = Permissions {
            all: self.allow_all,
            read: grant(self.allow_read),
            write: grant(self.allow_write),
            net: grant(self.allow_net),
            env: grant(self.allow_env),
            run: grant(self.allow_run),
            sys: grant(self.allow_sys),
            import: grant(self.allow_import),
        };
        let mut args = self.script.into_iter();
        SpawnConfig {
            runtime: Some(self.runtime),
            script: args.next(),
            args: args.collect(),
            runtime_args: self.runtime_arg,
            cwd: self.cwd,
            env: BTreeMap::from_iter(self.env),
            permissions: Some(permissions),
            limits: Some(Limits {
                heap_mb: self.heap_mb,
                array_buffer_mb: self.array_buffer_mb,
                memory_mb: self.memory_mb,
                open_files: self.open_files,
                unresponsive_ms: self.unresponsive_ms,
                kill_unresponsive: self.unresponsive_ms.map(|_| true),
                ..Limits::default()
            }),
            framing: Framing::Bytes,
            ..SpawnConfig::default()
        }
    }
}

#[expect(clippy::option_option, reason = "a flag is absent, bare, or has a value")]
fn grant(flag: Option<Option<String>>) -> Grant {
    match flag {
        None => Grant::All(false),
        Some(None) => Grant::All(true),
        Some(Some(list)) => Grant::Some(list.split(',').map(str::to_owned).collect()),
    }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| format!("'{text}' has no '='; write KEY=VALUE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(args: &[&str]) -> SpawnConfig {
        let args = ["jsproc", "run"].iter().chain(args);
        match Cli::parse_from(args).command {
            Command::Run(run) => run.into_config(),
            Command::Detect { .. } => unreachable!("`run` was given"),
        }
    }

    #[test]
    fn arguments_after_the_script_are_passed_to_the_script() {
        let config = config(&["--runtime", "bun", "a.ts", "--runtime", "x", "-A"]);
        assert_eq!(config.runtime, Some(Runtime::Bun));
        assert_eq!(config.script.as_deref(), Some("a.ts"));
        assert_eq!(config.args, ["--runtime", "x", "-A"]);
        assert_eq!(config.permissions, Some(Permissions::default()));
    }

    #[test]
    fn a_bare_permission_grants_all_and_a_list_its_items() {
        let config = config(&["--allow-read", "--allow-net=a:1,b", "x.ts"]);
        let permissions = config.permissions.expect("always set");
        assert_eq!(permissions.read, Grant::All(true));
        assert_eq!(permissions.net, Grant::Some(vec!["a:1".to_owned(), "b".to_owned()]));
        assert_eq!(permissions.env, Grant::All(false));
    }

    #[test]
    fn unresponsive_ms_ends_the_script_and_other_limits_are_passed_on() {
        let limits = |args: &[&str]| config(args).limits.expect("always set");
        let given = limits(&[
            "--array-buffer-mb",
            "8",
            "--memory-mb",
            "99",
            "--unresponsive-ms",
            "300",
            "x.ts",
        ]);
        assert_eq!((given.array_buffer_mb, given.unresponsive_ms), (Some(8), Some(300)));
        assert_eq!(given.memory_mb, Some(99));
        assert_eq!(given.kill_unresponsive, Some(true));
        assert_eq!(limits(&["--open-files", "9", "x.ts"]).open_files, Some(9));
        assert_eq!(limits(&["x.ts"]), Limits::default());
    }

    #[test]
    fn environment_values_may_contain_equals_signs() {
        assert_eq!(key_value("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
        assert!(key_value("A").is_err_and(|message| message.contains("'A'")));
    }
}
