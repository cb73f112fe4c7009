//! Raw tokens to the tokens that the grammar reads.
//!
//! In: `Lexed`. Out: tokens without newlines that mean nothing, refined so that the grammar needs no lookahead
//! (`LambdaParen`, `RecordBrace`, `DefineName` …), the help texts of definitions, and whether a REPL should wait for
//! more. One pass for the brackets, one for the rest; the rules are written out in `grammar/README.md`.

use std::collections::HashMap;
use std::rc::Rc;

use super::ast::DEPTH;
use super::lex::{Lexed, Spanned};
use super::token::Token;
use crate::base::{Fault, Span};

/// Brackets may nest this deep. Deeper text is no program that a person wrote, and every pass recurses on it.
const NESTING: usize = 256;

#[derive(Default)]
pub struct Laid {
    pub tokens: Vec<Spanned>,
    pub faults: Vec<Fault>,
    /// Whether all brackets match: else the parser has nothing to say.
    pub sound: bool,
    /// Whether brackets nest too deep: nothing else is worth a word.
    pub too_deep: bool,
    /// Whether what is missing may come with the next line.
    pub incomplete: bool,
    pub hushed: bool,
    /// Help texts, by where the definition starts.
    pub docs: HashMap<u32, Rc<str>>,
}

/// A token that is neither newline nor comment, and what stood before it.
struct Item {
    token: Token,
    span: Span,
    newline: Option<Span>,
    /// The position of the other bracket.
    partner: usize,
}

pub fn layout(text: &str, lexed: &Lexed) -> Laid {
    let mut laid = Laid::default();
    let mut items = significant(lexed, &mut laid);
    match_brackets(&mut items, &mut laid);
    if laid.sound {
        Refiner { items: &items, inside: vec![], laid: &mut laid, comments: lexed, text }.run();
    }
    laid
}

/// Drops comments, turns newlines into a mark on the next token, and settles what the REPL asks about the end.
fn significant(lexed: &Lexed, laid: &mut Laid) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::with_capacity(lexed.tokens.len());
    let mut newline = None;
    let mut waits = false;
    for &(token, span) in &lexed.tokens {
        match token {
            Token::Newline => newline = newline.or(Some(span)),
            Token::Comment => {}
            Token::Join => waits = true,
            // Help text waits for its definition.
            Token::Doc => waits |= items.is_empty() || newline.is_some(),
            _ => {
                items.push(Item { token, span, newline: newline.take(), partner: usize::MAX });
                waits = token_waits(token);
            }
        }
    }
    laid.incomplete = waits && lexed.faults.is_empty();
    laid.hushed = items.last().is_some_and(|i| i.token == Token::Semi);
    items
}

/// Whether a line that ends with this goes on in the next one.
pub fn token_waits(token: Token) -> bool {
    use Token::*;
    token.infix().is_some()
        || token.prefix().is_some()
        || token.update().is_some()
        || token.opens()
        || matches!(
            token,
            Comma | Assign | By | Fn | If | Else | For | While | Import | From | As | Try | Catch | Assert
        )
}

/// Whether a line that starts with this goes on from the one before.
pub fn token_continues(token: Token) -> bool {
    use Token::*;
    (token.infix().is_some() && token.prefix().is_none())
        || token.update().is_some()
        || token.closes()
        || matches!(token, Comma | Colon | Assign | Dot | By | As | Else | Catch | Semi)
}

/// Whether an operand may end with this, so that a `{` behind it is a body.
pub fn ends_operand(token: Token) -> bool {
    use Token::*;
    matches!(
        token,
        Name | DefineName
            | LambdaName
            | Number
            | Text
            | TextClose
            | ParenClose
            | BracketClose
            | BraceClose
            | True
            | False
            | Nothing
            | Hole
    )
}

fn match_brackets(items: &mut [Item], laid: &mut Laid) {
    let mut open: Vec<usize> = vec![];
    for i in 0..items.len() {
        let (token, span) = (items[i].token, items[i].span);
        if token.opens() {
            open.push(i);
            if open.len() > NESTING {
                let fault = Fault::syntax(format!("brackets nest deeper than {NESTING}")).at(span);
                laid.faults.push(fault.label(span, "one too many").hint("give inner parts names of their own"));
                laid.incomplete = false;
                laid.too_deep = true;
                return;
            }
        } else if token.closes() {
            let Some(&start) = open.last() else { return stray(token, span, laid) };
            if !pair(items[start].token, token) {
                return mismatch(&items[start], token, span, laid);
            }
            open.pop();
            (items[start].partner, items[i].partner) = (i, start);
        }
    }
    laid.sound = open.is_empty();
    laid.incomplete |= !open.is_empty();
    if let Some(&innermost) = open.last() {
        let words = items[innermost].token.words();
        let span = items[innermost].span;
        let mut fault = Fault::syntax(format!("{words} is not closed")).at(span);
        for &i in open.iter().rev().take(3) {
            fault = fault.label(items[i].span, "opened here");
        }
        laid.faults.push(fault.hint(format!("close it with `{}`", closer(items[innermost].token))));
    }
}

