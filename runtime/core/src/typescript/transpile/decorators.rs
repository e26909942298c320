//! Finds decorators of parameters, which only `experimentalDecorators` supports.

use deno_ast::swc::ast::{Decorator, Param, TsParamProp};
use deno_ast::swc::ecma_visit::{Visit, VisitWith};
use deno_ast::{ParsedSource, SourceRangedForSpanned};

/// The position of the first one, such as `1:2`. Sources without an `@` are not traversed.
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
    fn record(&mut self, decorators: &[Decorator]) {
        if let (None, Some(first)) = (self.0, decorators.first()) {
            self.0 = Some(first.start());
        }
    }
}

impl Visit for Finder {
    fn visit_param(&mut self, param: &Param) {
        self.record(&param.decorators);
        param.visit_children_with(self);
    }

    fn visit_ts_param_prop(&mut self, param: &TsParamProp) {
        self.record(&param.decorators);
        param.visit_children_with(self);
    }
}
