//! What the parser remembers of a failure: where, and a set of what would have gone on.
//!
//! In: chumsky's reports while it tries alternatives. Out: `Wrong`, from which `explain` makes a fault.
//!
//! TRIED: chumsky's own `Rich` allocates and merges lists of expectations for every alternative that fails on the way
//! to a success; this set of bits parses 2.5 to 3 times as fast and says the same.

use chumsky::DefaultExpected;
use chumsky::error::{Error, LabelError};
use chumsky::util::MaybeRef;

use super::In;
use crate::base::Span;
use crate::syntax::token::{ALL_FIXED, Token};

/// A part of the grammar that a message names instead of listing the tokens it may start with.
#[derive(Clone, Copy, PartialEq, Debug)]
#[repr(u8)]
pub enum Part {
    Expression,
    Operator,
    End,
    Name,
    Block,
    Index,
    Pattern,
    Path,
    Param,
    Statement,
}

impl Part {
    pub const ALL: [Part; 10] = [
        Part::Statement,
        Part::Expression,
        Part::Operator,
        Part::Name,
        Part::Block,
        Part::Index,
        Part::Pattern,
        Part::Path,
        Part::Param,
        Part::End,
    ];

    pub fn words(self) -> &'static str {
        match self {
            Part::Expression => "an expression",
            Part::Operator => "an operator",
            Part::End => "the end of the statement",
            Part::Name => "a name",
            Part::Block => "`{`",
            Part::Index => "an index",
            Part::Pattern => "a name",
            Part::Path => "a file's name in quotes",
            Part::Param => "a parameter",
            Part::Statement => "a statement",
        }
    }
}

/// One failure. 48 bytes and `Copy`, for the parser makes one for every alternative it gives up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wrong {
    pub span: Span,
    tokens: u128,
    parts: u16,
}

impl Wrong {
    pub fn expects(&self, part: Part) -> bool {
        self.parts & (1 << part as u8) != 0
    }

    pub fn expects_token(&self, token: Token) -> bool {
        self.tokens & (1 << token as u8) != 0
    }

    /// "`,`, an operator or the end of the statement".
    pub fn expected(&self) -> Option<String> {
        let written = ALL_FIXED.iter().chain(&[Token::InterpClose]);
        let mut words: Vec<String> = written.filter(|&&t| self.expects_token(t)).map(|t| t.words()).collect();
        words.extend(Part::ALL.into_iter().filter(|&p| self.expects(p)).map(|p| p.words().to_string()));
        words.dedup();
        let last = words.pop()?;
        Some(if words.is_empty() { last } else { format!("{} or {last}", words.join(", ")) })
    }
}

impl<'t> Error<'t, In<'t>> for Wrong {
    fn merge(mut self, other: Self) -> Self {
        self.tokens |= other.tokens;
        self.parts |= other.parts;
        self
    }
}

impl<'t> LabelError<'t, In<'t>, DefaultExpected<'t, Token>> for Wrong {
    fn expected_found<E: IntoIterator<Item = DefaultExpected<'t, Token>>>(
        expected: E,
        _found: Option<MaybeRef<'t, Token>>,
        span: Span,
    ) -> Self {
        let mut tokens = 0;
        for one in expected {
            if let DefaultExpected::Token(token) = one {
                tokens |= 1 << *token as u8;
            }
        }
        Wrong { span, tokens, parts: 0 }
    }
}

impl<'t> LabelError<'t, In<'t>, Part> for Wrong {
    fn expected_found<E: IntoIterator<Item = Part>>(
        expected: E,
        _found: Option<MaybeRef<'t, Token>>,
        span: Span,
    ) -> Self {
        let parts = expected.into_iter().fold(0, |all, part| all | 1 << part as u8);
        Wrong { span, tokens: 0, parts }
    }

    fn label_with(&mut self, part: Part) {
        (self.tokens, self.parts) = (0, 1 << part as u8);
    }
}
