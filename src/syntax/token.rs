//! Tokens and the operator table.
//!
//! In: nothing. Out: `Token`, which logos makes from text and `layout` refines, and `Operator`, one row per operator.
//! One macro owns every glyph, so that the lexer, the parser's precedence, the keyword list, error messages and the
//! README's table cannot disagree: to add an operator, add a row.

use logos::{Lexer, Logos};

/// One row of the operator table.
#[derive(Debug, PartialEq)]
pub struct Operator {
    /// As it is written: `+`, `//`, `not in`.
    pub glyph: &'static str,
    /// The function it calls: `add`, `floor_divide` (the array API's name where it has one); `""` for pure syntax.
    pub calls: &'static str,
    pub token: Token,
    pub level: Level,
    pub side: Side,
    /// The token that updates with it: `+=`.
    update: Option<Token>,
}

/// How tightly an operator binds, loosest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    Arrow,
    Pipe,
    Or,
    And,
    Not,
    BitOr,
    BitXor,
    BitAnd,
    Compare,
    Range,
    Shift,
    Sum,
    Product,
    Sign,
    Power,
}

/// How operators of one level group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    Left,
    Right,
    /// `a < b < c` means both.
    Chain,
    /// May not follow itself.
    Once,
    Prefix,
}

macro_rules! tokens {
    (
        infix { $($ik:ident $ig:literal [$($ia:literal)*] $il:ident $is:ident $ic:literal $(, $uk:ident $ug:literal [$($ua:literal)*])?;)* }
        joined { $($jk:ident $jg:literal $jl:ident $js:ident $jc:literal;)* }
        prefix { $($pk:ident $pg:literal $pl:ident $pc:literal;)* }
        plain { $($k:ident $g:literal [$($a:literal)*];)* }
        refined { $($rk:ident $rg:literal;)* }
    ) => {
        /// A token. The parser takes names', numbers' and texts' spelling from the source, by span.
        #[derive(Logos, Clone, Copy, PartialEq, Eq, Debug)]
        #[logos(skip r"[ \t\r\f\u{FEFF}\u{A0}]+")]
        #[repr(u8)]
        pub enum Token {
            $( #[token($ig)] $(#[token($ia)])* $ik, )*
            $($( #[token($ug)] $(#[token($ua)])* $uk, )?)*
            $( #[token($g)] $(#[token($a)])* $k, )*
            $( #[doc = "Made by `layout`."] $rk, )*
            #[regex(r"[\p{XID_Start}_]\p{XID_Continue}*", priority = 1)]
            #[token("∇")]
            Name,
            /// A name followed by `->`; made by `layout`.
            LambdaName,
            /// A name at the start of a statement whose `(…)` is followed by `=`; made by `layout`.
            DefineName,
            /// A name between `(` or `,` and `=`; made by `layout`.
            ArgName,
            #[regex(r"[0-9][0-9_]*(\.[0-9][0-9_]*)?([eE][+-]?[0-9][0-9_]*)?i?", point)]
            #[regex(r"\.[0-9][0-9_]*([eE][+-]?[0-9][0-9_]*)?i?")]
            #[regex(r"0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+")]
            Number,
            /// A whole text without interpolation, quotes included.
            Text,
            /// `"` before a text with interpolation, then its pieces.
            TextOpen,
            TextPiece,
            InterpOpen,
            /// `:.3f`, with the colon.
            Format,
            InterpClose,
            TextClose,
            /// A significant newline or `;`.
            Sep,
            #[token("\"")]
            Quote,
            #[token("\n")]
            Newline,
            #[regex(r"\\[ \t\r]*\n")]
            Join,
            #[regex(r"#[^\n]*", allow_greedy = true)]
            Comment,
            #[regex(r"##[^\n]*", allow_greedy = true)]
            Doc,
            /// Something that is no token; the lexer has said so.
            Wrong,
        }

        impl Token {
            /// How it is written, where that is fixed.
            pub const fn glyph(self) -> Option<&'static str> {
                match self {
                    $( Token::$ik => Some($ig), )*
                    $($( Token::$uk => Some($ug), )?)*
                    $( Token::$k => Some($g), )*
                    $( Token::$rk => Some($rg), )*
                    _ => None,
                }
            }
        }

        /// Every token that is written in one way.
        pub const ALL_FIXED: &[Token] = &[
            $(Token::$ik,)* $($(Token::$uk,)?)* $(Token::$k,)* $(Token::$rk,)*
        ];

        const ROWS: &[Operator] = &[
            $( Operator {
                glyph: $ig, calls: $ic, token: Token::$ik, level: Level::$il, side: Side::$is,
                update: first(&[$(Token::$uk)?]),
            }, )*
            $( Operator {
                glyph: $jg, calls: $jc, token: Token::$jk, level: Level::$jl, side: Side::$js, update: None,
            }, )*
            $( Operator {
                glyph: $pg, calls: $pc, token: Token::$pk, level: Level::$pl, side: Side::Prefix, update: None,
            }, )*
        ];

        const GLYPHS: &[&str] = &[$($ig,)* $($($ug,)?)* $($g,)*];
    };
}

tokens! {
    // token glyph [other spellings] level side "calls", update's token and glyphs
    infix {
        Power "^" ["**"] Power Right "pow", PowerUpdate "^=" ["**="];
        Star "*" ["×" "·"] Product Left "multiply", StarUpdate "*=" [];
        Slash "/" ["÷"] Product Left "divide", SlashUpdate "/=" [];
        Floor "//" [] Product Left "floor_divide", FloorUpdate "//=" [];
        Percent "%" [] Product Left "remainder", PercentUpdate "%=" [];
        At "@" [] Product Left "matmul", AtUpdate "@=" [];
        Plus "+" [] Sum Left "add", PlusUpdate "+=" [];
        Minus "-" ["−"] Sum Left "subtract", MinusUpdate "-=" ["−="];
        ShiftLeft "<<" [] Shift Left "bitwise_left_shift", ShiftLeftUpdate "<<=" [];
        ShiftRight ">>" [] Shift Left "bitwise_right_shift", ShiftRightUpdate ">>=" [];
        To ".." [] Range Once "";
        Through "..=" [] Range Once "";
        Equal "==" [] Compare Chain "equal";
        NotEqual "!=" ["≠"] Compare Chain "not_equal";
        Less "<" [] Compare Chain "less";
        LessEqual "<=" ["≤"] Compare Chain "less_equal";
        Greater ">" [] Compare Chain "greater";
        GreaterEqual ">=" ["≥"] Compare Chain "greater_equal";
        In "in" [] Compare Chain "in";
        BitAnd "&" [] BitAnd Left "bitwise_and", BitAndUpdate "&=" [];
        Xor "xor" [] BitXor Left "bitwise_xor";
        BitOr "|" [] BitOr Left "bitwise_or", BitOrUpdate "|=" [];
        And "and" [] And Left "";
        Or "or" [] Or Left "";
        Pipe "|>" [] Pipe Left "";
        Arrow "->" [] Arrow Right "";
    }
    // Rows whose token `layout` joins from two.
    joined {
        NotIn "not in" Compare Chain "not_in";
    }
    // Prefix readings; their tokens stand in the other sections.
    prefix {
        Plus "+" Sign "positive";
        Minus "-" Sign "negative";
        Tilde "~" Sign "invert";
        Not "not" Not "not";
    }
    plain {
        Tilde "~" [];
        Not "not" [];
        By "by" [];
        Fn "fn" [];
        If "if" [];
        Else "else" [];
        For "for" [];
        While "while" [];
        Return "return" [];
        Break "break" [];
        Continue "continue" [];
        Import "import" [];
        From "from" [];
        As "as" [];
        Try "try" [];
        Catch "catch" [];
        Assert "assert" [];
        True "true" [];
        False "false" [];
        Nothing "none" [];
        Hole "_" [];
        ParenOpen "(" [];
        ParenClose ")" [];
        BracketOpen "[" [];
        BracketClose "]" [];
        BraceOpen "{" [];
        BraceClose "}" [];
        Comma "," [];
        Colon ":" [];
        Semi ";" [];
        Dot "." [];
        Rest "..." [];
        Assign "=" [];
    }
    // What `layout` makes of plain tokens, so that the grammar needs no lookahead.
    refined {
        NotIn "not in";
        // `(` whose `)` is followed by `->`.
        LambdaParen "(";
        // `{` that opens a record.
        RecordBrace "{";
        // `{` at the start of a statement whose `}` is followed by `=`.
        UnpackBrace "{";
    }
}

const fn first(tokens: &[Token]) -> Option<Token> {
    if tokens.is_empty() { None } else { Some(tokens[0]) }
}

/// `1.` is a float unless `.`, `_`, a letter or a digit follows, so that `1..3` and `1.max(2)` mean what they say.
fn point(lexer: &mut Lexer<Token>) {
    let plain = lexer.slice().bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let mut rest = lexer.remainder().chars();
    if plain && rest.next() == Some('.') && !rest.next().is_some_and(|c| c == '.' || c == '_' || c.is_alphanumeric()) {
        lexer.bump(1);
    }
}

static TABLE: &[Operator] = ROWS;

/// Position in the table by token, so that the parser looks a row up in one load.
static INFIX: [u8; 128] = positions(false);
static PREFIX: [u8; 128] = positions(true);
static UPDATE: [u8; 128] = {
    let mut at = [u8::MAX; 128];
    let mut i = 0;
    while i < ROWS.len() {
        if let Some(token) = ROWS[i].update {
            at[token as usize] = i as u8;
        }
        i += 1;
    }
    at
};

const fn positions(prefix: bool) -> [u8; 128] {
    let mut at = [u8::MAX; 128];
    let mut i = 0;
    while i < ROWS.len() {
        if matches!(ROWS[i].side, Side::Prefix) == prefix {
            at[ROWS[i].token as usize] = i as u8;
        }
        i += 1;
    }
    at
}

/// The table.
pub fn operators() -> &'static [Operator] {
    TABLE
}

impl Token {
    /// The row of the operator that this token is between two operands.
    pub fn infix(self) -> Option<&'static Operator> {
        TABLE.get(INFIX[self as usize] as usize)
    }

    /// The row of the operator that this token is before an operand.
    pub fn prefix(self) -> Option<&'static Operator> {
        TABLE.get(PREFIX[self as usize] as usize)
    }

    /// The row of the operator that `+=` and its like update with.
    pub fn update(self) -> Option<&'static Operator> {
        TABLE.get(UPDATE[self as usize] as usize)
    }

    /// Whether it is spelled with letters and can be no name.
    pub fn is_keyword(self) -> bool {
        self.glyph().is_some_and(is_word)
    }

    pub fn opens(self) -> bool {
        use Token::*;
        matches!(self, ParenOpen | BracketOpen | BraceOpen | InterpOpen | LambdaParen | RecordBrace | UnpackBrace)
    }

    pub fn closes(self) -> bool {
        matches!(self, Token::ParenClose | Token::BracketClose | Token::BraceClose | Token::InterpClose)
    }

    /// What a message calls it.
    pub fn words(self) -> String {
        use Token::*;
        match self {
            Name | LambdaName | DefineName | ArgName => "a name".into(),
            Number => "a number".into(),
            Text | TextOpen | TextPiece | Quote => "a text".into(),
            InterpOpen => "`{`".into(),
            InterpClose => "`}`".into(),
            TextClose => "the end of the text".into(),
            Format => "a format".into(),
            Sep | Newline | Join => "the end of the line".into(),
            Comment | Doc => "a comment".into(),
            Wrong => "an unknown character".into(),
            _ => format!("`{}`", self.glyph().unwrap_or("?")),
        }
    }
}

