//! The modules that a module may import, found in its text.

use deno_ast::ParsedSource;
use deno_ast::swc::ast::{
    BinExpr, BinaryOp, CallExpr, Callee, ExportAll, Expr, ExprOrSpread, ImportDecl, Lit,
    NamedExport, NewExpr, Str, TsExternalModuleRef,
};
use deno_ast::swc::ecma_visit::{Visit, VisitWith};

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Import {
    Literal(String),
    /// A name that is computed at run time, and the text that it begins with.
    Computed {
        beginning: String,
    },
}

/// The imports of a module, without type-only imports.
pub(super) fn of(module: &ParsedSource) -> Vec<Import> {
    let mut found = Found::default();
    module.program().visit_with(&mut found);
    found.0
}

#[derive(Default)]
struct Found(Vec<Import>);

impl Found {
    fn literal(&mut self, specifier: &Str) {
        self.0.extend(specifier.value.as_str().map(|text| Import::Literal(text.to_owned())));
    }

    fn argument(&mut self, args: &[ExprOrSpread], may_be_computed: bool) {
        match args.first().map(|first| &*first.expr) {
            Some(Expr::Lit(Lit::Str(specifier))) => self.literal(specifier),
            Some(computed) if may_be_computed => {
                let beginning = beginning(computed).unwrap_or_default();
                self.0.push(Import::Computed { beginning });
            }
            _ => {}
        }
    }
}

impl Visit for Found {
    fn visit_import_decl(&mut self, import: &ImportDecl) {
        if !import.type_only {
            self.literal(&import.src);
        }
    }

    fn visit_named_export(&mut self, export: &NamedExport) {
        if let (Some(specifier), false) = (&export.src, export.type_only) {
            self.literal(specifier);
        }
    }

    fn visit_export_all(&mut self, export: &ExportAll) {
        if !export.type_only {
            self.literal(&export.src);
        }
    }

    fn visit_ts_external_module_ref(&mut self, required: &TsExternalModuleRef) {
        self.literal(&required.expr);
    }

    fn visit_call_expr(&mut self, call: &CallExpr) {
        match &call.callee {
            Callee::Import(_) => self.argument(&call.args, true),
            Callee::Expr(callee) if callee.is_ident_ref_to("require") => {
                self.argument(&call.args, false);
            }
            _ => {}
        }
        call.visit_children_with(self);
    }

    /// `new Worker(new URL('./worker.ts', import.meta.url))`
    fn visit_new_expr(&mut self, new: &NewExpr) {
        if new.callee.is_ident_ref_to("URL") {
            self.argument(new.args.as_deref().unwrap_or_default(), false);
        }
        new.visit_children_with(self);
    }
}

fn beginning(name: &Expr) -> Option<String> {
    match name {
        Expr::Lit(Lit::Str(text)) => text.value.as_str().map(str::to_owned),
        Expr::Tpl(template) => {
            template.quasis.first()?.cooked.as_ref()?.as_str().map(str::to_owned)
        }
        Expr::Bin(BinExpr { op: BinaryOp::Add, left, .. }) => beginning(left),
        Expr::Paren(inner) => beginning(&inner.expr),
        _ => None,
    }
}
