//! Environment variables of child processes.

use deno_runtime::deno_core::OpState;
use deno_runtime::deno_permissions::PermissionsContainer;

use crate::child::guardian;
use crate::child::guardian::Mark;
use crate::isolate::sandbox::env::Env;

type Variables = Vec<(String, String)>;

/// Variables that every child needs to run and to find programs. They contain no secrets.
const ALWAYS_PASSED: &[&str] = if cfg!(windows) {
    &["PATH", "PATHEXT", "SystemRoot", "SystemDrive", "windir", "TEMP"]
} else {
    &["PATH"]
};

/// The variables of a child for the given ones.
pub(super) fn child_variables(
    state: &mut OpState,
    given: Variables,
    is_complete: bool,
    api_name: &str,
) -> Variables {
    let mut variables = if is_complete { given } else { with_granted(state, given) };
    // With a list of programs in `permissions.run`, Deno refuses to start any with a variable of the dynamic linker.
    // Inherited ones are removed: AppImages and developers set them.
    if variables.iter().any(|(name, _)| is_linker_variable(name))
        && !state.borrow_mut::<PermissionsContainer>().query_run_all(api_name)
    {
        let env = state.borrow::<Env>();
        variables.retain(|(name, value)| {
            !is_linker_variable(name) || env.value(name).as_ref() != Some(value)
        });
    }
    // The mark identifies the child and its descendants when the script or the application ends.
    if let Some(mark) = state.borrow::<Mark>().value() {
        variables.push((guardian::VARIABLE.to_owned(), mark));
    }
    variables
}

/// A child does not get the application's variables, but those that the script may read.
fn with_granted(state: &OpState, given: Variables) -> Variables {
    let env = state.borrow::<Env>();
    let mut variables = env.granted(state.borrow::<PermissionsContainer>());
    for name in ALWAYS_PASSED {
        if !variables.contains_key(*name)
            && let Some(value) = env.value(name)
        {
            variables.insert((*name).to_owned(), value);
        }
    }
    variables.into_iter().chain(given).collect()
}

fn is_linker_variable(name: &str) -> bool {
    let known = name.trim().to_uppercase();
    known.starts_with("LD_") || known.starts_with("DYLD_")
}
