//! The variables that a program is started with.

use deno_runtime::deno_core::OpState;
use deno_runtime::deno_permissions::PermissionsContainer;

use crate::child::guardian;
use crate::child::guardian::Mark;
use crate::isolate::sandbox::env::Env;

type Variables = Vec<(String, String)>;

/// Without these a child would find no program, or could not run. They are no secret.
const NEEDED: &[&str] = if cfg!(windows) {
    &["PATH", "PATHEXT", "SystemRoot", "SystemDrive", "windir", "TEMP"]
} else {
    &["PATH"]
};

/// What a child gets for what was asked for.
pub(super) fn of_child(
    state: &mut OpState,
    given: Variables,
    is_whole: bool,
    api_name: &str,
) -> Variables {
    let mut variables = if is_whole { given } else { granted(state, given) };
    // Deno lets a script that may start certain programs only start none with a variable of the dynamic linker. One
    // that the script has inherited is left out: AppImages have some, and so have developers.
    if variables.iter().any(|(name, _)| is_linkers(name))
        && !state.borrow_mut::<PermissionsContainer>().query_run_all(api_name)
    {
        let env = state.borrow::<Env>();
        variables
            .retain(|(name, value)| !is_linkers(name) || env.value(name).as_ref() != Some(value));
    }
    // By its mark a program is found, and all that it starts, when the script or the application ends.
    if let Some(mark) = state.borrow::<Mark>().value() {
        variables.push((guardian::VARIABLE.to_owned(), mark));
    }
    variables
}

/// The application's variables are not for children: what a script may see of its own, they get.
fn granted(state: &OpState, given: Variables) -> Variables {
    let env = state.borrow::<Env>();
    let mut variables = env.granted(state.borrow::<PermissionsContainer>());
    for name in NEEDED {
        if !variables.contains_key(*name)
            && let Some(value) = env.value(name)
        {
            variables.insert((*name).to_owned(), value);
        }
    }
    variables.into_iter().chain(given).collect()
}

fn is_linkers(name: &str) -> bool {
    let known = name.trim().to_uppercase();
    known.starts_with("LD_") || known.starts_with("DYLD_")
}
