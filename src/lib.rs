//! Nevel: an array language with gradients.
//!
//! Everything is an expression graph until somebody looks. Evaluating source only *builds* nodes; shapes and dtypes are
//! inferred while building, so that a shape error carries the span of the very call that made it. A node points to a
//! `Prim`, a static record that owns its name, parameters, docs, examples, shape rule, dtype rule, body and gradient;
//! bodies come in eight families: leaf, map, reduce, scan, view, index, contract, host. `grad` marks its variable, what
//! is computed from it keeps its inputs, and that is the tape: it is walked back with the same builders a user calls,
//! so that gradients fuse with the forward pass and have gradients themselves. Looking *forces*: trace, fuse, emit,
//! schedule, launch; back ends only ever see families.
//!
//! ```text
//! text → lex → parse → resolve → eval → apply            (nothing is computed yet)
//!                                         ├─ grad: tape, walked back through the same builders
//! text ← render ← download ← launch ← schedule ← emit ← fuse ← trace ← force
//! ```
//!
//! # Layers
//!
//! Each uses only what stands to its left; `tests/house.rs` holds them to it.
//!
//! base · syntax · graph · ops · grad · device and plan · show · io · lang · session · cli
//!
//! | folder | holds |
//! | --- | --- |
//! | `base/` | span, fault, dtype, shape, layout, buffers, the heap, elementary functions |
//! | `syntax/` | tokens, one row per operator, tree with spans, parser, formatter; knows no meanings |
//! | `graph/` | `Prim` and `Body`, `Expr`, apply, marks (the tape), lanes |
//! | `ops/` | the vocabulary, as records; one op, one place |
//! | `grad/` | the backward pass, central un-broadcast |
//! | `plan/` | kernels, fusion, schedule, cache by structure |
//! | `device/` | `reference` (slow, obvious: the oracle), `cpu` (blocks on all cores), `vulkan` (any GPU; its functions in `shaders/`) |
//! | `show/` | numbers, arrays, reports: the only layer that knows colours |
//! | `io/` | one codec, one file, one record |
//! | `lang/` | values, scopes, resolver, evaluator (a walk, and a fast path for loops over numbers), forms, builtins, prelude |
//! | `session/` | one cell in, one outcome out; a failing cell leaves no trace |
//! | `cli/` | the command line, the REPL, transcripts |
//!
//! `device` and `plan` are one step: a plan keeps what a device made of its kernels. `show` stands before `io` because
//! text formats write numbers as it does. What forces stands right of what is forced, so the engine is let into
//! `graph` by a function that it installs (`graph::engine`).
//!
//! # To add
//!
//! | | write | places |
//! | --- | --- | --- |
//! | an elementwise op, fold or scan | a block in `src/ops/` | 1 |
//! | a function that primitives express | a definition with an example in `src/lang/prelude/` | 1 |
//! | an operator, a command, a codec | a row or a file | 1 |
//! | a dtype | dtype list, element type, cast and lane lists | 3 |
//! | a device | a folder and a line | 1 |
//! | a function for devices | a function per dtype in `shaders/`; a snippet that only calls what is there needs none | 1 |

pub mod base;
pub mod cli;
pub mod device;
pub mod grad;
pub mod graph;
pub mod io;
pub mod lang;
pub mod ops;
pub mod plan;
pub mod session;
pub mod show;
pub mod syntax;
