//! TypeScript and JSX, and what a project says about its modules: for the embedded engine and for Node children.

pub(crate) mod project;
pub(crate) mod transpile;
