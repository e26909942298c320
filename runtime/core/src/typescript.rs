//! Compiling TypeScript and JSX, and the project files that configure it: for the embedded engine and Node children.

pub(crate) mod project;
pub(crate) mod transpile;
