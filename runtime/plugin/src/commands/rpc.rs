//! Commands for the RPC connections of pages.

use tauri::{AppHandle, Runtime};

use crate::connections::Connection;
use crate::error::Error;
use crate::input::check_id;
use crate::js::JsExt;
use crate::scope::Scope;

/// Claims a request of a process. Returns whether the caller answers it.
#[tauri::command]
pub(crate) async fn claim<R: Runtime>(
    app: AppHandle<R>,
    scope: Scope,
    name: String,
    generation: u64,
    request: String,
) -> Result<bool, Error> {
    let js = app.js();
    js.require(&scope, &name)?;
    check_id("request", &request)?;
    Ok(js.connections.claim(&name, generation, request, |name| js.status(name).is_ok()))
}

/// Registers the line that ends a connection of the page.
#[tauri::command]
pub(crate) async fn open_rpc<R: Runtime>(
    app: AppHandle<R>,
    scope: Scope,
    name: String,
    generation: u64,
    connection: String,
    last_line: String,
) -> Result<(), Error> {
    let js = app.js();
    js.require(&scope, &name)?;
    check_id("connection", &connection)?;
    let connection = Connection { id: connection, name, generation, last_line };
    js.connections.open(scope.label(), connection)
}

/// Ends a connection of the page.
#[tauri::command]
pub(crate) async fn close_rpc<R: Runtime>(app: AppHandle<R>, scope: Scope, connection: String) {
    let js = app.js();
    js.end_connections(js.connections.close(scope.label(), &connection));
}
