//! The macro that declarations are written in: one block per op gives its docs, its record, its builder and its lanes.
//!
//! A block is
//!
//! ```text
//! /// What it does.
//! ///
//! /// > exp([0, 1])
//! /// [1, 2.718281828459045]
//! exp(x) {
//!     dtype: rule::float,
//!     shape: rule::broadcast,
//!     map: { cost: 15, wgsl: "exp(x)", f: x.exp() },
//!     vjp(g, y): [g * y],
//! }
//! ```
//!
//! Array parameters come first, attributes after `;` as `name: Kind = Default`. A map's formulas are given per kind of
//! dtype (`f` floats, `i` ints, `b` bools, or one dtype by its name), or `math:` names a vectorised elementary function of `base::math`; what is not given is not defined there. A
//! gradient is a formula in the builders a user calls, or `zero`, or `none "why"`. Where it needs builders that no
//! user knows, it stands in words for the help page too: `vjp(g, y) "x gets g * y": […]`.

#[macro_export]
macro_rules! prims {
    ($( $(#[doc = $doc:literal])+
        $name:ident($($x:ident),+ $(; $($attr:ident: $kind:ident = $default:expr),+)?) {
            dtype: $dtype:expr,
            shape: $shape:expr,
            $family:ident: $spec:tt,
            vjp $($vjp:tt)+
        }
    )+) => {
        /// Every primitive of this file, in the order written.
        pub(super) static ALL: &[&$crate::graph::Prim] = &[$(&$name::PRIM),+];
        $(
            $(#[doc = $doc])+
            #[allow(clippy::too_many_arguments, clippy::cloned_ref_to_slice_refs)]
            pub fn $name($($x: &$crate::graph::Expr),+ $($(, $attr: impl Into<$crate::graph::Attr>)+)?) -> $crate::graph::Expr {
                $crate::ops::build(&$name::PRIM, &[$($x.clone()),+], [$($($attr.into()),+)?].into_iter().collect())
            }
            pub mod $name {
                #[allow(unused_imports)]
                use super::*;
                pub static PRIM: $crate::graph::Prim = $crate::graph::Prim {
                    name: $crate::ops::plain_name(stringify!($name)),
                    params: &[
                        $($crate::graph::Param { name: stringify!($x), kind: $crate::graph::ParamKind::Array, default: $crate::graph::prim::Default::Required },)+
                        $($($crate::graph::Param { name: stringify!($attr), kind: $crate::graph::ParamKind::$kind, default: { #[allow(unused_imports)] use $crate::graph::prim::Default::*; $default } },)+)?
                    ],
                    doc: concat!($($doc, "\n"),+),
                    dtype: $dtype,
                    shape: $shape,
                    body: $crate::body!($family [$($x)+] $spec),
                    vjp: $crate::vjp!([$($x)+] [$($($attr)+)?] $($vjp)+),
                    rule: $crate::rule!($($vjp)+),
                };
            }
        )+
    };
}

#[macro_export]
macro_rules! vjp {
    ($xs:tt $attrs:tt : zero $(,)?) => { $crate::graph::Vjp::Zero };
    ($xs:tt $attrs:tt : none $why:literal $(,)?) => { $crate::graph::Vjp::None($why) };
    ([$($x:ident)+] [$($attr:ident)*] ($g:pat, $y:pat) $($words:literal)?: [$($vjp:expr),+ $(,)?] $(,)?) => {
        $crate::graph::Vjp::Formula(|back| {
            #[allow(unused_variables)]
            let ([$($x),+], $g, $y) = (back.ins, back.g, back.y) else { return vec![] };
            #[allow(unused_variables, unused_mut)]
            let mut attrs = back.attrs.iter();
            $(#[allow(unused_variables)] let Some($attr) = attrs.next() else { return vec![] };)*
            let mut wanted = back.wanted.iter();
            vec![$(if wanted.next() == Some(&true) { Into::<Option<$crate::graph::Expr>>::into($vjp) } else { None }),+]
        })
    };
}

#[macro_export]
macro_rules! rule {
    (($g:pat, $y:pat) $words:literal: $($formula:tt)+) => { $crate::graph::prim::Rule::Words($words) };
    ($($formula:tt)+) => { $crate::graph::prim::Rule::Written(stringify!($($formula)+)) };
}

#[macro_export]
macro_rules! body {
    (map [$x:ident] { cost: $cost:literal, wgsl: $wgsl:literal, math: $math:ident $(,)? }) => {
        $crate::graph::Body::Map($crate::graph::prim::MapBody {
            lane: |dtype, _| $crate::graph::lane::math1::<$crate::base::math::$math>(dtype),
            wgsl: $wgsl,
            cost: $cost,
            basic: None,
            around: Some($crate::graph::lane::math1_around::<$crate::base::math::$math>),
        })
    };
    (map [$x:ident $z:ident] { cost: $cost:literal, wgsl: $wgsl:literal, math: $math:ident $(, $($lanes:tt)+)? }) => {
        $crate::graph::Body::Map($crate::graph::prim::MapBody {
            lane: |dtype, operands| {
                if dtype.is_float() {
                    return $crate::graph::lane::math2::<$crate::base::math::$math>(dtype, operands);
                }
                $crate::lanes!(@or_none [$x $z] dtype operands $($($lanes)+)?)
            },
            wgsl: $wgsl,
            cost: $cost,
            basic: None,
            around: None,
        })
    };
    (map $xs:tt { cost: $cost:literal, wgsl: $wgsl:literal, basic: $basic:ident, $($lanes:tt)+ }) => {
        $crate::graph::Body::Map($crate::graph::prim::MapBody {
            lane: |dtype, operands| { $crate::lanes!($xs dtype operands $($lanes)+) },
            wgsl: $wgsl,
            cost: $cost,
            basic: Some($crate::graph::prim::Basic::$basic),
            around: None,
        })
    };
    (map $xs:tt { cost: $cost:literal, wgsl: $wgsl:literal, $($lanes:tt)+ }) => {
        $crate::graph::Body::Map($crate::graph::prim::MapBody {
            lane: |dtype, operands| { $crate::lanes!($xs dtype operands $($lanes)+) },
            wgsl: $wgsl,
            cost: $cost,
            basic: None,
            around: None,
        })
    };
    (reduce $xs:tt { $fold:ident }) => { $crate::graph::Body::Reduce($crate::graph::Fold::$fold) };
    (scan $xs:tt { $fold:ident }) => { $crate::graph::Body::Scan($crate::graph::Fold::$fold) };
    (view $xs:tt { $index:expr }) => { $crate::graph::Body::View($index) };
    (position $xs:tt { wgsl: $wgsl:literal, $fill:expr }) => { $crate::graph::Body::Leaf($crate::graph::Leaf::Position($fill, $wgsl)) };
    (contract $xs:tt {}) => { $crate::graph::Body::Contract };
    (sort $xs:tt { $what:ident, $f:expr }) => { $crate::graph::Body::Sort($crate::graph::Sort::$what, $f) };
    (host $xs:tt { $f:expr }) => { $crate::graph::Body::Host($f) };
}

/// `f: formula` gives f32 and f64 lanes (f16 is computed as f32), `i:` i64, `b:` bool; `-> bool` in front makes the results bools.
#[macro_export]
macro_rules! lanes {
    (@or_none $xs:tt $dtype:ident $operands:ident) => { None };
    (@or_none $xs:tt $dtype:ident $operands:ident $($lanes:tt)+) => { $crate::lanes!($xs $dtype $operands $($lanes)+) };
    ($xs:tt $dtype:ident $operands:ident -> bool, $($kind:ident: $formula:expr),+ $(,)?) => {{
        struct F;
        $($crate::lanes!(@impl $kind bool $xs $formula);)+
        let _ = $operands;
        match $dtype { $($crate::lanes!(@pat $kind) => $crate::lanes!(@pick $kind bool $xs $dtype $operands),)+ #[allow(unreachable_patterns)] _ => None }
    }};
    ($xs:tt $dtype:ident $operands:ident $($kind:ident: $formula:expr),+ $(,)?) => {{
        struct F;
        $($crate::lanes!(@impl $kind same $xs $formula);)+
        let _ = $operands;
        match $dtype { $($crate::lanes!(@pat $kind) => $crate::lanes!(@pick $kind same $xs $dtype $operands),)+ #[allow(unreachable_patterns)] _ => None }
    }};
    (@pat f) => { $crate::base::DType::F32 | $crate::base::DType::F64 };
    (@pat i) => { $crate::base::DType::I64 };
    (@pat b) => { $crate::base::DType::Bool };
    (@pat f32) => { $crate::base::DType::F32 };
    (@pat f64) => { $crate::base::DType::F64 };
    (@impl f $out:ident $xs:tt $e:expr) => { $crate::lanes!(@one f32 $out $xs $e); $crate::lanes!(@one f64 $out $xs $e); };
    (@impl i $out:ident $xs:tt $e:expr) => { $crate::lanes!(@one i64 $out $xs $e); };
    (@impl b $out:ident $xs:tt $e:expr) => { $crate::lanes!(@one bool $out $xs $e); };
    (@impl f32 $out:ident $xs:tt $e:expr) => { $crate::lanes!(@one f32 $out $xs $e); };
    (@impl f64 $out:ident $xs:tt $e:expr) => { $crate::lanes!(@one f64 $out $xs $e); };
    (@one $t:ident same $xs:tt $e:expr) => { $crate::lanes!(@map $t $t $xs $e); };
    (@one $t:ident bool $xs:tt $e:expr) => { $crate::lanes!(@map $t bool $xs $e); };
    (@map $t:ident $r:ident [$x:ident] $e:expr) => {
        impl $crate::graph::lane::Map1<$t, $r> for F { #[inline(always)] fn at($x: $t) -> $r { $e } }
    };
    (@map $t:ident $r:ident [$x:ident $z:ident] $e:expr) => {
        impl $crate::graph::lane::Map2<$t, $t, $r> for F { #[inline(always)] fn at($x: $t, $z: $t) -> $r { $e } }
    };
    // Three operands: the first is the condition.
    (@map $t:ident $r:ident [$c:ident $x:ident $z:ident] $e:expr) => {
        impl $crate::graph::lane::Map3<bool, $t, $t, $r> for F { #[inline(always)] fn at($c: bool, $x: $t, $z: $t) -> $r { $e } }
    };
    (@pick f $out:ident $xs:tt $dtype:ident $operands:ident) => {
        if $dtype == $crate::base::DType::F32 { $crate::lanes!(@lane f32 $out $xs $operands) } else { $crate::lanes!(@lane f64 $out $xs $operands) }
    };
    (@pick i $out:ident $xs:tt $dtype:ident $operands:ident) => { $crate::lanes!(@lane i64 $out $xs $operands) };
    (@pick b $out:ident $xs:tt $dtype:ident $operands:ident) => { $crate::lanes!(@lane bool $out $xs $operands) };
    (@pick f32 $out:ident $xs:tt $dtype:ident $operands:ident) => { $crate::lanes!(@lane f32 $out $xs $operands) };
    (@pick f64 $out:ident $xs:tt $dtype:ident $operands:ident) => { $crate::lanes!(@lane f64 $out $xs $operands) };
    (@lane $t:ident same $xs:tt $operands:ident) => { $crate::lanes!(@typed $t $t $xs $operands) };
    (@lane $t:ident bool $xs:tt $operands:ident) => { $crate::lanes!(@typed $t bool $xs $operands) };
    (@typed $t:ident $r:ident [$x:ident] $operands:ident) => { Some($crate::graph::lane::lane1::<$t, $r, F>()) };
    (@typed $t:ident $r:ident [$x:ident $z:ident] $operands:ident) => { Some($crate::graph::lane::lane2::<$t, $t, $r, F>($operands)) };
    (@typed $t:ident $r:ident [$c:ident $x:ident $z:ident] $operands:ident) => { Some($crate::graph::lane::lane3::<bool, $t, $t, $r, F>()) };
}
