//! Devices: what runs kernels. They see families and layouts, never an op's name.
//!
//! In: kernels and memory. Out: filled memory. `reference` is slow and obvious and defines what each family means;
//! `cpu` is fast and agrees with it; `vulkan` is for everything with a memory of its own.
//!
//! Devices are numbered: 0 is the CPU, the others are Vulkan's in the order of `vulkan::all`.

pub mod cpu;
pub mod reference;
#[cfg(feature = "vulkan")]
pub mod vulkan;

use std::cell::Cell;
use std::sync::Arc;

use crate::base::{Buffer, DType, Fault, Result};
use crate::graph::{Fold, Place, Prim};
use crate::plan::doubt::Doubt;
use crate::plan::{Kernel, Slot};

/// A place where kernels run.
pub trait Device {
    /// What `device(t)` says: `cpu`.
    fn name(&self) -> &'static str;
    /// Whether it runs kernels of rows; otherwise their parts come as kernels of their own.
    fn takes_rows(&self) -> bool {
        false
    }
    /// Whether the rows may lie along other axes than the last.
    fn takes_columns(&self) -> bool {
        false
    }
    /// Makes a kernel ready to be launched many times.
    fn prepare(&self, kernel: &Kernel, slots: &[Slot]) -> Result<Box<dyn Program>>;
    /// Whether it can do an op on these dtypes. What it cannot do the CPU does.
    fn takes(&self, _: &Prim, _ins: &[DType], _out: DType) -> bool {
        true
    }
    /// Whether it can run a kernel of ops that it takes. If not, the CPU does.
    fn can(&self, _: &Kernel, _: &[Slot]) -> bool {
        true
    }
    /// Memory for what its kernels write.
    fn alloc(&self, bytes: usize) -> Result<Arc<Buffer>> {
        Buffer::new(bytes)
    }
    /// The same bytes here and nowhere else, to be written where they lie; nobody else has them.
    fn claim(&self, buffer: &Arc<Buffer>) -> Result<Arc<Buffer>> {
        Ok(buffer.clone())
    }
    /// Writes a few elements of `size` bytes: places and bits. `false` where they need a kernel.
    fn poke(&self, _: &Arc<Buffer>, _size: usize, _: &mut dyn Iterator<Item = (usize, u64)>) -> Result<bool> {
        Ok(false)
    }
    /// The source of a kernel, for a person; none where there is only machine code.
    fn source(&self, _: &Kernel, _: &[Slot]) -> Option<String> {
        None
    }
    /// Waits until everything that was launched is done.
    fn settle(&self) -> Result<()> {
        Ok(())
    }
    /// Sets off what was launched; called at the end of a plan.
    fn flush(&self) -> Result<()> {
        Ok(())
    }
}

/// A kernel made ready.
pub trait Program {
    /// Runs it on this memory. Outputs are bound and unshared.
    fn launch(&self, memory: &Memory) -> Result<()>;
    /// As `launch`; a device that does not wait to hear whether it went well says whom to ask.
    fn start(&self, memory: &Memory) -> Result<Option<Arc<Doubt>>> {
        self.launch(memory).map(|()| None)
    }
}

/// What stands behind each slot while a plan runs.
pub struct Memory {
    pub bound: Vec<Bound>,
}

#[derive(Clone)]
pub enum Bound {
    Nothing,
    Number(u64),
    Buffer {
        buffer: Arc<Buffer>,
        /// The array's first element.
        offset: usize,
    },
}

thread_local! {
    static SLOW: Cell<bool> = const { Cell::new(false) };
}

/// The device for arrays and for tensors on `cpu`.
pub fn cpu() -> &'static dyn Device {
    if SLOW.get() { &reference::Reference } else { &cpu::Cpu }
}

/// What folds a stretch of few elements on the host, with the bits of the kernel that does.
pub fn fold_of(fold: Fold, dtype: DType) -> Option<crate::graph::engine::Stretch> {
    if SLOW.get() { None } else { cpu::fold_of(fold, dtype) }
}

/// Device number n.
pub fn of(number: u8) -> Result<&'static dyn Device> {
    #[cfg(feature = "vulkan")]
    if number > 0 {
        return vulkan::open(number).map(|d| d as &dyn Device);
    }
    debug_assert_eq!(number, 0, "only Vulkan brings further devices");
    Ok(cpu())
}

/// Whether device number n can do an op on these dtypes.
pub fn takes(number: u8, prim: &Prim, ins: &[DType], out: DType) -> bool {
    number == 0 || of(number).is_ok_and(|d| d.takes(prim, ins, out))
}

