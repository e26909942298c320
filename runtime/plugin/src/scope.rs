//! What a window's capability lets it do.
//!
//! Tauri decides whether a window may call a command at all; the entries of its capability, checked
//! here, decide for which processes. No entry means no process.

pub(crate) mod entry;
mod free;
mod granted;
#[cfg(all(test, unix))]
mod model;
mod narrow;
mod reach;
mod rule;
mod runtimes;
mod script;
mod variables;
mod wildcard;

use std::sync::Arc;

use tauri::Runtime;
use tauri::ipc::{CommandArg, CommandItem, CommandScope, InvokeError};

use crate::error::Error;
pub(crate) use free::Request;
pub(crate) use rule::Rule;

/// No process has a longer name; what a page sends is not repeated to it at any length.
const LONGEST_NAME: usize = 256;

/// What one window may do with one command.
#[derive(Clone, Default)]
pub(crate) struct Rights {
    /// The window, for messages.
    label: String,
    /// The command, for messages.
    command: String,
    allow: Vec<Arc<Rule>>,
    deny: Vec<Arc<Rule>>,
}

impl<'a, R: Runtime> CommandArg<'a, R> for Rights {
    fn from_command(command: CommandItem<'a, R>) -> Result<Self, InvokeError> {
        let label = command.message.webview_ref().label().to_owned();
        let name = command.message.command().to_owned();
        let scope = CommandScope::<Rule>::from_command(command)?;
        Ok(Self {
            label,
            command: name,
            allow: scope.allows().clone(),
            deny: scope.denies().clone(),
        })
    }
}

impl Rights {
    /// Those of a window without any.
    pub(crate) fn none(label: &str) -> Self {
        Self { label: label.to_owned(), ..Self::default() }
    }

    /// The window they are of.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// Whether the command may be used on the process called `name`.
    pub(crate) fn covers(&self, name: &str, is_declared: bool) -> bool {
        let matches = |rule: &Arc<Rule>| rule.covers(name, is_declared);
        !self.deny.iter().any(matches) && self.allow.iter().any(matches)
    }

    /// The same with words for whoever was refused.
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
        Err(self.refused(
            name,
            &format!("may not use '{}' on the process '{}'", self.command, shown(name)),
            &format!(
                r#"{{ "identifier": "{permission}", "allow": [{{ "name": "{}" }}] }}"#,
                shown(name)
            ),
        ))
    }

    /// An error that says what to add to which capability.
    fn refused(&self, name: &str, what: &str, grant: &str) -> Error {
        Error::NotAllowed {
            name: name.to_owned(),
            message: format!(
                "window '{}' {what}. To allow it, add to the permissions of its capability \
                 (src-tauri/capabilities): {grant}",
                self.label
            ),
        }
    }
}

/// Refuses a name that is too long for any process.
pub(crate) fn check_name(name: &str) -> Result<(), Error> {
    if name.len() <= LONGEST_NAME {
        return Ok(());
    }
    let (start, length) = (shown(name), name.len());
    Err(Error::invalid(format!(
        "the name '{start}…' has {length} bytes; at most {LONGEST_NAME} are allowed"
    )))
}

/// A name as it can stand in a message: names come from the page and may be anything.
fn shown(name: &str) -> String {
    name.chars().flat_map(char::escape_default).take(64).collect()
}
