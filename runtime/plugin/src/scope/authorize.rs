//! Authorizes a start with a configuration from a page.
//!
//! One entry of the window's capability must allow the whole configuration. In the result, all paths are
//! absolute and resolved.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use js_runtime::{Limits, Links, RestartPolicy, Runtime, SpawnConfig};

use super::intersect::{
    depends_on_cwd, flags, is_relative_program, limits, may_be_relative, permissions,
    replaceable_path, runtime,
};
use super::path_scope::Folder;
use super::rule::Rule;
use super::{Scope, quoted};
use crate::error::Error;

/// The shortest `backoffMs` that a page may choose.
const MIN_BACKOFF_MS: u32 = 50;

/// The largest `maxRetries` that a page may choose.
const MAX_RETRIES: u32 = 100;

/// The shortest `resetAfterMs` that a page may choose. With less, a crash loop would not count as consecutive
/// restarts.
const MIN_RESET_AFTER_MS: u32 = 1000;

/// Most arguments, flags and variables of a page's configuration: each is matched against patterns.
const MAX_ARGS: usize = 1000;

/// A page's request to start a process.
pub(crate) struct Request<'a> {
    pub(crate) name: &'a str,
    pub(crate) is_declared: bool,
    pub(crate) config: SpawnConfig,
    /// Whether a module of that name is bundled.
    pub(crate) is_bundled: &'a dyn Fn(&str) -> bool,
    /// The app's own limits. They bound the limits that the entry does not name.
    pub(crate) default_limits: Option<Limits>,
}

impl Scope {
    /// The configuration to start. The error says what the capability lacks.
    pub(crate) fn authorize(&self, request: &Request<'_>) -> Result<SpawnConfig, Error> {
        let name = quoted(request.name);
        if !self.covers(request.name, request.is_declared) {
            let why = format!("may not use '{}' on the process '{name}'", self.command);
            return Err(self.refusal(request.name, &why, &grant_for(request)));
        }
        let mut closest = None;
        let rules = self.allow.iter().filter(|rule| rule.covers(request.name, request.is_declared));
        // A wildcard does not allow other configurations under the name of a declared backend.
        let applies = |rule: &&Arc<Rule>| {
            !rule.entry.declared && (!request.is_declared || rule.entry.name == request.name)
        };
        for rule in rules.filter(applies) {
            match rule.authorize(request) {
                Ok(config) => return Ok(config),
                Err(refusal) => closest = closest.max(Some(refusal)),
            }
        }
        let why = match closest {
            Some(refusal) => format!("may not start '{name}': {}", refusal.why),
            None => format!(
                "may start '{name}' only as it is declared: call spawn('{name}') without a configuration"
            ),
        };
        Err(self.refusal(request.name, &why, &grant_for(request)))
    }
}

/// Why an entry does not allow a start. The page gets the refusal with the highest step.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Refusal {
    step: usize,
    why: String,
}

impl Rule {
    fn authorize(&self, request: &Request<'_>) -> Result<SpawnConfig, Refusal> {
        let config = request.config.clone();
        let steps: [&dyn Fn(SpawnConfig) -> Result<SpawnConfig, String>; 8] = [
            &|config| self.program(config, request),
            &|config| runtime(&self.entry, config, js_runtime::embedded_version().is_some()),
            &|config| flags(&self.entry, config),
            &|config| self.args(config),
            &|config| self.env(config),
            &|config| self.cwd(config),
            &|config| self.permissions(config),
            &|mut config| {
                config.limits = limits(config.limits, self.entry.limits, request.default_limits)?;
                check_restart(config.restart)?;
                Ok(config)
            },
        ];
        steps.iter().enumerate().try_fold(config, |config, (step, check)| {
            check(config).map_err(|why| Refusal { step, why })
        })
    }

    /// Requires exactly one of script, command and sidecar, named by the entry. Resolves the script.
    fn program(
        &self,
        mut config: SpawnConfig,
        request: &Request<'_>,
    ) -> Result<SpawnConfig, String> {
        let named = [&config.script, &config.command, &config.sidecar];
        if named.iter().filter(|part| part.is_some()).count() > 1 {
            return Err(
                "the configuration has more than one of script, command and sidecar".to_owned()
            );
        }
        let programs = [
            ("command", &config.command, &self.entry.command),
            ("sidecar", &config.sidecar, &self.entry.sidecar),
        ];
        for (kind, requested, allowed) in programs {
            let is_refused = |program: &&String| allowed.as_ref() != Some(program);
            if let Some(program) = requested.as_ref().filter(is_refused) {
                return Err(format!("its entry does not name the {kind} '{}'", quoted(program)));
            }
        }
        let Some(script) = config.script.clone() else {
            if config.command.is_some() || config.sidecar.is_some() {
                return Ok(config);
            }
            return Err("the configuration names no script, command or sidecar".to_owned());
        };
        if (request.is_bundled)(&script)
            && self.bundled.as_ref().is_some_and(|bundled| bundled.is_match(&script))
        {
            return Ok(config);
        }
        let Some((folder, pattern)) = &self.scripts else {
            return Err(format!("its entry does not name the script '{}'", quoted(&script)));
        };
        let path = folder.script(&script, pattern)?;
        config.script = Some(path.to_str().ok_or("the script's path is not UTF-8")?.to_owned());
        Ok(config)
    }

