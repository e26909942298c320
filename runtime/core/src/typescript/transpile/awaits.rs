//! Finds `await` outside of functions, which only ES modules allow.

use deno_ast::ParsedSource;
use deno_ast::swc::ast::{
    ArrowExpr, AwaitExpr, ClassMethod, Constructor, ForOfStmt, Function, GetterProp, PrivateMethod,
    SetterProp, StaticBlock,
};
use deno_ast::swc::ecma_visit::{Visit, VisitWith};

/// Whether the module has a top-level `await`, also in nested statements.
pub(super) fn at_top(parsed: &ParsedSource) -> bool {
    if !parsed.text().contains("await") {
        return false;
    }
    let mut finder = Finder(false);
    parsed.program().visit_with(&mut finder);
    finder.0
}

struct Finder(bool);

impl Visit for Finder {
    fn visit_await_expr(&mut self, _: &AwaitExpr) {
        self.0 = true;
    }

    fn visit_for_of_stmt(&mut self, statement: &ForOfStmt) {
        self.0 |= statement.is_await;
        statement.visit_children_with(self);
    }

    // An `await` in a function of any kind does not count.
    fn visit_function(&mut self, _: &Function) {}

    fn visit_arrow_expr(&mut self, _: &ArrowExpr) {}

    fn visit_constructor(&mut self, _: &Constructor) {}

    fn visit_getter_prop(&mut self, getter: &GetterProp) {
        getter.key.visit_with(self);
    }

    fn visit_setter_prop(&mut self, setter: &SetterProp) {
        setter.key.visit_with(self);
    }

    fn visit_class_method(&mut self, method: &ClassMethod) {
        method.key.visit_with(self);
    }

    fn visit_private_method(&mut self, _: &PrivateMethod) {}

    fn visit_static_block(&mut self, _: &StaticBlock) {}
}
