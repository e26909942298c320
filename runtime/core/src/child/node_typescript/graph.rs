//! The modules that a script may load, found by following its imports.
//!
//! Does not fail: Node reports a module that is missing or unreadable if the script imports it. A syntax error is
//! stored and reported at the same time.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use deno_ast::{MediaType, SourceMapOption};
use deno_runtime::deno_core::url::Url;
use serde_json::{Map, Value, json};

use super::canonical;
use super::imports::{self, Import};
use crate::typescript::project::Projects;
use crate::typescript::transpile;

/// Most files of a folder that are compiled for a computed import. Compiling so many takes about as long as Node's
/// start.
const MAX_FILES_OF_FOLDER: usize = 100;

/// Path to `{ source }` or `{ error }`, for each module that is not JavaScript.
pub(super) fn sources(script: &Path) -> Map<String, Value> {
    let mut graph = Graph {
        sources: Map::new(),
        seen: HashSet::new(),
        to_do: Vec::new(),
        projects: Projects::new(true),
    };
    graph.add(script);
    while let Some(path) = graph.to_do.pop() {
        graph.visit(&path);
    }
    graph.sources
}

struct Graph {
    sources: Map<String, Value>,
    seen: HashSet<PathBuf>,
    to_do: Vec<PathBuf>,
    projects: Projects,
}

impl Graph {
    fn add(&mut self, path: &Path) {
        let Some(path) = canonical(path) else { return };
        let is_in_package = path.components().any(|part| part.as_os_str() == "node_modules");
        // Reading a pipe could block forever.
        let is_source = is_module(&path) && path.is_file();
        if !is_in_package && is_source && self.seen.insert(path.clone()) {
            self.to_do.push(path);
        }
    }

    fn visit(&mut self, path: &Path) {
        let (Ok(url), Ok(bytes)) = (Url::from_file_path(path), std::fs::read(path)) else { return };
        let media = MediaType::from_specifier(&url);
        let text = String::from_utf8_lossy(&bytes);
        let options = match self.projects.of(&url) {
            Ok(project) => project.options.clone(),
            // Reported when the script imports the module.
            Err(error) if media.is_emittable() => return self.fail(path, &error),
            Err(_) => transpile::options(),
        };
        let visited = transpile::parse(&url, media, &text, move |parsed| {
            let imports = imports::of(&parsed);
            let stripped = media.is_emittable().then(|| {
                transpile::strip(parsed, media == MediaType::Cts, SourceMapOption::Inline, &options)
            });
            Ok((imports, stripped.transpose()?))
        });
        let module = match visited {
            Ok((imports, stripped)) => {
                for import in imports {
                    self.follow(&url, &import);
                }
                stripped.map(|stripped| json!({ "source": stripped.text }))
            }
            // Node reports errors in JavaScript itself.
            Err(error) if media.is_emittable() => return self.fail(path, &error),
            Err(_) => None,
        };
        if let Some(module) = module {
            self.put(path, module);
        }
    }

    fn fail(&mut self, path: &Path, error: &dyn std::error::Error) {
        self.put(path, json!({ "error": error.to_string() }));
    }

    fn put(&mut self, path: &Path, module: Value) {
        if let Some(path) = path.to_str() {
            self.sources.insert(path.to_owned(), module);
        }
    }

    fn follow(&mut self, from: &Url, import: &Import) {
        match import {
            Import::Literal(specifier) => {
                if let Some(path) = resolve(from, specifier) {
                    self.add(&path);
                }
            }
            Import::Computed { beginning } => {
                let folder = beginning.rfind('/').map_or("./", |end| &beginning[..=end]);
                let Some(folder) = resolve(from, folder) else { return };
                let Ok(entries) = folder.read_dir() else { return };
                let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
                files.retain(|path| MediaType::from_path(path).is_emittable());
                files.sort_unstable();
                files.truncate(MAX_FILES_OF_FOLDER);
                for file in &files {
                    self.add(file);
                }
            }
        }
    }
}

fn is_module(path: &Path) -> bool {
    let media = MediaType::from_path(path);
    media.is_emittable() || matches!(media, MediaType::JavaScript | MediaType::Mjs | MediaType::Cjs)
}

/// The file that a specifier names; `None` for packages and built-ins.
fn resolve(from: &Url, specifier: &str) -> Option<PathBuf> {
    let is_path = ["./", "../", "/", "file:"].iter().any(|start| specifier.starts_with(start));
    from.join(specifier).ok().filter(|_| is_path)?.to_file_path().ok()
}
