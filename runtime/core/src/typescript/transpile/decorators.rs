//! Decorators of parameters, which only TypeScript's own kind of decorators has.

use deno_ast::swc::ast::{Decorator, Param, TsParamProp};
use deno_ast::swc::ecma_visit::{Visit, VisitWith};
use deno_ast::{ParsedSource, SourceRangedForSpanned};

/// Where the first one stands: `1:2`. Only for sources that have an `@`, as it walks through all.
pub(super) fn of_a_parameter(parsed: &ParsedSource) -> Option<String> {
    if !parsed.text().contains('@') {
        return None;
    }
    let mut finder = Finder(None);
    parsed.program().visit_with(&mut finder);
    let place = parsed.text_info_lazy().line_and_column_display(finder.0?);
    Some(format!("{}:{}", place.line_number, place.column_number))
}

struct Finder(Option<deno_ast::SourcePos>);

impl Finder {
    fn note(&mut self, decorators: &[Decorator]) {
        if let (None, Some(first)) = (self.0, decorators.first()) {
            self.0 = Some(first.start());
        }
    }
}

impl Visit for Finder {
    fn visit_param(&mut self, param: &Param) {
        self.note(&param.decorators);
        param.visit_children_with(self);
    }

    fn visit_ts_param_prop(&mut self, param: &TsParamProp) {
        self.note(&param.decorators);
        param.visit_children_with(self);
    }
}
