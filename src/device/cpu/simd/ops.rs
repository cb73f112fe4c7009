//! Operations of arithmetic as types, over vectors and over single numbers.

use super::vector::{Float, Vector};

/// An operation as a type.
pub trait Op {
    /// Operands in a row may be grouped in any way, to the bit.
    const GROUPS: bool = false;
    unsafe fn wide<V: Vector>(a: V, b: V) -> V;
    /// The same where neither is a nan.
    #[inline(always)]
    unsafe fn quick<V: Vector>(a: V, b: V) -> V {
        // SAFETY: the caller's.
        unsafe { Self::wide(a, b) }
    }
    fn one<T: Float>(a: T, b: T) -> T;
    /// Folded by this, a value and a product, which is rounded with the sum where this adds and the machine can.
    #[inline(always)]
    unsafe fn product<V: Vector>(all: V, a: V, b: V) -> V {
        // SAFETY: the caller's.
        unsafe { Self::wide(all, a.mul(b)) }
    }
    /// Folded by another operation, a value and what this makes.
    #[inline(always)]
    unsafe fn into<V: Vector, F: Op>(all: V, a: V, b: V) -> V {
        // SAFETY: the caller's.
        unsafe { F::wide(all, Self::wide(a, b)) }
    }
}

pub struct Add;
pub struct Sub;
pub struct Mul;
pub struct Div;
/// The operands the other way round.
pub struct Swapped<O>(std::marker::PhantomData<O>);

macro_rules! op {
    ($name:ident $method:ident $sign:tt $($more:tt)*) => {
        impl Op for $name {
            #[inline(always)]
            unsafe fn wide<V: Vector>(a: V, b: V) -> V {
                // SAFETY: the caller's.
                unsafe { a.$method(b) }
            }
            #[inline(always)]
            fn one<T: Float>(a: T, b: T) -> T {
                a $sign b
            }
            $($more)*
        }
    };
}
op!(Add add +
    #[inline(always)]
    unsafe fn product<V: Vector>(all: V, a: V, b: V) -> V {
        // SAFETY: the caller's.
        unsafe { a.mul_add(b, all) }
    }
);
op!(Sub sub -);
op!(Mul mul *
    #[inline(always)]
    unsafe fn into<V: Vector, F: Op>(all: V, a: V, b: V) -> V {
        // SAFETY: the caller's.
        unsafe { F::product(all, a, b) }
    }
);
op!(Div div /);

pub struct Max;
pub struct Min;

macro_rules! most {
    ($name:ident $method:ident $quick:ident $sign:tt) => {
        impl Op for $name {
            // It is the first nan, or else the first of the largest.
            const GROUPS: bool = true;
            #[inline(always)]
            unsafe fn wide<V: Vector>(a: V, b: V) -> V {
                // SAFETY: the caller's.
                unsafe { a.$method(b) }
            }
            #[inline(always)]
            unsafe fn quick<V: Vector>(a: V, b: V) -> V {
                // SAFETY: the caller's.
                unsafe { a.$quick(b) }
            }
            #[inline(always)]
            #[allow(clippy::eq_op)]
            fn one<T: Float>(a: T, b: T) -> T {
                if a $sign b || a != a { a } else { b }
            }
        }
    };
}
most!(Max max quick_max >=);
most!(Min min quick_min <=);
impl<O: Op> Op for Swapped<O> {
    #[inline(always)]
    unsafe fn wide<V: Vector>(a: V, b: V) -> V {
        // SAFETY: the caller's.
        unsafe { O::wide(b, a) }
    }
    #[inline(always)]
    fn one<T: Float>(a: T, b: T) -> T {
        O::one(b, a)
    }
}

/// What a pass makes of two operands.
pub trait Made {
    unsafe fn wide<V: Vector>(a: V, b: V) -> V;
    fn one<T: Float>(a: T, b: T) -> T;
    /// It and a value folded by an operation: products and sums are rounded once where the machine can.
    unsafe fn into<V: Vector, F: Op>(all: V, a: V, b: V) -> V;
}

/// The operation's value itself.
pub struct Plain<O>(std::marker::PhantomData<O>);
/// Its square.
pub struct Squared<O>(std::marker::PhantomData<O>);

impl<O: Op> Made for Plain<O> {
    #[inline(always)]
    unsafe fn wide<V: Vector>(a: V, b: V) -> V {
        // SAFETY: the caller's.
        unsafe { O::wide(a, b) }
    }
    #[inline(always)]
    fn one<T: Float>(a: T, b: T) -> T {
        O::one(a, b)
    }
    #[inline(always)]
    unsafe fn into<V: Vector, F: Op>(all: V, a: V, b: V) -> V {
        // SAFETY: the caller's.
        unsafe { O::into::<V, F>(all, a, b) }
    }
}

impl<O: Op> Made for Squared<O> {
    #[inline(always)]
    unsafe fn wide<V: Vector>(a: V, b: V) -> V {
        // SAFETY: the caller's.
        unsafe {
            let i = O::wide(a, b);
            i.mul(i)
        }
    }
    #[inline(always)]
    fn one<T: Float>(a: T, b: T) -> T {
        let i = O::one(a, b);
        i * i
    }
    #[inline(always)]
    unsafe fn into<V: Vector, F: Op>(all: V, a: V, b: V) -> V {
        // SAFETY: the caller's.
        unsafe {
            let i = O::wide(a, b);
            F::product(all, i, i)
        }
    }
}
