//! A page that wants to start something with a configuration of its own.
//!
//! Everything it asks for must be in one entry of the window's capability; what comes out is a
//! configuration in which nothing is left to be looked up: paths are absolute and without links.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use js_runtime::{Limits, Links, RestartPolicy, Runtime, SpawnConfig};

use super::granted::{has_relative_paths, is_relative_program, permissions, replaced};
use super::narrow::limits;
use super::rule::Rule;
use super::runtimes::{flags, may_be_relative, runtime};
use super::script::Folder;
use super::{Rights, shown};
use crate::error::Error;

/// The shortest wait before a restart that a page may ask for, in milliseconds.
const SHORTEST_BACKOFF_MS: u32 = 50;

/// The most restarts in a row that a page may ask for.
const MOST_RETRIES: u32 = 100;

/// The soonest that a page may ask for a life to count as a success, in milliseconds: restarts in a row
/// would have no end.
const SHORTEST_SUCCESS_MS: u32 = 1000;

/// The most arguments, flags and variables that a page may give: each is matched against patterns.
const MOST_WORDS: usize = 1000;

/// What a page asks for under a name.
pub(crate) struct Request<'a> {
    pub(crate) name: &'a str,
    pub(crate) is_declared: bool,
    pub(crate) config: SpawnConfig,
    /// Whether the app has a module of that name inside.
    pub(crate) is_bundled: &'a dyn Fn(&str) -> bool,
    /// The app's own limits: the most a page may ask for where its capability names no other.
    pub(crate) default_limits: Option<Limits>,
}

impl Rights {
    /// The configuration to start, or what the capability lacks for it.
    pub(crate) fn authorize(&self, request: &Request<'_>) -> Result<SpawnConfig, Error> {
        let shown_name = shown(request.name);
        if !self.covers(request.name, request.is_declared) {
            let what = format!("may not use '{}' on the process '{shown_name}'", self.command);
            return Err(self.refused(request.name, &what, &grant_for(request)));
        }
        let mut closest = None;
        let rules = self.allow.iter().filter(|rule| rule.covers(request.name, request.is_declared));
        // What else may run under the name of a declared backend takes an entry for just that name.
        let is_about = |rule: &&Arc<Rule>| {
            !rule.entry.declared && (!request.is_declared || rule.entry.name == request.name)
        };
        for rule in rules.filter(is_about) {
            match rule.permit(request) {
                Ok(config) => return Ok(config),
                Err(refusal) => closest = closest.max(Some(refusal)),
            }
        }
        let what = match closest {
            Some(refusal) => format!("may not start '{shown_name}': {}", refusal.why),
            None => format!(
                "may start '{shown_name}' only as it is declared: call spawn('{shown_name}') without a \
                 configuration"
            ),
        };
        Err(self.refused(request.name, &what, &grant_for(request)))
    }
}

/// Why an entry does not permit a start. The one that got furthest is told.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Refusal {
    step: usize,
    why: String,
}

impl Rule {
    fn permit(&self, request: &Request<'_>) -> Result<SpawnConfig, Refusal> {
        let config = request.config.clone();
        let steps: [&dyn Fn(SpawnConfig) -> Result<SpawnConfig, String>; 8] = [
            &|config| self.program(config, request),
            &|config| runtime(&self.entry, config, js_runtime::embedded_version().is_some()),
            &|config| flags(&self.entry, config),
            &|config| self.arguments(config),
            &|config| self.environment(config),
            &|config| self.folder(config),
            &|config| self.permissions(config),
            &|mut config| {
                config.limits = limits(config.limits, self.entry.limits, request.default_limits)?;
                restart(config.restart)?;
                Ok(config)
            },
        ];
        steps.iter().enumerate().try_fold(config, |config, (step, check)| {
            check(config).map_err(|why| Refusal { step, why })
        })
    }

    /// What runs: exactly one of script, command and sidecar, and one that the entry names.
    fn program(
        &self,
        mut config: SpawnConfig,
        request: &Request<'_>,
    ) -> Result<SpawnConfig, String> {
        let named = [&config.script, &config.command, &config.sidecar];
        if named.iter().filter(|part| part.is_some()).count() > 1 {
            return Err("a configuration has one of script, command and sidecar".to_owned());
        }
        let programs = [
            ("command", &config.command, &self.entry.command),
            ("sidecar", &config.sidecar, &self.entry.sidecar),
        ];
        for (what, wanted, allowed) in programs {
            if let Some(wanted) = wanted.as_ref().filter(|wanted| allowed.as_ref() != Some(wanted))
            {
                return Err(format!("its entry does not name the {what} '{}'", shown(wanted)));
            }
        }
        let Some(script) = config.script.clone() else {
            if config.command.is_some() || config.sidecar.is_some() {
                return Ok(config);
            }
            return Err("the configuration names neither script, command nor sidecar".to_owned());
        };
        if (request.is_bundled)(&script)
            && self.bundled.as_ref().is_some_and(|bundled| bundled.is_match(&script))
        {
            return Ok(config);
        }
        let Some((folder, pattern)) = &self.scripts else {
            return Err(format!("its entry does not name the script '{}'", shown(&script)));
        };
        let path = folder.script(&script, pattern)?;
        config.script = Some(path.to_str().ok_or("the script's path is not UTF-8")?.to_owned());
        Ok(config)
    }