    fn args(&self, config: SpawnConfig) -> Result<SpawnConfig, String> {
        if config.args.len() + config.runtime_args.len() + config.env.len() > MAX_ARGS {
            return Err(format!("a page may pass at most {MAX_ARGS} arguments and variables"));
        }
        if let Some(arg) = config.args.iter().find(|arg| !self.args.allows(arg)) {
            return Err(format!("its entry does not allow the argument '{}'", quoted(arg)));
        }
        Ok(config)
    }

    fn env(&self, config: SpawnConfig) -> Result<SpawnConfig, String> {
        config.env.keys().try_for_each(|name| self.env.check(name))?;
        Ok(config)
    }

    fn cwd(&self, mut config: SpawnConfig) -> Result<SpawnConfig, String> {
        let Some(cwd) = &config.cwd else { return Ok(config) };
        let folder = self.cwd.as_ref().ok_or("its entry does not allow choosing 'cwd'")?;
        // A page's working directory must not change the meaning of relative paths in the entry.
        let command = self.entry.command.as_deref().filter(|_| config.command.is_some());
        let has_relative = [
            ("command", command.is_some_and(is_relative_program)),
            ("permissions", self.entry.permissions.as_ref().is_some_and(depends_on_cwd)),
            ("runtimeArgs", config.runtime_args.iter().any(|flag| may_be_relative(flag))),
        ];
        if let Some((field, _)) = has_relative.iter().find(|(_, has)| *has) {
            return Err(format!(
                "its entry has relative paths in '{field}', so 'cwd' cannot be chosen: make the paths absolute"
            ));
        }
        config.cwd = Some(folder.folder(cwd)?);
        Ok(config)
    }

    fn permissions(&self, mut config: SpawnConfig) -> Result<SpawnConfig, String> {
        let granted = self.entry.permissions.as_ref();
        let base = match &config.cwd {
            Some(cwd) => cwd.clone(),
            None => app_cwd()?,
        };
        let scripts = self.scripts.as_ref().map(|(folder, _)| folder.path());
        let folders: Vec<&Path> =
            scripts.into_iter().chain(self.cwd.as_ref().map(Folder::path)).collect();
        if let Some(path) = replaceable_path(granted, &folders, &base) {
            return Err(format!(
                "its entry names '{}', which is a link out of a folder that its entry makes writable",
                quoted(&path.display().to_string())
            ));
        }
        // Set even if nothing is granted: the app's default permissions are for declared backends only.
        if config.script.is_some() || config.permissions.is_some() {
            config.permissions = Some(permissions(config.permissions.take(), granted, &base)?);
        }
        // All paths are resolved. A path that becomes a symlink later is not followed.
        config.links = Links::Refuse;
        Ok(config)
    }
}

fn app_cwd() -> Result<PathBuf, String> {
    std::env::current_dir().map_err(|error| format!("the app's working directory: {error}"))
}

fn check_restart(policy: Option<RestartPolicy>) -> Result<(), String> {
    match policy {
        Some(policy)
            if policy.backoff_ms < MIN_BACKOFF_MS
                || policy.max_retries > MAX_RETRIES
                || policy.reset_after_ms < MIN_RESET_AFTER_MS =>
        {
            Err(format!(
                "in a page's restart policy, 'backoffMs' must be at least {MIN_BACKOFF_MS}, 'maxRetries' at \
                 most {MAX_RETRIES}, and 'resetAfterMs' at least {MIN_RESET_AFTER_MS}"
            ))
        }
        _ => Ok(()),
    }
}

/// A scope entry that would allow the request, as a suggestion to the app's developer.
fn grant_for(request: &Request<'_>) -> String {
    let config = &request.config;
    let mut entry = serde_json::json!({ "name": quoted(request.name) });
    let mut set = |key: &str, value: serde_json::Value| entry[key] = value;
    match (&config.script, &config.command, &config.sidecar) {
        (Some(script), ..) if (request.is_bundled)(script) => set("bundled", quoted(script).into()),
        (Some(script), ..) => set("script", quoted(script).into()),
        (_, Some(command), _) => set("command", quoted(command).into()),
        (_, _, Some(sidecar)) => set("sidecar", quoted(sidecar).into()),
        _ => {}
    }
    if let Some(runtime) = config.runtime.filter(|runtime| *runtime != Runtime::Auto) {
        set("runtime", serde_json::json!([runtime]));
    }
    if !config.args.is_empty() {
        set("args", true.into());
    }
    if !config.env.is_empty() {
        set("env", config.env.keys().take(8).map(|name| quoted(name)).collect());
    }
    if let Some(cwd) = &config.cwd {
        set("cwd", quoted(&cwd.display().to_string()).into());
    }
    if let Some(permissions) = &config.permissions {
        let text = serde_json::to_string(permissions).unwrap_or_default();
        if text.len() < 400 {
            set("permissions", serde_json::from_str(&text).unwrap_or_default());
        }
    }
    format!(r#"{{ "identifier": "js:allow-spawn", "allow": [{entry}] }}"#)
}
