//! The expressions directly under a node, whatever its kind: the one place that knows every branch of the tree.
//!
//! In: a node. Out: calls with its children. Not recursive but for loops in loops, which brackets bound.

use super::ast::*;

/// The height of the tree under a node: the largest `depth` of what it holds.
pub fn height(kind: &Kind) -> u32 {
    let mut most = 0;
    each_child(kind, &mut |child| most = most.max(child.depth));
    most
}

/// Calls `visit` with every expression directly in a node, those of statements in it included, in order.
pub fn each_child<'a>(kind: &'a Kind, visit: &mut dyn FnMut(&'a Ast)) {
    match kind {
        Kind::Name(_) | Kind::Int(_) | Kind::Float(_) | Kind::Imaginary(_) | Kind::Bool(_) => {}
        Kind::None | Kind::Hole => {}
        Kind::Text(pieces) => pieces.iter().for_each(|piece| {
            if let Piece::Value { value, nested, .. } = piece {
                visit(value);
                nested.iter().for_each(&mut *visit);
            }
        }),
        Kind::List(items) => items.iter().for_each(visit),
        Kind::Comprehension { body, clauses } => {
            clauses.iter().for_each(|clause| match clause {
                Clause::For { iter, .. } => visit(iter),
                Clause::If(cond) => visit(cond),
            });
            visit(body);
        }
        Kind::Tuple(items) => items.iter().for_each(|(Item::One(x) | Item::Spread(x))| visit(x)),
        Kind::Record(entries) => entries.iter().for_each(|(Entry::Field(_, x) | Entry::Spread(x))| visit(x)),
        Kind::Paren(x) => visit(x),
        Kind::Block(body) => each_in(body, visit),
        Kind::If { cond, then, otherwise } => {
            visit(cond);
            each_in(then, visit);
            otherwise.iter().for_each(|x| visit(x));
        }
        Kind::Try { body, handler, .. } => {
            each_in(body, visit);
            each_in(handler, visit);
        }
        Kind::Lambda { params, body } => {
            params.iter().filter_map(|p| p.default.as_ref()).for_each(&mut *visit);
            visit(body);
        }
        Kind::Unary { x, .. } | Kind::Field { x, .. } => visit(x),
        Kind::Binary { a, b, .. } | Kind::And(a, b) | Kind::Or(a, b) | Kind::Pipe { x: a, into: b } => {
            visit(a);
            visit(b);
        }
        Kind::Compare { first, rest } => {
            visit(first);
            rest.iter().for_each(|(_, _, x)| visit(x));
        }
        Kind::Range { start, end, by, .. } => {
            visit(start);
            visit(end);
            by.iter().for_each(|x| visit(x));
        }
        Kind::Call { f: x, args } | Kind::Method { x, args, .. } => {
            visit(x);
            args.iter().for_each(|(Arg::One(x) | Arg::Named(_, x) | Arg::Spread(x))| visit(x));
        }
        Kind::Index { x, items } => {
            visit(x);
            items.iter().for_each(|item| each_subscript(item, visit));
        }
    }
}

fn each_subscript<'a>(item: &'a Subscript, visit: &mut dyn FnMut(&'a Ast)) {
    match item {
        Subscript::At(x) => visit(x),
        Subscript::Slice { start, stop, step, .. } => [start, stop, step].into_iter().flatten().for_each(visit),
        Subscript::Rest(_) => {}
    }
}

/// Calls `visit` with every expression directly in some statements, those of loops in them included.
pub fn each_in<'a>(body: &'a [Stmt], visit: &mut dyn FnMut(&'a Ast)) {
    for stmt in body {
        match &stmt.kind {
            StmtKind::Expr(x) => visit(x),
            StmtKind::Assign { target, value } | StmtKind::Update { target, value, .. } => {
                each_target(target, visit);
                visit(value);
            }
            StmtKind::Define(definition) => {
                definition.params.iter().filter_map(|p| p.default.as_ref()).for_each(&mut *visit);
                visit(&definition.body);
            }
            StmtKind::For { iter: x, body, .. } | StmtKind::While { cond: x, body } => {
                visit(x);
                each_in(body, visit);
            }
            StmtKind::Return(x) => x.iter().for_each(&mut *visit),
            StmtKind::Assert { cond, message } => {
                visit(cond);
                message.iter().for_each(&mut *visit);
            }
            StmtKind::Break | StmtKind::Continue | StmtKind::Import { .. } | StmtKind::From { .. } => {}
        }
    }
}

fn each_target<'a>(target: &'a Target, visit: &mut dyn FnMut(&'a Ast)) {
    match target {
        Target::Name(_) | Target::Record(..) => {}
        Target::Tuple(parts, _) => parts.iter().for_each(|part| each_target(part, visit)),
        Target::Place { path, .. } => path.iter().for_each(|step| {
            if let Step::Index(items, _) = step {
                items.iter().for_each(|item| each_subscript(item, visit));
            }
        }),
    }
}