const fn is_word(glyph: &str) -> bool {
    glyph.as_bytes()[0].is_ascii_alphabetic()
}

const WORDS: usize = {
    let (mut n, mut i) = (0, 0);
    while i < GLYPHS.len() {
        n += is_word(GLYPHS[i]) as usize;
        i += 1;
    }
    n
};

/// Every word that can be no name.
pub const KEYWORDS: [&str; WORDS] = {
    let mut words = [""; WORDS];
    let (mut n, mut i) = (0, 0);
    while i < GLYPHS.len() {
        if is_word(GLYPHS[i]) {
            words[n] = GLYPHS[i];
            n += 1;
        }
        i += 1;
    }
    words
};

#[cfg(test)]
mod tests {
    use super::*;

    fn lex(text: &str) -> Vec<Token> {
        Token::lexer(text).map(|t| t.unwrap_or(Token::Wrong)).collect()
    }

    #[test]
    fn numbers_and_points() {
        use Token::*;
        assert_eq!(lex("1..3"), [Number, To, Number]);
        assert_eq!(lex("1. .5 1_000 2.5e-3 2i 0xff 0b1_0 0o17"), [Number; 8]);
        assert_eq!(lex("1.max"), [Number, Dot, Name]);
        assert_eq!(lex("1...2"), [Number, Rest, Number]);
        assert_eq!(lex("1.)"), [Number, ParenClose]);
        assert_eq!(lex("1e5"), [Number]);
        assert_eq!(lex("1e"), [Number, Name]);
    }

    #[test]
    fn other_spellings() {
        use Token::*;
        assert_eq!(lex("a − b × c · d ÷ e ** f"), lex("a - b * c * d / e ^ f"));
        assert_eq!(lex("a ≤ b ≥ c ≠ d"), [Name, LessEqual, Name, GreaterEqual, Name, NotEqual, Name]);
        assert_eq!(lex("∇ π äö _ _x"), [Name, Name, Name, Hole, Name]);
        assert_eq!(lex("# a\n## b"), [Comment, Newline, Doc]);
    }

    #[test]
    fn rows() {
        assert_eq!(Token::Minus.infix().map(|o| o.calls), Some("subtract"));
        assert_eq!(Token::Minus.prefix().map(|o| o.calls), Some("negative"));
        assert_eq!(Token::FloorUpdate.update().map(|o| o.glyph), Some("//"));
        assert_eq!(Token::Name.infix(), None);
        assert_eq!(Token::NotIn.infix().map(|o| o.calls), Some("not_in"));
        assert!(KEYWORDS.contains(&"xor") && KEYWORDS.contains(&"catch") && !KEYWORDS.contains(&"_"));
    }
}
