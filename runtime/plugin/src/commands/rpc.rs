//! Commands for the RPC connections of pages.

use std::time::Instant;

use tauri::{AppHandle, Runtime};

use crate::connections::{Claim, ClaimedRequest, Connection};
use crate::error::Error;
use crate::input::check_id;
use crate::js::JsExt;
use crate::scope::Scope;

/// Claims a request of a process for a connection of the page.
#[tauri::command]
pub(crate) async fn claim<R: Runtime>(
    app: AppHandle<R>,
    scope: Scope,
    name: String,
    generation: u64,
    request: String,
    connection: String,
    offers: bool,
) -> Result<Claim, Error> {
    let js = app.js();
    js.require(&scope, &name)?;
    check_id("connection", &connection)?;
    let request =
        ClaimedRequest { name: &name, generation, id: &request, connection: &connection, offers };
    Ok(js.connections.claim(&request, Instant::now(), |name| js.status(name).is_ok()))
}

/// Registers a connection of the page, and the line that ends it.
#[tauri::command]
pub(crate) async fn open_rpc<R: Runtime>(
    app: AppHandle<R>,
    scope: Scope,
    name: String,
    generation: u64,
    connection: String,
    last_line: String,
    answers: bool,
) -> Result<(), Error> {
    let js = app.js();
    js.require(&scope, &name)?;
    check_id("connection", &connection)?;
    let connection = Connection { id: connection, name, generation, last_line, answers };
    js.connections.open(scope.label(), connection)
}

/// Ends a connection of the page.
#[tauri::command]
pub(crate) async fn close_rpc<R: Runtime>(app: AppHandle<R>, scope: Scope, connection: String) {
    let js = app.js();
    js.end_connections(js.connections.close(scope.label(), &connection));
}
