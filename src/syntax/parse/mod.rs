//! Refined tokens to the tree.
//!
//! In: `Laid`. Out: statements, and faults in words. The grammar is `grammar/language.ebnf`, written with chumsky:
//! `atom`, `expr`, `params` and `stmt` hold its rules, mostly under the same names; after `layout` it needs one token of lookahead. What is an
//! error of meaning rather than of shape (`f() = 1` does not name a place) is a fault pushed into `State`, so that
//! parsing goes on behind it.

mod atom;
mod explain;
mod expr;
mod params;
mod stmt;
mod target;
mod wrong;

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use chumsky::extra::{Full, SimpleState};
use chumsky::input::{Input, MapExtra, MappedInput};
use chumsky::primitive::select;
use chumsky::{Boxed, Parser};

use super::ast::{Ast, DEPTH, Kind, Name, Stmt};
use super::layout::Laid;
use super::lex::Spanned;
use super::token::Token;
use crate::base::{Fault, Span};
use wrong::{Part, Wrong};

/// Enough stack for any program that `layout` lets through, 10,000 operators deep: some 3 kB for each in a debug build.
const STACK: usize = 128 << 20;

type In<'t> = MappedInput<'t, Token, Span, &'t [Spanned]>;
type Ex<'t> = Full<Wrong, SimpleState<State<'t>>, ()>;
type Extra<'t, 'b> = MapExtra<'t, 'b, In<'t>, Ex<'t>>;
/// A rule that makes a `T`. Boxed: shorter types, a tenth less to compile.
type Rule<'t, T> = Boxed<'t, 't, In<'t>, T, Ex<'t>>;

impl chumsky::span::Span for Span {
    type Context = u32;
    type Offset = u32;
    fn new(source: u32, range: std::ops::Range<u32>) -> Span {
        Span { source, start: range.start, end: range.end }
    }
    fn context(&self) -> u32 {
        self.source
    }
    fn start(&self) -> u32 {
        self.start
    }
    fn end(&self) -> u32 {
        self.end
    }
}

/// What the rules share.
struct State<'t> {
    text: &'t str,
    docs: &'t HashMap<u32, Rc<str>>,
    names: HashMap<&'t str, Rc<str>>,
    faults: Vec<Fault>,
    /// `_` that nothing has given a meaning yet: a target or a pipe may still come.
    holes: BTreeMap<u32, Span>,
    /// `9223372036854775808` that no minus has claimed yet.
    edges: BTreeMap<u32, Span>,
    too_deep: bool,
}

impl<'t> State<'t> {
    fn text(&self, span: Span) -> &'t str {
        self.text.get(span.range()).unwrap_or("")
    }

    /// One shared spelling per name; π and ∇ are `pi` and `grad`.
    fn intern(&mut self, span: Span) -> Rc<str> {
        let text = match self.text(span) {
            "π" => "pi",
            "∇" => "grad",
            text => text,
        };
        self.names.entry(text).or_insert_with(|| text.into()).clone()
    }

    fn name(&mut self, span: Span) -> Name {
        Name { text: self.intern(span), span }
    }

    /// A node. One that would be too high is cut off: its fault is pushed once.
    fn node(&mut self, kind: Kind, span: Span) -> Ast {
        let depth = 1 + super::ast::height(&kind);
        if depth <= DEPTH {
            return Ast { kind, span, depth };
        }
        if !std::mem::replace(&mut self.too_deep, true) {
            self.faults.push(super::layout::too_high(span));
        }
        Ast { kind: Kind::None, span, depth: 1 }
    }
}

/// The node that a rule has just read.
fn node(kind: Kind, e: &mut Extra) -> Ast {
    let span = e.span();
    e.state().node(kind, span)
}

/// One token.
fn tok<'t>(token: Token) -> impl Parser<'t, In<'t>, Token, Ex<'t>> + Copy {
    chumsky::primitive::just(token)
}

/// A name where it is written.
fn name<'t>() -> Rule<'t, Name> {
    select(|token, e: &mut Extra<'t, '_>| {
        let span = e.span();
        (token == Token::Name).then(|| e.state().name(span))
    })
    .labelled(Part::Name)
    .boxed()
}

/// Statements of refined tokens, and what is wrong with them, in order.
pub fn parse(source: u32, text: &str, laid: &Laid) -> (Vec<Stmt>, Vec<Fault>) {
    let end = Span::new(source, text.len(), text.len());
    let mut state = SimpleState(State {
        text,
        docs: &laid.docs,
        names: HashMap::new(),
        faults: vec![],
        holes: BTreeMap::new(),
        edges: BTreeMap::new(),
        too_deep: false,
    });
    let tokens: &[Spanned] = &laid.tokens;
    let mut run = || stmt::program().parse_with_state(tokens.split_token_span(end), &mut state);
    // A tree is dropped where a rule gives it up, as deep in the recursion as that may be. A short text cannot make a
    // tall tree, and is spared the system calls.
    let result = if tokens.len() > 200 { stacker::maybe_grow(STACK, STACK, run) } else { run() };
    let (program, wrongs) = result.into_output_errors();
    let State { mut faults, holes, edges, .. } = state.0;
    if wrongs.is_empty() {
        faults.extend(holes.into_values().map(explain::hole));
        faults.extend(edges.into_values().map(|span| explain::overflow(span, text)));
    }
    faults.extend(wrongs.iter().filter_map(|wrong| explain::explain(wrong, text, tokens)));
    (program.unwrap_or_default(), faults)
}
