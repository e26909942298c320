//! Removes comments and white space from Deno's modules. Names stay as they are, and with them stacks and the names of
//! functions.

use deno_ast::swc::ast::{NewExpr, Program};
use deno_ast::swc::codegen::text_writer::JsWriter;
use deno_ast::swc::codegen::{Config, Emitter, Node};
use deno_ast::swc::common::EqIgnoreSpan;
use deno_ast::swc::ecma_visit::{VisitMut, VisitMutWith};
use deno_ast::{MediaType, ParseParams, ParsedSource, ProgramRef, SourceMap};
use deno_runtime::deno_core::url::Url;

/// The start and the end of a script, which is the body of a function and so cannot be parsed.
const SCRIPT: (&str, &str) = ("\"use strict\"; return (", ");");

/// `None` if the result would not be the same program, or not ASCII, which Deno requires.
pub(crate) fn minify(address: &str, source: &str) -> Option<String> {
    let (start, end) = SCRIPT;
    if let Some(script) = source.strip_prefix(start) {
        let minified = minify_module(address, script.trim_end().strip_suffix(end)?)?;
        return Some(format!("{start}{}{end}", minified.trim_end_matches(';')));
    }
    minify_module(address, source)
}

fn minify_module(address: &str, source: &str) -> Option<String> {
    let parsed = parse(address, source)?;
    let minified = emit(address, &parsed)?;
    let again = parse(address, &minified)?;
    let is_same = normalized(&again).eq_ignore_span(&normalized(&parsed));
    (is_same && minified.is_ascii()).then_some(minified)
}

/// The program with `new Name` as `new Name()`.
fn normalized(parsed: &ParsedSource) -> Program {
    struct Arguments;
    impl VisitMut for Arguments {
        fn visit_mut_new_expr(&mut self, expression: &mut NewExpr) {
            expression.visit_mut_children_with(self);
            expression.args.get_or_insert_default();
        }
    }
    let mut program = match parsed.program_ref() {
        ProgramRef::Module(module) => Program::Module(module.clone()),
        ProgramRef::Script(script) => Program::Script(script.clone()),
    };
    program.visit_mut_with(&mut Arguments);
    program
}

fn parse(address: &str, source: &str) -> Option<ParsedSource> {
    let parsed = deno_ast::parse_module(ParseParams {
        specifier: Url::parse(address).ok()?,
        text: source.into(),
        media_type: MediaType::JavaScript,
        capture_tokens: false,
        scope_analysis: false,
        maybe_syntax: None,
    });
    parsed.ok()
}

fn emit(address: &str, parsed: &ParsedSource) -> Option<String> {
    let sources = SourceMap::single(Url::parse(address).ok()?, parsed.text().to_string());
    let mut config = Config::default().with_ascii_only(true).with_minify(true);
    // Tagged templates see the difference.
    config.reduce_escaped_newline = false;
    let mut text = Vec::new();
    let mut emitter = Emitter {
        cfg: config,
        comments: None,
        cm: sources.inner().clone(),
        wr: JsWriter::new(sources.inner().clone(), "\n", &mut text, None),
    };
    match parsed.program_ref() {
        ProgramRef::Module(module) => module.emit_with(&mut emitter),
        ProgramRef::Script(script) => script.emit_with(&mut emitter),
    }
    .ok()?;
    drop(emitter);
    String::from_utf8(text).ok()
}
