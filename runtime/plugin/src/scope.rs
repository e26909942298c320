//! Scopes: the processes and configurations that the capability of a window allows.
//!
//! Tauri decides whether a window may call a command. The scope entries of its capability, checked here,
//! decide for which processes and configurations. Without an entry, nothing is allowed.

mod authorize;
#[cfg(all(test, unix))]
mod authorize_model;
pub(crate) mod entry;
mod intersect;
mod path_scope;
mod process_quota;
mod rule;
mod variables;
mod window_scopes;

use std::sync::Arc;

use js_runtime::MAX_NAME_BYTES;
use tauri::Runtime;
use tauri::ipc::{CommandArg, CommandItem, CommandScope, InvokeError};

use crate::error::Error;
pub(crate) use authorize::Request;
pub(crate) use process_quota::{ProcessQuota, StartPermit};
pub(crate) use rule::Rule;
pub(crate) use window_scopes::{PAGE_HEADER, WindowScopes};

/// The scope of one window for one command.
#[derive(Clone, Default)]
pub(crate) struct Scope {
    /// The label of the window.
    label: String,
    /// The command, for error messages.
    command: String,
    allow: Vec<Arc<Rule>>,
    deny: Vec<Arc<Rule>>,
}

impl<'a, R: Runtime> CommandArg<'a, R> for Scope {
    fn from_command(item: CommandItem<'a, R>) -> Result<Self, InvokeError> {
        let label = item.message.webview_ref().label().to_owned();
        let command = item.message.command().to_owned();
        let scope = CommandScope::<Rule>::from_command(item)?;
        Ok(Self { label, command, allow: scope.allows().clone(), deny: scope.denies().clone() })
    }
}

impl Scope {
    /// The scope of a window without permission for the command.
    pub(crate) fn empty(label: &str) -> Self {
        Self { label: label.to_owned(), ..Self::default() }
    }

    /// The label of the window.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// Whether the command may be used on the process `name`.
    pub(crate) fn covers(&self, name: &str, is_declared: bool) -> bool {
        let matches = |rule: &Arc<Rule>| rule.covers(name, is_declared);
        !self.deny.iter().any(matches) && self.allow.iter().any(matches)
    }

    /// Like [`Self::covers`], with an error that contains the missing permission.
    pub(crate) fn require(&self, name: &str, is_declared: bool) -> Result<(), Error> {
        check_name(name)?;
        if self.covers(name, is_declared) {
            return Ok(());
        }
        let permission = match self.command.as_str() {
            "spawn" | "ensure" | "restart" => "js:allow-spawn".to_owned(),
            "attach" | "get_config" | "get_status" => "js:allow-observe".to_owned(),
            other => format!("js:allow-{}", other.replace('_', "-")),
        };
        Err(self.refusal(
            name,
            &format!("may not use '{}' on the process '{}'", self.command, quoted(name)),
            &format!(
                r#"{{ "identifier": "{permission}", "allow": [{{ "name": "{}" }}] }}"#,
                quoted(name)
            ),
        ))
    }

    /// An error with the entry that would allow the request.
    fn refusal(&self, name: &str, why: &str, grant: &str) -> Error {
        Error::NotAllowed {
            name: name.to_owned(),
            message: format!(
                "window '{}' {why}. To allow it, add to the permissions of its capability \
                 (src-tauri/capabilities): {grant}",
                self.label
            ),
        }
    }
}

/// Refuses a name that is too long for a process.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    if name.len() <= MAX_NAME_BYTES {
        return Ok(());
    }
    let (start, length) = (quoted(name), name.len());
    Err(Error::invalid(format!(
        "the name '{start}…' has {length} bytes; at most {MAX_NAME_BYTES} are allowed"
    )))
}

/// The start of a page's text, escaped for an error message.
fn quoted(text: &str) -> String {
    text.chars().flat_map(char::escape_default).take(64).collect()
}
