//! Commands that start, end and list processes.

use js_runtime::{ProcessInfo, SpawnConfig};
use serde_json::Value;
use tauri::{AppHandle, Runtime};

use crate::error::Error;
use crate::js::{Js, JsExt};
use crate::scope::{Request, Rights, check_name};
use crate::wire::{BackendInfo, Ensured, ProcessConfig};

/// Most bytes of text in a configuration from a page: it is kept for as long as its process is listed.
const MOST_TEXT: usize = 1024 * 1024;

#[tauri::command]
pub(crate) async fn spawn<R: Runtime>(
    app: AppHandle<R>,
    rights: Rights,
    name: String,
    config: Option<Value>,
) -> Result<ProcessInfo, Error> {
    let config = wanted(app.js(), &rights, &name, config)?;
    let _start = app.js().begin_start(&rights, &name, false)?;
    Ok(app.js().supervisor().spawn(&name, config).await?)
}

#[tauri::command]
pub(crate) async fn ensure<R: Runtime>(
    app: AppHandle<R>,
    rights: Rights,
    name: String,
    config: Option<Value>,
) -> Result<Ensured, Error> {
    let config = wanted(app.js(), &rights, &name, config)?;
    let _start = app.js().begin_start(&rights, &name, true)?;
    app.js().ensure_process(&name, config).await
}

#[tauri::command]
pub(crate) async fn restart<R: Runtime>(
    app: AppHandle<R>,
    rights: Rights,
    name: String,
    config: Option<Value>,
) -> Result<ProcessInfo, Error> {
    let config = match config.filter(|config| !config.is_null()) {
        Some(config) => Some(wanted(app.js(), &rights, &name, Some(config))?),
        None => None,
    };
    app.js().require(&rights, &name)?;
    let _start = app.js().begin_start(&rights, &name, false)?;
    Ok(app.js().supervisor().restart(&name, config).await?)
}

#[tauri::command]
pub(crate) async fn kill<R: Runtime>(
    app: AppHandle<R>,
    rights: Rights,
    name: String,
) -> Result<(), Error> {
    app.js().require(&rights, &name)?;
    app.js().kill(&name).await
}

/// Kills what this window may kill.
#[tauri::command]
pub(crate) async fn kill_all<R: Runtime>(app: AppHandle<R>, rights: Rights) -> Result<(), Error> {
    let own = visible(app.js(), &rights).into_iter().filter(|process| !process.state.is_exited());
    let supervisor = app.js().supervisor();
    let kills = own.map(|process| {
        let supervisor = supervisor.clone();
        tauri::async_runtime::spawn(async move { supervisor.kill(&process.name).await })
    });
    for kill in kills.collect::<Vec<_>>() {
        // One that has ended meanwhile is as dead as the others.
        let _ = kill.await;
    }
    Ok(())
}

#[tauri::command]
pub(crate) async fn remove<R: Runtime>(
    app: AppHandle<R>,
    rights: Rights,
    name: String,
) -> Result<(), Error> {
    app.js().require(&rights, &name)?;
    Ok(app.js().supervisor().remove(&name)?)
}

#[tauri::command]
pub(crate) async fn list_processes<R: Runtime>(
    app: AppHandle<R>,
    rights: Rights,
) -> Result<Vec<ProcessInfo>, Error> {
    Ok(visible(app.js(), &rights))
}

#[tauri::command]
pub(crate) async fn get_status<R: Runtime>(
    app: AppHandle<R>,
    rights: Rights,
    name: String,
) -> Result<ProcessInfo, Error> {
    app.js().require(&rights, &name)?;
    app.js().get_status(&name)
}

#[tauri::command]
pub(crate) async fn get_config<R: Runtime>(
    app: AppHandle<R>,
    rights: Rights,
    name: String,
) -> Result<ProcessConfig, Error> {
    app.js().require(&rights, &name)?;
    Ok(app.js().supervisor().config(&name)?.into())
}

#[tauri::command]
pub(crate) async fn list_backends<R: Runtime>(
    app: AppHandle<R>,
    rights: Rights,
) -> Result<Vec<BackendInfo>, Error> {
    Ok(app.js().backends(|name| rights.covers(name, true)))
}

fn visible<R: Runtime>(js: &Js<R>, rights: &Rights) -> Vec<ProcessInfo> {
    let may_see =
        |process: &ProcessInfo| rights.covers(&process.name, js.is_declared(&process.name));
    js.list().into_iter().filter(may_see).collect()
}

/// What is to be started: the declared backend, or what the page asks for if its window may.
fn wanted<R: Runtime>(
    js: &Js<R>,
    rights: &Rights,
    name: &str,
    config: Option<Value>,
) -> Result<SpawnConfig, Error> {
    let config = parse(config)?;
    let is_declared = js.is_declared(name);
    check_name(name)?;
    if config == SpawnConfig::default() {
        // What is not declared cannot be started so, whatever the window may do.
        if is_declared {
            rights.require(name, is_declared)?;
        }
        return Ok(js.declared(name)?.1);
    }
    rights.authorize(&Request {
        name,
        is_declared,
        config,
        is_bundled: &|module| js.is_bundled(module),
        default_limits: js.config().defaults.limits,
    })
}

/// A configuration from a page. `null` stands for "not given", as in `tauri-plugin-js`.
fn parse(config: Option<Value>) -> Result<SpawnConfig, Error> {
    let mut config = config.unwrap_or(Value::Null);
    if text_bytes(&config) > MOST_TEXT {
        return Err(Error::invalid(format!(
            "a configuration from a page may have {MOST_TEXT} bytes of text; give more by stdin or in a file"
        )));
    }
    match &mut config {
        Value::Null => return Ok(SpawnConfig::default()),
        Value::Object(fields) => fields.retain(|_, value| !value.is_null()),
        _ => {}
    }
    serde_json::from_value(config).map_err(|error| {
        // It quotes what it was given, which may be long.
        Error::invalid(error.to_string().chars().take(300).collect::<String>())
    })
}

/// Bytes of all texts in it, keys included.
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