    fn arguments(&self, config: SpawnConfig) -> Result<SpawnConfig, String> {
        if config.args.len() + config.runtime_args.len() + config.env.len() > MOST_WORDS {
            return Err(format!(
                "a page may give {MOST_WORDS} arguments and variables at the most"
            ));
        }
        if let Some(arg) = config.args.iter().find(|arg| !self.args.allows(arg)) {
            return Err(format!("its entry does not allow the argument '{}'", shown(arg)));
        }
        Ok(config)
    }

    fn environment(&self, config: SpawnConfig) -> Result<SpawnConfig, String> {
        config.env.keys().try_for_each(|name| self.env.check(name))?;
        Ok(config)
    }

    fn folder(&self, mut config: SpawnConfig) -> Result<SpawnConfig, String> {
        let Some(wanted) = &config.cwd else { return Ok(config) };
        let allowed = self.cwd.as_ref().ok_or("its entry does not allow to choose 'cwd'")?;
        // What the entry names relative to a folder must not move with the page's choice.
        let command = self.entry.command.as_deref().filter(|_| config.command.is_some());
        let has_relative = [
            ("command", command.is_some_and(is_relative_program)),
            ("permissions", self.entry.permissions.as_ref().is_some_and(has_relative_paths)),
            ("runtimeArgs", config.runtime_args.iter().any(|flag| may_be_relative(flag))),
        ];
        if let Some((field, _)) = has_relative.iter().find(|(_, has)| *has) {
            return Err(format!(
                "its entry has relative paths in '{field}', with which 'cwd' cannot be chosen: write absolute \
                 ones"
            ));
        }
        config.cwd = Some(allowed.folder(wanted)?);
        Ok(config)
    }

    fn permissions(&self, mut config: SpawnConfig) -> Result<SpawnConfig, String> {
        let most = self.entry.permissions.as_ref();
        let base = match &config.cwd {
            Some(cwd) => cwd.clone(),
            None => current_folder()?,
        };
        let scripts = self.scripts.as_ref().map(|(folder, _)| folder.path());
        let folders: Vec<&Path> =
            scripts.into_iter().chain(self.cwd.as_ref().map(Folder::path)).collect();
        if let Some(path) = replaced(most, &folders, &base) {
            return Err(format!(
                "its entry names '{}', which is a link out of a folder that its entry lets it write to",
                shown(&path.display().to_string())
            ));
        }
        // An explicit nothing: the app's own defaults are for its own backends.
        if config.script.is_some() || config.permissions.is_some() {
            config.permissions = Some(permissions(config.permissions.take(), most, &base)?);
        }
        // Everything is where its links lead: what becomes a link from now on is not followed.
        config.links = Links::Refuse;
        Ok(config)
    }
}

fn current_folder() -> Result<PathBuf, String> {
    std::env::current_dir().map_err(|error| format!("the app's working directory: {error}"))
}

fn restart(policy: Option<RestartPolicy>) -> Result<(), String> {
    match policy {
        Some(policy)
            if policy.backoff_ms < SHORTEST_BACKOFF_MS
                || policy.max_retries > MOST_RETRIES
                || policy.reset_after_ms < SHORTEST_SUCCESS_MS =>
        {
            Err(format!(
                "a page may ask for restarts after {SHORTEST_BACKOFF_MS} ms at the soonest, for \
                 {MOST_RETRIES} in a row at the most, and for 'resetAfterMs' of {SHORTEST_SUCCESS_MS} \
                 at the least"
            ))
        }
        _ => Ok(()),
    }
}

/// The entry that would permit the request, to copy and to think about.
fn grant_for(request: &Request<'_>) -> String {
    let config = &request.config;
    let mut entry = serde_json::json!({ "name": shown(request.name) });
    let mut set = |key: &str, value: serde_json::Value| entry[key] = value;
    match (&config.script, &config.command, &config.sidecar) {
        (Some(script), ..) if (request.is_bundled)(script) => set("bundled", shown(script).into()),
        (Some(script), ..) => set("script", shown(script).into()),
        (_, Some(command), _) => set("command", shown(command).into()),
        (_, _, Some(sidecar)) => set("sidecar", shown(sidecar).into()),
        _ => {}
    }
    if let Some(runtime) = config.runtime.filter(|runtime| *runtime != Runtime::Auto) {
        set("runtime", serde_json::json!([runtime]));
    }
    if !config.args.is_empty() {
        set("args", true.into());
    }
    if !config.env.is_empty() {
        set("env", config.env.keys().take(8).map(|name| shown(name)).collect());
    }
    if let Some(cwd) = &config.cwd {
        set("cwd", shown(&cwd.display().to_string()).into());
    }
    if let Some(permissions) = &config.permissions {
        let text = serde_json::to_string(permissions).unwrap_or_default();
        if text.len() < 400 {
            set("permissions", serde_json::from_str(&text).unwrap_or_default());
        }
    }
    format!(r#"{{ "identifier": "js:allow-spawn", "allow": [{entry}] }}"#)
}