/// Whether device number n takes kernels of rows.
pub fn takes_rows(number: u8) -> bool {
    of(number).is_ok_and(|d| d.takes_rows())
}

/// Whether device number n takes kernels of rows along other axes than the last.
pub fn takes_columns(number: u8) -> bool {
    of(number).is_ok_and(|d| d.takes_columns())
}

/// Whether device number n can run a kernel.
pub fn can(number: u8, kernel: &Kernel, slots: &[Slot]) -> bool {
    number == 0 || of(number).is_ok_and(|d| d.can(kernel, slots))
}

/// The source of a kernel on device number n, for a person.
pub fn source(number: u8, kernel: &Kernel, slots: &[Slot]) -> Option<String> {
    of(number).ok()?.source(kernel, slots)
}

/// The process ends: devices write down what the next one can use.
pub fn close() {
    #[cfg(feature = "vulkan")]
    vulkan::close();
}

/// One device, for `nevel devices`.
pub struct Listed {
    pub name: &'static str,
    pub what: String,
}

/// The devices besides the CPU, or why there are none.
pub fn others() -> Result<Vec<Listed>, String> {
    #[cfg(feature = "vulkan")]
    return vulkan::list();
    #[cfg(not(feature = "vulkan"))]
    Err("this nevel was built without Vulkan".into())
}

/// The place that a user's name means: `cpu`; `gpu` or `vulkan`, the best one; or as `others` lists it.
pub fn named(name: &str) -> Result<Place> {
    if name == "cpu" {
        return Ok(Place::CPU);
    }
    let others = others();
    let names: Vec<&str> = others.iter().flatten().map(|o| o.name).collect();
    let wanted = if name == "vulkan" { "gpu" } else { name };
    if let Some(at) = names.iter().position(|n| *n == wanted) {
        return Ok(Place::Tensor(at as u8 + 1));
    }
    let fault = Fault::new(format!("there is no device \"{name}\" here"));
    Err(match &others {
        Err(why) if name.starts_with("gpu") || name.starts_with("vulkan") => {
            let mut fault = fault;
            fault.message += &format!(": {why}");
            fault.hint("install the driver of your GPU; tensors go to \"cpu\" without one")
        }
        Ok(_) if names.contains(&"vulkan:cpu") && wanted.starts_with("gpu") => fault
            .hint("the only Vulkan device computes on the CPU, slower than \"cpu\" does; ask for it: \"vulkan:cpu\""),
        _ => fault.hint("devices() lists them"),
    })
}

/// Where tensors go unless somebody says otherwise: the best GPU, never one that only pretends, else the CPU.
pub fn best() -> Place {
    #[cfg(feature = "vulkan")]
    if let Ok(all) = vulkan::all()
        && all.first().is_some_and(|f| !f.software)
        && vulkan::open(1).is_ok()
    {
        return Place::Tensor(1);
    }
    Place::CPU
}

/// Lets go of what devices keep only to save time: called where memory runs out.
pub fn let_go() {
    #[cfg(feature = "vulkan")]
    vulkan::let_go();
}

/// Runs `f` on the reference device: the oracle of the tests. Plans made meanwhile are not shared with the fast one.
pub fn with_reference<R>(f: impl FnOnce() -> R) -> R {
    crate::plan::run::forget();
    SLOW.set(true);
    let r = f();
    SLOW.set(false);
    crate::plan::run::forget();
    r
}

impl Memory {
    /// Brings the arrays in these slots to the host, as far as they are not here.
    pub fn fetch(&self, slots: &[usize]) -> Result<()> {
        slots.iter().try_for_each(|&slot| match &self.bound[slot] {
            Bound::Buffer { buffer, .. } => buffer.fetch(),
            _ => Ok(()),
        })
    }

    /// Where a slot's array begins; for a number, where its bits lie.
    #[inline]
    pub fn pointer(&self, slot: usize, size: usize) -> *mut u8 {
        match &self.bound[slot] {
            Bound::Nothing => std::ptr::null_mut(),
            Bound::Number(bits) => (&raw const *bits).cast_mut().cast(),
            // SAFETY: the offset lies in the buffer.
            Bound::Buffer { buffer, offset } => unsafe { buffer.ptr().add(offset * size) },
        }
    }

    /// The bits of a slot that is one number or an array of one.
    pub fn number(&self, slot: usize, size: usize) -> u64 {
        let mut bits = 0u64;
        // SAFETY: the slot holds at least one element of `size` bytes.
        unsafe { std::ptr::copy_nonoverlapping(self.pointer(slot, size), (&raw mut bits).cast(), size) };
        bits
    }
}
