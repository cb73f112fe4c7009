//! Forms as functions, for pipes and for functions as values; and the functions that go with them.

use std::rc::Rc;

use super::leaves::map_arrays;
use super::{custom, vmap};
use crate::base::{Fault, Result};
use crate::graph::{Marks, alias};
use crate::lang::builtin::{Builtin, Run};
use crate::lang::code::FormKind;
use crate::lang::eval::is_callable;
use crate::lang::interp::Interp;
use crate::lang::value::Value;

macro_rules! form {
    ($kind:ident, $name:literal, $signature:literal, $doc:literal) => {
        Builtin {
            name: $name,
            signature: $signature,
            doc: $doc,
            run: Run::Native(|interp, args| on_function(interp, FormKind::$kind, args)),
        }
    };
}

/// Every form, and what goes with them.
pub static BUILTINS: &[Builtin] = &[
    form!(
        Grad,
        "grad",
        "grad(expr, *x)",
        "The gradient of one number by a variable: `grad(expr, x)`. x may be a name, a field, a record or tuple of arrays, or\n\
         a tuple of names; the result is made like it. Of a function: `grad(f, x0)` at x0, `grad(f)` as a function.\n\n\
         > w = [1.0, 2.0]\n> grad(sum(w^3), w)\n[3, 12]\n> grad(x -> x^2, 3.0)\n6\n"
    ),
    form!(
        ValueAndGrad,
        "value_and_grad",
        "value_and_grad(expr, *x)",
        "The value and its gradient together, as a tuple, for the price of the gradient.\n\n\
         > w = [1.0, 2.0]\n> value_and_grad(sum(w^2), w)\n(5, [2, 4])\n"
    ),
    form!(
        Jacobian,
        "jacobian",
        "jacobian(expr, *x)",
        "The derivative of every element of a result by every element of x; its shape is the result's, then x's.\n\n\
         > x = [1.0, 2.0]\n> jacobian(x^2, x)\n[[2, 0],\n [0, 4]]\n"
    ),
    form!(
        Hessian,
        "hessian",
        "hessian(expr, *x)",
        "The second derivatives of one number; its shape is x's twice.\n\n\
         > x = [1.0, 2.0]\n> hessian(sum(x^3), x)\n[[6,  0],\n [0, 12]]\n"
    ),
    form!(
        Vjp,
        "vjp",
        "vjp(expr, *x_and_v)",
        "The vector v times the jacobian, without making the jacobian: `vjp(expr, x, v)`.\n\n\
         > x = [1.0, 2.0]\n> vjp(x^2, x, [1.0, 10.0])\n[2, 40]\n"
    ),
    form!(
        Jvp,
        "jvp",
        "jvp(expr, *x_and_v)",
        "The jacobian times the vector v, without making the jacobian: `jvp(expr, x, v)`.\n\n\
         > x = [1.0, 2.0]\n> jvp(x^2, x, [1.0, 10.0])\n[2, 40]\n"
    ),
    form!(
        Hvp,
        "hvp",
        "hvp(expr, *x_and_v)",
        "The hessian times the vector v, without making the hessian: `hvp(expr, x, v)`.\n\n\
         > x = [1.0, 2.0]\n> hvp(sum(x^3), x, [1.0, 1.0])\n[6, 12]\n"
    ),
    form!(
        Gradcheck,
        "gradcheck",
        "gradcheck(expr, *x)",
        "Compares the gradient with finite differences: true, or an error that says where they part.\n\n\
         > x = [1.0, 2.0]\n> gradcheck(sum(sin(x)), x)\ntrue\n"
    ),
    Builtin {
        name: "stop",
        signature: "stop(x)",
        doc: "x as a constant: no gradient goes through it.\n\n> x = 3.0\n> grad(x * stop(x), x)\n3\n",
        run: Run::Native(|_, args| {
            let cut = map_arrays(&args[0], &mut |e| Ok(alias(e, Marks::default())))?;
            Ok(plain(cut))
        }),
    },
    Builtin {
        name: "track",
        signature: "track(x)",
        doc: "x, marked so that what is computed from it keeps its tape: `grad(y, x)` then works on a y computed before.\n\n\
              > x = track([1.0, 2.0])\n> y = sum(x^2)\n> grad(y, x)\n[2, 4]\n",
        run: Run::Native(|_, args| map_arrays(&args[0], &mut |e| Ok(alias(e, Marks::TRACKED.join(e.node().marks))))),
    },
    Builtin {
        name: "vmap",
        signature: "vmap(f, axis=0)",
        doc: "f made to work on every slice of its arguments along an axis; the results are stacked. `axis` may be a tuple,\n\
              one per argument, with none for an argument that every call gets whole.\n\n\
              > vmap(x -> x / sum(x))([[1.0, 3.0], [2.0, 2.0]])\n[[0.25, 0.75],\n [ 0.5,  0.5]]\n",
        run: Run::Native(|_, args| vmap::vmap(&args[0], &args[1])),
    },
    Builtin {
        name: "custom_grad",
        signature: "custom_grad(f, backward)",
        doc: "f with another gradient: `backward(g, x)` gets the cotangent of the result and f's arguments, and returns the\n\
              argument's cotangent, or a tuple of them where f takes several.\n\n\
              > straight = custom_grad(x -> round(x), (g, x) -> g)\n> x = [0.4, 1.7]\n> grad(sum(straight(x)), x)\n[1, 1]\n",
        run: Run::Native(|_, args| custom::custom_grad(&args[0], &args[1])),
    },
    Builtin {
        name: "checkpoint",
        signature: "checkpoint(f, *args)",
        doc: "f(args), without keeping what was computed on the way: a gradient computes it again. Saves memory where f is\n\
              long. If f reads variables being differentiated other than its arguments, it is kept as usual.\n\n\
              > x = [1.0, 2.0]\n> grad(checkpoint(x -> sum(x^2), x), x)\n[2, 4]\n",
        run: Run::Native(|interp, args| custom::checkpoint(interp, &args[0], args[1].to_tuple()?)),
    },
];

/// A form called as a function.
fn on_function(interp: &mut Interp, kind: FormKind, args: &[Value]) -> Result<Value> {
    if !is_callable(&args[0]) {
        let fault = args[0].unlike("a function").side(0, "is no function");
        return Err(
            fault.hint(format!("to differentiate an expression name the form in the call: {}(expr, x)", kind.name()))
        );
    }
    interp.derive_function(kind, args[0].clone(), args[1].to_tuple()?.to_vec())
}

/// Numbers off every tape are plain again.
fn plain(v: Value) -> Value {
    match v {
        Value::Array(e) => Value::from_expr(e),
        Value::Tuple(t) => Value::tuple(t.iter().cloned().map(plain).collect()),
        Value::Record(r) => Value::record(r.fields().iter().map(|(n, v)| (Rc::clone(n), plain(v.clone()))).collect()),
        v => v,
    }
}

/// A function was expected.
pub fn must_be_callable(f: &Value, side: usize) -> Result<(), Fault> {
    if is_callable(f) { Ok(()) } else { Err(f.unlike("a function").side(side, "is no function")) }
}
