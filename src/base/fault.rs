//! What went wrong, for a person: one message, the places, what to type instead.
//!
//! There is no list of error kinds: a fault is its words. Layers that know no source (graph, ops, io) name the
//! *sides* of a mismatch by argument number; the evaluator turns sides into labelled places of the source.

use super::span::Span;

/// The exit status that an uncaught fault gives a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// The program failed: 1.
    Failed = 1,
    /// Wrong usage or syntax: 2.
    Usage = 2,
    /// An input that cannot be read: 3.
    Input = 3,
    /// Ctrl-C: 130.
    Interrupted = 130,
}

/// An error on its way to the user. One pointer wide, so that `Result<T, Fault>` stays small.
#[derive(Clone, Debug)]
pub struct Fault(Box<Words>);

/// The words of a fault; see `Fault`'s builders.
#[derive(Clone, Debug)]
pub struct Words {
    /// Lower case, no full stop, what was expected and what was found: `matmul: the inner axes differ, 784 and 10`.
    pub message: String,
    pub exit: Exit,
    /// Where; `None` until a layer that knows the source says so.
    pub span: Option<Span>,
    /// Further places with words: `(place, "opened here")`. A label at `span` itself goes here too.
    pub labels: Vec<(Span, String)>,
    /// Words on argument number i of the failing call; the evaluator makes labels of them.
    pub sides: Vec<(usize, String)>,
    /// Each one an edit that can be typed. `{0}`, `{1}` … stand for the source text of argument 0, 1 ….
    pub hints: Vec<String>,
    /// The calls that led here, innermost first: (place of the call, name of the function).
    pub chain: Vec<(Span, String)>,
    /// Nothing is wrong: a value was asked for that is known only to who runs the program. Only `check` meets these.
    pub unknown: bool,
}

impl Fault {
    pub fn new(message: impl Into<String>) -> Fault {
        Fault(Box::new(Words {
            message: message.into(),
            exit: Exit::Failed,
            span: None,
            labels: vec![],
            sides: vec![],
            hints: vec![],
            chain: vec![],
            unknown: false,
        }))
    }

    /// A syntax or usage fault: exit status 2.
    pub fn syntax(message: impl Into<String>) -> Fault {
        Fault::new(message).exit(Exit::Usage)
    }

    /// An input that cannot be read: exit status 3.
    pub fn input(message: impl Into<String>) -> Fault {
        Fault::new(message).exit(Exit::Input)
    }

    pub fn interrupted() -> Fault {
        Fault::new("interrupted").exit(Exit::Interrupted)
    }

    /// A value that nobody has without running the program.
    pub fn unknown() -> Fault {
        let mut fault = Fault::new("a value that only running tells");
        fault.unknown = true;
        fault
    }

    pub fn exit(mut self, exit: Exit) -> Fault {
        self.0.exit = exit;
        self
    }

    /// Places the fault, unless an inner layer already did.
    pub fn at(mut self, span: Span) -> Fault {
        self.0.span.get_or_insert(span);
        self
    }

    pub fn label(mut self, span: Span, words: impl Into<String>) -> Fault {
        self.0.labels.push((span, words.into()));
        self
    }

    pub fn side(mut self, argument: usize, words: impl Into<String>) -> Fault {
        self.0.sides.push((argument, words.into()));
        self
    }

    pub fn hint(mut self, edit: impl Into<String>) -> Fault {
        self.0.hints.push(edit.into());
        self
    }

    pub fn called_at(mut self, span: Span, function: impl Into<String>) -> Fault {
        self.0.chain.push((span, function.into()));
        self
    }

    pub fn is_interrupt(&self) -> bool {
        self.0.exit == Exit::Interrupted
    }
}

impl std::ops::Deref for Fault {
    type Target = Words;
    fn deref(&self) -> &Words {
        &self.0
    }
}

impl std::ops::DerefMut for Fault {
    fn deref_mut(&mut self) -> &mut Words {
        &mut self.0
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}
