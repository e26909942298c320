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

/// Keeps the code of an error that `import()` of `url` itself gets.
pub(super) fn with_code(
    url: &Url,
    referrer: Option<&ModuleLoadReferrer>,
    options: &ModuleLoadOptions,
    response: ModuleLoadResponse,
) -> ModuleLoadResponse {
    // What a module imports that `import()` asked for has a referrer.
    let is_asked_for = options.is_dynamic_import && referrer.is_none();
    let is_plain = options.requested_module_type == RequestedModuleType::None;
    match response {
        ModuleLoadResponse::Sync(Err(error)) if is_asked_for && is_plain => {
            ModuleLoadResponse::Sync(throwing(url, error))
        }
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
