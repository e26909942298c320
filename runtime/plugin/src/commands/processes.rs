//! Commands that start, kill and list processes.

use js_runtime::{ProcessInfo, SpawnConfig};
use serde_json::Value;
use tauri::{AppHandle, Runtime};

use crate::error::Error;
use crate::js::{Js, JsExt};
use crate::scope::{Request, Scope, check_name};
use crate::wire::{BackendInfo, Ensured, ProcessConfig};

/// Most bytes of text in a configuration from a page. It is stored while its process is listed.
const MAX_TEXT_BYTES: usize = 1024 * 1024;

#[tauri::command]
pub(crate) async fn spawn<R: Runtime>(
    app: AppHandle<R>,
    scope: Scope,
    name: String,
    config: Option<Value>,
) -> Result<ProcessInfo, Error> {
    let config = authorized(app.js(), &scope, &name, config)?;
    let _permit = app.js().permit_start(&scope, &name, false)?;
    Ok(app.js().supervisor().spawn(&name, config).await?)
}

#[tauri::command]
pub(crate) async fn ensure<R: Runtime>(
    app: AppHandle<R>,
    scope: Scope,
    name: String,
    config: Option<Value>,
) -> Result<Ensured, Error> {
    let config = authorized(app.js(), &scope, &name, config)?;
    let _permit = app.js().permit_start(&scope, &name, true)?;
    app.js().ensure_process(&name, config).await
}

#[tauri::command]
pub(crate) async fn restart<R: Runtime>(
    app: AppHandle<R>,
    scope: Scope,
    name: String,
    config: Option<Value>,
) -> Result<ProcessInfo, Error> {
    let config = match config.filter(|config| !config.is_null()) {
        Some(config) => Some(authorized(app.js(), &scope, &name, Some(config))?),
        None => None,
    };
    app.js().require(&scope, &name)?;
    let _permit = app.js().permit_start(&scope, &name, false)?;
    Ok(app.js().supervisor().restart(&name, config).await?)
}

#[tauri::command]
pub(crate) async fn kill<R: Runtime>(
    app: AppHandle<R>,
    scope: Scope,
    name: String,
) -> Result<(), Error> {
    app.js().require(&scope, &name)?;
    app.js().kill(&name).await
}

/// Kills all processes that the window's scope covers.
#[tauri::command]
pub(crate) async fn kill_all<R: Runtime>(app: AppHandle<R>, scope: Scope) -> Result<(), Error> {
    let visible = visible(app.js(), &scope).into_iter();
    let supervisor = app.js().supervisor();
    let kills = visible.filter(|process| !process.state.is_exited()).map(|process| {
        let supervisor = supervisor.clone();
        tauri::async_runtime::spawn(async move { supervisor.kill(&process.name).await })
    });
    for kill in kills.collect::<Vec<_>>() {
        // Fails for a process that has exited meanwhile.
        let _ = kill.await;
    }
    Ok(())
}

#[tauri::command]
pub(crate) async fn remove<R: Runtime>(
    app: AppHandle<R>,
    scope: Scope,
    name: String,
) -> Result<(), Error> {
    app.js().require(&scope, &name)?;
    Ok(app.js().supervisor().remove(&name)?)
}

#[tauri::command]
pub(crate) async fn list_processes<R: Runtime>(
    app: AppHandle<R>,
    scope: Scope,
) -> Result<Vec<ProcessInfo>, Error> {
    Ok(visible(app.js(), &scope))
}

#[tauri::command]
pub(crate) async fn get_status<R: Runtime>(
    app: AppHandle<R>,
    scope: Scope,
    name: String,
) -> Result<ProcessInfo, Error> {
    app.js().require(&scope, &name)?;
    app.js().get_status(&name)
}

#[tauri::command]
pub(crate) async fn get_config<R: Runtime>(
    app: AppHandle<R>,
    scope: Scope,
    name: String,
) -> Result<ProcessConfig, Error> {
    app.js().require(&scope, &name)?;
    Ok(app.js().supervisor().config(&name)?.into())
}

#[tauri::command]
pub(crate) async fn list_backends<R: Runtime>(
    app: AppHandle<R>,
    scope: Scope,
) -> Result<Vec<BackendInfo>, Error> {
    Ok(app.js().backends(|name| scope.covers(name, true)))
}

fn visible<R: Runtime>(js: &Js<R>, scope: &Scope) -> Vec<ProcessInfo> {
    let may_see =
        |process: &ProcessInfo| scope.covers(&process.name, js.is_declared(&process.name));
    js.list().into_iter().filter(may_see).collect()
}

/// The configuration to start: that of the declared backend, or the page's own if the scope allows it.
fn authorized<R: Runtime>(
    js: &Js<R>,
    scope: &Scope,
    name: &str,
    config: Option<Value>,
) -> Result<SpawnConfig, Error> {
    let config = parse(config)?;
    let is_declared = js.is_declared(name);
    check_name(name)?;
    if config == SpawnConfig::default() {
        // For an undeclared name the error below is more helpful than a missing permission.
        if is_declared {
            scope.require(name, is_declared)?;
        }
        return Ok(js.declared(name)?.1);
    }
    scope.authorize(&Request {
        name,
        is_declared,
        config,
        is_bundled: &|module| js.is_bundled(module),
        default_limits: js.config().defaults.limits,
    })
}

/// Parses a configuration from a page. `null` means "not given", as in `tauri-plugin-js`.
fn parse(config: Option<Value>) -> Result<SpawnConfig, Error> {
    let mut config = config.unwrap_or(Value::Null);
    if text_bytes(&config) > MAX_TEXT_BYTES {
        return Err(Error::invalid(format!(
            "a configuration from a page may have at most {MAX_TEXT_BYTES} bytes of text; pass more through \
             stdin or a file"
        )));
    }
    match &mut config {
        Value::Null => return Ok(SpawnConfig::default()),
        Value::Object(fields) => fields.retain(|_, value| !value.is_null()),
        _ => {}
    }
    serde_json::from_value(config).map_err(|error| {
        // The message quotes the page's input, which may be long.
        Error::invalid(error.to_string().chars().take(300).collect::<String>())
    })
}

/// The total bytes of strings and keys in `value`.
fn text_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(text_bytes).sum(),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| key.len() + text_bytes(value)).sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}