fn pair(open: Token, close: Token) -> bool {
    closer_token(open) == close
}

fn closer_token(open: Token) -> Token {
    match open {
        Token::ParenOpen => Token::ParenClose,
        Token::BracketOpen => Token::BracketClose,
        Token::InterpOpen => Token::InterpClose,
        _ => Token::BraceClose,
    }
}

fn closer(open: Token) -> &'static str {
    closer_token(open).glyph().unwrap_or("}")
}

fn stray(token: Token, span: Span, laid: &mut Laid) {
    let words = token.words();
    laid.incomplete = false;
    laid.faults.push(Fault::syntax(format!("{words} closes nothing")).at(span).label(span, "nothing is open here"));
}

fn mismatch(open: &Item, token: Token, span: Span, laid: &mut Laid) {
    laid.incomplete = false;
    let fault = Fault::syntax(format!("mismatched {}", token.words())).at(span).label(span, "does not match");
    let fault = fault.label(open.span, format!("{} opened here", open.token.words()));
    laid.faults.push(fault.hint(format!("close with `{}` first", closer(open.token))));
}

/// Signs, powers and functions nest without brackets, and the parser recurses on them: too many in one expression are
/// refused before it starts. What else makes a tree high (`1+1+…`) is found when the tree is built.
fn refuse_high(laid: &mut Laid) {
    use Token::*;
    let (mut total, mut levels) = (0u32, vec![0u32]);
    for &(token, span) in &laid.tokens {
        let Some(level) = levels.last_mut() else { return };
        match token {
            Comma | Sep => {
                total -= *level;
                *level = 0;
            }
            Plus | Minus | Tilde | Not | Power | Arrow => {
                total += 1;
                *level += 1;
                if total > DEPTH {
                    laid.faults.push(too_high(span));
                    laid.sound = false;
                    return;
                }
            }
            _ if token.opens() => levels.push(0),
            _ if token.closes() => total -= levels.pop().unwrap_or(0),
            _ => {}
        }
    }
}

pub fn too_high(span: Span) -> Fault {
    Fault::syntax(format!("an expression more than {DEPTH} levels deep"))
        .at(span)
        .hint("give inner parts names of their own; sum a list with `sum([...])`")
}

struct Refiner<'a> {
    items: &'a [Item],
    /// The refined openers around.
    inside: Vec<Token>,
    laid: &'a mut Laid,
    comments: &'a Lexed,
    text: &'a str,
}

