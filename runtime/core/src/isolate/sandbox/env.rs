//! Environment variables of one embedded process.
//!
//! Each process has a copy, which only its script changes. The real environment belongs to the
//! application, and changing it while other threads run is undefined behaviour on most systems.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use deno_error::JsErrorBox;
use deno_runtime::deno_core::{OpState, op2};
use deno_runtime::deno_permissions::{
    OpenAccessKind, PermissionCheckError, PermissionState, PermissionsContainer,
};
use parking_lot::{Mutex, MutexGuard};

use crate::isolate::sandbox::files::sandbox_fs;
use crate::isolate::stdio::{LogStream, Stdio};

/// The variables of one process, shared by its isolates.
#[derive(Clone)]
pub(crate) struct Env(Arc<Inner>);

struct Inner {
    variables: Mutex<BTreeMap<String, String>>,
    /// Set when the warning about `TZ` was printed.
    is_time_zone_warned: AtomicBool,
}

/// V8 has one time zone per program and reads it from the program's environment.
const TIME_ZONE: &str = "TZ";

const TIME_ZONE_WARNING: &str = "warning: TZ is not applied: embedded scripts have the time zone of the \
                            application; set TZ for the application, or run the backend in its own \
                            process: runtime \"deno\"\n";

impl Env {
    /// The application's variables, overridden by the configuration's.
    pub(crate) fn new(config: &BTreeMap<String, String>) -> Self {
        let own = std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)));
        let mut env: BTreeMap<_, _> = own.filter(|(key, _)| is_key(key)).collect();
        env.extend(config.clone());
        let (variables, is_time_zone_warned) = (Mutex::new(env), AtomicBool::new(false));
        Self(Arc::new(Inner { variables, is_time_zone_warned }))
    }

    /// Warns once if the script's `TZ` differs from the time zone in use.
    pub(crate) fn warn_about_time_zone(&self, stderr: &Stdio) {
        let zone = self.lock().get(TIME_ZONE).cloned();
        let is_other = std::env::var(TIME_ZONE).ok() != zone;
        if is_other && !self.0.is_time_zone_warned.swap(true, Ordering::Relaxed) {
            stderr.write_text(TIME_ZONE_WARNING);
        }
    }

    /// Whether the configuration has a variable that modules of the engine read when they are loaded.
    pub(crate) fn affects_bootstrap(config: &BTreeMap<String, String>) -> bool {
        config.keys().any(|key| key.starts_with("NODE_") || NODE_READS.contains(&key.as_str()))
    }

    /// The current value of a variable.
    pub(crate) fn value(&self, key: &str) -> Option<String> {
        self.lock().get(key).cloned()
    }

    /// The variables that `permissions` grant.
    pub(crate) fn granted(&self, permissions: &PermissionsContainer) -> BTreeMap<String, String> {
        let is_granted = |key: &str| permissions.query_env(Some(key)) == PermissionState::Granted;
        let env = self.lock();
        let granted = env.iter().filter(|(key, _)| is_granted(key));
        granted.map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    fn lock_in(state: &OpState) -> MutexGuard<'_, BTreeMap<String, String>> {
        state.borrow::<Self>().lock()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.variables.lock()
    }

    fn on_change(state: &OpState, key: &str) {
        if key == TIME_ZONE {
            state.borrow::<Self>().warn_about_time_zone(&state.borrow::<LogStream>().0);
        }
    }
}

/// Variables that Node itself reads. No permission guards them: the list is Deno's.
const NODE_READS: [&str; 4] = ["FORCE_COLOR", "NODE_DEBUG", "NODE_OPTIONS", "NO_COLOR"];

fn is_key(key: &str) -> bool {
    !key.is_empty() && !key.contains(['=', '\0'])
}

fn check_key(key: &str) -> Result<(), JsErrorBox> {
    match key {
        "" => Err(JsErrorBox::type_error("Key is an empty string")),
        key if !is_key(key) => {
            Err(JsErrorBox::type_error(format!("Key contains invalid characters: {key:?}")))
        }
        _ => Ok(()),
    }
}

/// `false` for a variable that is not granted: the script sees it as unset.
fn is_permitted(state: &mut OpState, key: &str) -> Result<bool, PermissionCheckError> {
    match state.borrow_mut::<PermissionsContainer>().check_env(key) {
        Ok(()) => Ok(true),
        Err(PermissionCheckError::PermissionDenied(denied))
            if denied.state == PermissionState::Ignored =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

#[op2]
#[serde]
pub(crate) fn op_host_env(state: &mut OpState) -> BTreeMap<String, String> {
    state.borrow::<Env>().granted(state.borrow::<PermissionsContainer>())
}

#[op2(stack_trace)]
#[string]
pub(crate) fn op_host_get_env(
    state: &mut OpState,
    #[string] key: &str,
) -> Result<Option<String>, JsErrorBox> {
    if !NODE_READS.contains(&key) && !is_permitted(state, key).map_err(JsErrorBox::from_err)? {
        return Ok(None);
    }
    check_key(key)?;
    Ok(Env::lock_in(state).get(key).cloned())
}

#[op2]
#[string]
pub(crate) fn op_host_get_env_no_permission_check(
    state: &mut OpState,
    #[string] key: &str,
) -> Result<Option<String>, JsErrorBox> {
    check_key(key)?;
    Ok(Env::lock_in(state).get(key).cloned())
}

#[op2(fast, stack_trace)]
pub(crate) fn op_host_set_env(
    state: &mut OpState,
    #[string] key: &str,
    #[string] value: &str,
) -> Result<(), JsErrorBox> {
    if !is_permitted(state, key).map_err(JsErrorBox::from_err)? {
        return Ok(());
    }
    check_key(key)?;
    if value.contains('\0') {
        return Err(JsErrorBox::type_error(format!(
            "Value contains invalid characters: {value:?}"
        )));
    }
    Env::lock_in(state).insert(key.to_owned(), value.to_owned());
    Env::on_change(state, key);
    Ok(())
}

#[op2(fast, stack_trace)]
pub(crate) fn op_host_delete_env(
    state: &mut OpState,
    #[string] key: &str,
) -> Result<(), JsErrorBox> {
    if !is_permitted(state, key).map_err(JsErrorBox::from_err)? {
        return Ok(());
    }
    check_key(key)?;
    Env::lock_in(state).remove(key);
    Env::on_change(state, key);
    Ok(())
}

/// `process.loadEnvFile`. As in Node, a variable that is set stays as it is. A variable that is not granted is
/// skipped.
#[op2(fast, stack_trace)]
pub(crate) fn op_host_load_env_file(
    state: &mut OpState,
    #[string] path: &str,
) -> Result<(), JsErrorBox> {
    let permissions = state.borrow::<PermissionsContainer>();
    let path = permissions
        .check_open(Path::new(path).into(), OpenAccessKind::Read, Some("process.loadEnvFile"))
        .map_err(JsErrorBox::from_err)?;
    let mut file = sandbox_fs::open_regular_file(&path).map_err(JsErrorBox::from_err)?;
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(JsErrorBox::from_err)?;
    let mut env = Env::lock_in(state);
    deno_dotenv::parse_env_content_hook(&text, &mut |key, value| {
        if is_key(key) && permissions.query_env(Some(key)) == PermissionState::Granted {
            env.entry(key.to_owned()).or_insert_with(|| value.replace('\0', ""));
        }
    });
    drop(env);
    Env::on_change(state, TIME_ZONE);
    Ok(())
}
