//! Conversions between dtypes: one record per target. They stand here because apply itself converts inputs.

use smallvec::smallvec;

use super::apply::cast;
use super::expr::Expr;
use super::lane::{Map1, lane1};
use super::prim::*;
use crate::base::{DType, Elem, Half, half};

struct Convert;
impl<A: Elem> Map1<A, f64> for Convert {
    #[inline(always)]
    fn at(a: A) -> f64 {
        a.to_f64()
    }
}
impl<A: Elem> Map1<A, f32> for Convert {
    #[inline(always)]
    fn at(a: A) -> f32 {
        a.to_f64() as f32
    }
}
impl<A: Elem> Map1<A, Half> for Convert {
    #[inline(always)]
    fn at(a: A) -> Half {
        Half::from_f64(a.to_f64())
    }
}
impl<A: Elem> Map1<A, i64> for Convert {
    #[inline(always)]
    fn at(a: A) -> i64 {
        a.to_i64()
    }
}
impl<A: Elem> Map1<A, bool> for Convert {
    #[inline(always)]
    fn at(a: A) -> bool {
        a.to_bool()
    }
}

static X: [Param; 1] = [Param { name: "x", kind: ParamKind::Array, default: Default::Required }];

/// Ints and bools carry no gradient; between floats it is converted back.
fn back(b: &Back) -> Vec<Option<Expr>> {
    let from = b.ins[0].dtype();
    vec![from.is_float().then(|| cast(b.g, from).unwrap_or_else(Expr::broken))]
}

/// Whether an op on this dtype makes f32 of f16, which a product can do while it reads.
pub fn widens(prim: &Prim, from: DType) -> bool {
    from == DType::F16 && std::ptr::eq(prim, &F32)
}

macro_rules! casts {
    ($($prim:ident $name:literal $t:ty = $d:ident, $wgsl:literal, $vjp:expr;)+) => {
        $(
            /// Conversion of every element to one dtype.
            pub static $prim: Prim = Prim {
                name: $name,
                params: &X,
                doc: "",
                dtype: |c| Ok(Types { ins: smallvec![c.ins[0].dtype()], out: DType::$d }),
                shape: |c| Ok(c.ins[0].shape().clone()),
                body: Body::Map(MapBody {
                    lane: |from, _| Some(match (from, DType::$d) {
                        (DType::F16, DType::F32) => half::widen(),
                        (DType::F32, DType::F16) => half::narrow(),
                        _ => crate::dispatch!(from, S => lane1::<S, $t, Convert>()),
                    }),
                    wgsl: $wgsl,
                    cost: 1,
                    basic: None,
                    around: None,
                }),
                vjp: $vjp,
                rule: Rule::Words("x gets g, converted back to its dtype"),
            };
        )+
        /// Whether an op is one of these.
        pub fn is(prim: &Prim) -> bool {
            [$(&$prim),+].iter().any(|p| std::ptr::eq(*p, prim))
        }
        /// The record that converts to a dtype.
        pub fn to(dtype: DType) -> &'static Prim {
            match dtype {
                $(DType::$d => &$prim,)+
            }
        }
    };
}
casts! {
    BOOL "bool" bool = Bool, "to_bool(x)", Vjp::Zero;
    I64 "i64" i64 = I64, "to_i64(x)", Vjp::Zero;
    F16 "f16" Half = F16, "to_f16(x)", Vjp::Formula(back);
    F32 "f32" f32 = F32, "to_f32(x)", Vjp::Formula(back);
    F64 "f64" f64 = F64, "to_f64(x)", Vjp::Formula(back);
}