impl Refiner<'_> {
    fn run(mut self) {
        let mut i = 0;
        while i < self.items.len() {
            self.separate(i);
            i += self.refine(i);
        }
        self.read_docs();
        refuse_high(self.laid);
    }

    fn last(&self) -> Option<Token> {
        self.laid.tokens.last().map(|t| t.0)
    }

    fn token(&self, i: usize) -> Option<Token> {
        self.items.get(i).map(|item| item.token)
    }

    /// Newlines mean something at the top and directly in a block.
    fn in_block(&self) -> bool {
        matches!(self.inside.last(), None | Some(Token::BraceOpen))
    }

    fn at_start(&self) -> bool {
        self.in_block() && matches!(self.last(), None | Some(Token::Sep | Token::BraceOpen))
    }

    /// A newline before item i becomes `Sep` where it ends a statement.
    fn separate(&mut self, i: usize) {
        let Some(newline) = self.items[i].newline else { return };
        let next = match self.items[i].token {
            Token::Not if self.token(i + 1) == Some(Token::In) => Token::NotIn,
            token => token,
        };
        let Some(last) = self.last() else { return };
        if self.in_block() && last != Token::Sep && !token_waits(last) && !token_continues(next) {
            self.laid.tokens.push((Token::Sep, newline));
        }
    }

    /// Emits item i, and the one after it where the two are one token. Returns how many it took.
    fn refine(&mut self, i: usize) -> usize {
        let Item { token, mut span, .. } = self.items[i];
        let mut taken = 1;
        let refined = match token {
            Token::Semi => Token::Sep,
            Token::ParenOpen => self.paren(i),
            Token::BraceOpen => self.brace(i),
            Token::Not if self.token(i + 1) == Some(Token::In) => {
                span = span.to(self.items[i + 1].span);
                taken = 2;
                Token::NotIn
            }
            Token::Name | Token::Hole => self.name(i),
            _ if token.is_keyword() => self.keyword(i),
            _ => token,
        };
        self.plus_plus(i);
        if token.opens() {
            self.inside.push(refined);
        } else if token.closes() {
            self.inside.pop();
        }
        self.laid.tokens.push((refined, span));
        taken
    }

    fn after_partner(&self, i: usize) -> Option<Token> {
        self.token(self.items[i].partner.checked_add(1)?)
    }

    fn paren(&self, i: usize) -> Token {
        // Behind a name it is a call or the parameters of `fn f(x) -> f32 { … }`.
        let called = self.last().is_some_and(ends_operand);
        if !called && self.after_partner(i) == Some(Token::Arrow) { Token::LambdaParen } else { Token::ParenOpen }
    }

    fn name(&self, i: usize) -> Token {
        match self.token(i + 1) {
            Some(Token::Arrow) => Token::LambdaName,
            Some(Token::ParenOpen) if self.at_start() && self.after_partner(i + 1) == Some(Token::Assign) => {
                Token::DefineName
            }
            Some(Token::Assign) if self.names_argument(i) && self.items[i].token == Token::Name => Token::ArgName,
            _ => self.items[i].token,
        }
    }

    fn brace(&self, i: usize) -> Token {
        let last = self.last();
        if last.is_some_and(|t| ends_operand(t) || matches!(t, Token::Else | Token::Try | Token::Catch)) {
            return Token::BraceOpen;
        }
        if self.at_start() && self.after_partner(i) == Some(Token::Assign) {
            return Token::UnpackBrace;
        }
        let key = |t: Token| matches!(t, Token::Name | Token::Text) || t.is_keyword();
        match (self.token(i + 1), self.token(i + 2)) {
            (Some(Token::BraceClose | Token::Rest), _) => Token::RecordBrace,
            (Some(t), Some(Token::Colon)) if key(t) => Token::RecordBrace,
            _ => Token::BraceOpen,
        }
    }

    /// Between `(` or `,` and `=`: the name of an argument or parameter.
    fn names_argument(&self, i: usize) -> bool {
        use Token::*;
        self.token(i + 1) == Some(Assign)
            && matches!(self.inside.last(), Some(ParenOpen | LambdaParen))
            && matches!(self.last(), Some(ParenOpen | LambdaParen | Comma))
    }

    /// A keyword is a name where only a name can stand: `p.in`, `{from: 1}`, `f(by=2)`.
    fn keyword(&self, i: usize) -> Token {
        let last = self.last();
        let key = self.token(i + 1) == Some(Token::Colon)
            && self.inside.last() == Some(&Token::RecordBrace)
            && matches!(last, Some(Token::RecordBrace | Token::Comma));
        match self.items[i].token {
            _ if self.names_argument(i) => Token::ArgName,
            _ if key || last == Some(Token::Dot) => Token::Name,
            token => token,
        }
    }

    /// `x++` at the end of a line: an increment of other languages.
    fn plus_plus(&mut self, i: usize) {
        let Item { token, span, .. } = self.items[i];
        let twice = self.laid.tokens.last().is_some_and(|&(t, s)| t == token && s.end == span.start);
        let ends =
            self.items.get(i + 1).is_none_or(|n| n.newline.is_some() || n.token == Token::Semi || n.token.closes());
        if twice && ends && matches!(token, Token::Plus | Token::Minus) {
            let glyph = if token == Token::Plus { "+" } else { "-" };
            let both = Span { start: span.start - 1, ..span };
            let fault = Fault::syntax(format!("there is no `{glyph}{glyph}`")).at(both).label(both, "no such operator");
            self.laid.faults.push(fault.hint(format!("write `x {glyph}= 1`")));
            self.laid.incomplete = false;
        }
    }

    /// `##` lines directly above a definition are its help text.
    fn read_docs(&mut self) {
        let mut run: Vec<&str> = vec![];
        let (mut newlines, mut starts) = (0, true);
        for &(token, span) in &self.comments.tokens {
            match token {
                Token::Newline => {
                    newlines += 1;
                    if newlines > 1 {
                        run.clear();
                    }
                    starts = true;
                    continue;
                }
                Token::Doc if starts => {
                    let line = self.text.get(span.range()).unwrap_or("").trim_end();
                    let line = line.strip_prefix("##").unwrap_or(line);
                    run.push(line.strip_prefix(' ').unwrap_or(line));
                }
                Token::Comment | Token::Doc | Token::Semi => {}
                _ => {
                    if starts && !run.is_empty() && matches!(token, Token::Name | Token::Fn) {
                        self.laid.docs.insert(span.start, run.join("\n").into());
                    }
                    run.clear();
                    starts = false;
                }
            }
            newlines = 0;
        }
    }
}
