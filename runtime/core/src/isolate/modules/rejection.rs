//! Errors of `import()` with Node's `code`.
//!
//! The engine rejects `import()` with a new error when the one that it got comes from outside of
//! JavaScript, and calls every such error a missing module. So a module that cannot be one is loaded
//! as a module that throws, and the error is passed on as it is. Only what no later attempt can mend
//! is treated so: the engine keeps the module.

use deno_error::{JsErrorBox, JsErrorClass, PropertyValue};
use deno_runtime::deno_core::url::Url;
use deno_runtime::deno_core::{
    ModuleLoadOptions, ModuleLoadReferrer, ModuleLoadResponse, ModuleSource, ModuleSourceCode,
    ModuleType, RequestedModuleType,
};

/// Errors that depend on the module's address alone.
const LASTING: [&str; 2] = ["ERR_UNKNOWN_FILE_EXTENSION", "ERR_UNKNOWN_MODULE_FORMAT"];

/// Whether a module is what an `import()` names. What that imports has a referrer.
pub(super) fn is_asked_for(
    referrer: Option<&ModuleLoadReferrer>,
    options: &ModuleLoadOptions,
) -> bool {
    let is_plain = options.requested_module_type == RequestedModuleType::None;
    options.is_dynamic_import && referrer.is_none() && is_plain
}

/// Keeps the code of an error in a response.
pub(super) fn with_code(url: &Url, response: ModuleLoadResponse) -> ModuleLoadResponse {
    match response {
        ModuleLoadResponse::Sync(Err(error)) => ModuleLoadResponse::Sync(throwing(url, error)),
        other => other,
    }
}

fn throwing(url: &Url, error: JsErrorBox) -> Result<ModuleSource, JsErrorBox> {
    let code = error.get_additional_properties().find_map(|(name, value)| match value {
        PropertyValue::String(code) if name == "code" => Some(code.into_owned()),
        _ => None,
    });
    let Some(code) = code.filter(|code| LASTING.contains(&code.as_str())) else {
        return Err(error);
    };
    let message = serde_json::Value::from(error.get_message());
    let text = format!("throw Object.assign(new TypeError({message}), {{ code: \"{code}\" }})");
    let code = ModuleSourceCode::String(text.into());
    Ok(ModuleSource::new(ModuleType::JavaScript, code, url, None))
}
