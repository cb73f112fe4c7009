//! Stream: commands in the order in which they are given, sent to the device in batches.
//!
//! A launch only appends a plain command; `flush` records what waits into one command buffer, with raw calls (3 to 10 times
//! cheaper than vulkano's builder) and barriers of our own: one global barrier where a command reads what an earlier one
//! of the batch writes, or writes what one reads or writes; one at the start, against earlier batches; one at the end, for
//! the host. Only looking waits: in slices, so that Ctrl-C is seen.

use std::cell::Cell;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

use ash::vk;
use smallvec::SmallVec;
use vulkano::command_buffer::pool::{
    CommandBufferAllocateInfo, CommandPool, CommandPoolAlloc, CommandPoolCreateFlags, CommandPoolCreateInfo,
};
use vulkano::device::Device;
use vulkano::sync::fence::Fence;
use vulkano::{Validated, VulkanError, VulkanObject};

use super::compile::Pipe;
use super::context::Gpu;
use super::memory::Mem;
use super::options::Options;
use crate::base::{Fault, Result, interrupt};

/// Commands that wait at most before they are sent.
const LONGEST: usize = 256;
/// Batches on their way at most; whoever sends more waits for the oldest.
const MOST: usize = 32;
/// How long a wait lasts before it looks whether it is still wanted.
const SLICE: Duration = Duration::from_millis(20);

thread_local! {
    static WAITED: Cell<u64> = const { Cell::new(0) };
}

/// How often this thread waited for a device so far.
pub fn waited() -> u64 {
    WAITED.get()
}

/// A part of a buffer that a kernel binds.
#[derive(Clone, Copy)]
pub struct Bind {
    pub buffer: vk::Buffer,
    pub offset: u64,
    pub range: u64,
    pub write: bool,
}

/// Something for the device to do. Nearly all commands are runs.
#[allow(clippy::large_enum_variant)]
pub enum Command {
    Run {
        pipe: Arc<Pipe>,
        binds: SmallVec<[Bind; 6]>,
        words: SmallVec<[u32; 32]>,
        groups: [u32; 3],
    },
    /// From an offset of one buffer to an offset of another.
    Copy {
        from: (vk::Buffer, u64),
        to: (vk::Buffer, u64),
        bytes: u64,
    },
}

/// What was sent and may still run.
struct Batch {
    number: u64,
    fence: Fence,
    commands: CommandPoolAlloc,
    descriptors: vk::DescriptorPool,
}

/// The commands of a device. Batches are numbered from 1.
pub struct Stream {
    waiting: Vec<Command>,
    sent: u64,
    flight: VecDeque<Batch>,
    pool: CommandPool,
    spare: Vec<CommandPoolAlloc>,
}

impl Stream {
    pub fn new(device: &Arc<Device>, family: u32) -> Result<Stream, Validated<VulkanError>> {
        let info = CommandPoolCreateInfo {
            flags: CommandPoolCreateFlags::RESET_COMMAND_BUFFER | CommandPoolCreateFlags::TRANSIENT,
            queue_family_index: family,
            ..Default::default()
        };
        let pool = CommandPool::new(device.clone(), info)?;
        Ok(Stream { waiting: vec![], sent: 0, flight: VecDeque::new(), pool, spare: vec![] })
    }

    /// The number of the batch that a command given now belongs to.
    fn next(&self) -> u64 {
        self.sent + 1
    }
}

impl Gpu {
    fn stream(&self) -> Result<std::sync::MutexGuard<'_, Stream>> {
        self.stream.lock().map_err(|_| Fault::new("internal: a launch panicked"))
    }

    /// The number of the last batch that is known to be done; what it wrote is there to read, also if another thread waited for it.
    pub fn done(&self) -> u64 {
        self.finished.load(Acquire)
    }

    /// Appends a command that uses these buffers.
    pub fn push<'a>(&self, command: Command, uses: impl IntoIterator<Item = &'a Mem>) -> Result<()> {
        self.check()?;
        self.write_pokes()?;
        let mut s = self.stream()?;
        uses.into_iter().for_each(|m| m.last.store(s.next(), Relaxed));
        s.waiting.push(command);
        if s.waiting.len() >= LONGEST { self.send(&mut s) } else { Ok(()) }
    }

    /// Sends what waits.
    pub fn flush(&self) -> Result<()> {
        self.check()?;
        self.write_pokes()?;
        let mut s = self.stream()?;
        self.send(&mut s)
    }

    /// Waits until the last command that uses this memory is done.
    pub fn wait(&self, mem: &Mem) -> Result<()> {
        self.flush()?;
        self.wait_for(mem.last.load(Relaxed))
    }

    /// Waits until nothing is on its way.
    pub fn settle(&self) -> Result<()> {
        self.flush()?;
        let last = self.stream()?.sent;
        self.wait_for(last)
    }

    /// Waits for a batch in slices; Ctrl-C ends the waiting, not the batch.
    fn wait_for(&self, number: u64) -> Result<()> {
        WAITED.set(WAITED.get() + u64::from(self.done() < number));
        while self.done() < number {
            self.check()?;
            {
                let mut s = self.stream()?;
                self.reap(&mut s, SLICE)?;
            }
            interrupt::check()?;
        }
        Ok(())
    }

    /// Takes in the batches that are done, waiting at most `patience` for the oldest.
    fn reap(&self, s: &mut Stream, patience: Duration) -> Result<()> {
        let mut patience = Some(patience);
        while let Some(batch) = s.flight.front() {
            match batch.fence.wait(Some(patience.take().unwrap_or_default())) {
                Ok(()) => {}
                Err(VulkanError::Timeout) => break,
                Err(e) => return Err(self.fault("waiting", e)),
            }
            let Some(batch) = s.flight.pop_front() else { break };
            self.finished.fetch_max(batch.number, Release);
            if batch.descriptors != vk::DescriptorPool::null() {
                let destroy = self.device.fns().v1_0.destroy_descriptor_pool;
                // SAFETY: made by `record` for this batch, which is done.
                unsafe { destroy(self.handle(), batch.descriptors, std::ptr::null()) };
            }
            s.spare.push(batch.commands);
        }
        Ok(())
    }

    fn send(&self, s: &mut Stream) -> Result<()> {
        if s.waiting.is_empty() {
            return Ok(());
        }
        while s.flight.len() >= MOST {
            self.reap(s, SLICE)?;
            interrupt::check()?;
        }
        self.reap(s, Duration::ZERO)?;
        let number = s.next();
        if Options::get().lose.is_some_and(|n| number >= n) {
            return Err(self.fault("sending commands", VulkanError::DeviceLost));
        }
        let commands = match s.spare.pop() {
            Some(commands) => commands,
            None => {
                let one = CommandBufferAllocateInfo { command_buffer_count: 1, ..Default::default() };
                let made = s.pool.allocate_command_buffers(one).map_err(|e| self.fault("a command buffer", e))?.next();
                made.ok_or_else(|| Fault::new("internal: no command buffer"))?
            }
        };
        let fence = Fence::from_pool(self.device.clone()).map_err(|e| self.fault("a fence", e))?;
        // What could not be sent still waits: arrays that it makes are taken to be made.
        let descriptors = self.record(commands.handle(), &s.waiting)?;
        let handles = [commands.handle()];
        let info = vk::SubmitInfo::default().command_buffers(&handles);
        let submit = self.device.fns().v1_0.queue_submit;
        // SAFETY: recorded just now; buffers stay alive in the pool until this batch is done.
        let sent = self.queue.with(|_| unsafe { submit(self.queue.handle(), 1, &info, fence.handle()) });
        self.raw("sending commands", sent)?;
        s.waiting.clear();
        s.sent = number;
        s.flight.push_back(Batch { number, fence, commands, descriptors });
        Ok(())
    }

    /// Records commands; the pool of their descriptors, where they need one.
    fn record(&self, cb: vk::CommandBuffer, commands: &[Command]) -> Result<vk::DescriptorPool> {
        let f = &self.device.fns().v1_0;
        let begin = vk::CommandBufferBeginInfo::default().flags(vk::CommandBufferUsageFlags::ONE_TIME_SUBMIT);
        // SAFETY: the buffer is not on its way; its pool lets single buffers be reset, which beginning does.
        self.raw("recording", unsafe { (f.begin_command_buffer)(cb, &begin) })?;
        let descriptors =
            if self.caps.push_descriptors { vk::DescriptorPool::null() } else { self.sets_for(commands)? };
        self.barrier(cb, false);
        let (mut read, mut written): (HashSet<vk::Buffer>, HashSet<vk::Buffer>) = Default::default();
        let mut bound = vk::Pipeline::null();
        for command in commands {
            let uses = command.uses();
            let clash = |(b, write): &(vk::Buffer, bool)| written.contains(b) || (*write && read.contains(b));
            if uses.iter().any(clash) {
                self.barrier(cb, false);
                read.clear();
                written.clear();
            }
            uses.iter().for_each(|(b, write)| {
                if *write {
                    written.insert(*b)
                } else {
                    read.insert(*b)
                };
            });
            self.one(cb, command, descriptors, &mut bound)?;
        }
        self.barrier(cb, true);
        // SAFETY: begun above.
        self.raw("recording", unsafe { (f.end_command_buffer)(cb) })?;
        Ok(descriptors)
    }

    /// Everything before is done and seen by everything after; at the end also by the host.
    fn barrier(&self, cb: vk::CommandBuffer, host: bool) {
        use vk::{AccessFlags as A, PipelineStageFlags as P};
        let wrote = A::SHADER_WRITE | A::TRANSFER_WRITE;
        let sees = A::SHADER_READ | A::SHADER_WRITE | A::TRANSFER_READ | A::TRANSFER_WRITE;
        let both = P::COMPUTE_SHADER | P::TRANSFER;
        let (to, seen) = if host { (P::HOST, A::HOST_READ) } else { (both, sees) };
        let memory = vk::MemoryBarrier::default().src_access_mask(wrote).dst_access_mask(seen);
        let f = self.device.fns().v1_0.cmd_pipeline_barrier;
        let none = vk::DependencyFlags::empty();
        // SAFETY: the command buffer is being recorded.
        unsafe { f(cb, both, to, none, 1, &memory, 0, std::ptr::null(), 0, std::ptr::null()) };
    }

    fn one(
        &self,
        cb: vk::CommandBuffer,
        command: &Command,
        descriptors: vk::DescriptorPool,
        bound: &mut vk::Pipeline,
    ) -> Result<()> {
        let f = &self.device.fns().v1_0;
        match command {
            Command::Copy { from, to, bytes } => {
                let part = vk::BufferCopy { src_offset: from.1, dst_offset: to.1, size: *bytes };
                // SAFETY: both hold as many bytes behind their offsets, and differ.
                unsafe { (f.cmd_copy_buffer)(cb, from.0, to.0, 1, &part) };
            }
            Command::Run { pipe, binds, words, groups } => {
                // SAFETY: the pipeline lives as long as the device; the layout has a binding for each buffer.
                unsafe {
                    if *bound != pipe.handle() {
                        (f.cmd_bind_pipeline)(cb, vk::PipelineBindPoint::COMPUTE, pipe.handle());
                        *bound = pipe.handle();
                    }
                    self.bind(cb, pipe, binds, descriptors)?;
                    if !words.is_empty() {
                        let (stage, bytes) = (vk::ShaderStageFlags::COMPUTE, 4 * words.len() as u32);
                        (f.cmd_push_constants)(cb, pipe.layout(), stage, 0, bytes, words.as_ptr().cast());
                    }
                    (f.cmd_dispatch)(cb, groups[0], groups[1], groups[2]);
                }
            }
        }
        Ok(())
    }

    /// # Safety
    /// The command buffer is being recorded, and the pipe's layout has a binding for each buffer.
    unsafe fn bind(
        &self,
        cb: vk::CommandBuffer,
        pipe: &Pipe,
        binds: &[Bind],
        descriptors: vk::DescriptorPool,
    ) -> Result<()> {
        let part = |b: &Bind| vk::DescriptorBufferInfo { buffer: b.buffer, offset: b.offset, range: b.range };
        let infos: SmallVec<[vk::DescriptorBufferInfo; 8]> = binds.iter().map(part).collect();
        let point = vk::PipelineBindPoint::COMPUTE;
        // Consecutive bindings of one kind are one write.
        let mut write = vk::WriteDescriptorSet::default()
            .dst_binding(0)
            .descriptor_type(vk::DescriptorType::STORAGE_BUFFER)
            .buffer_info(&infos);
        let fns = self.device.fns();
        if descriptors == vk::DescriptorPool::null() {
            // SAFETY: the caller's; push descriptors are enabled.
            unsafe {
                (fns.khr_push_descriptor.cmd_push_descriptor_set_khr)(cb, point, pipe.layout(), 0, 1, &write);
            }
            return Ok(());
        }
        let layouts = [pipe.set_layout()];
        let info = vk::DescriptorSetAllocateInfo::default().descriptor_pool(descriptors).set_layouts(&layouts);
        let mut set = vk::DescriptorSet::null();
        // SAFETY: the pool was made with room for all sets of this batch.
        unsafe {
            self.raw("a descriptor set", (fns.v1_0.allocate_descriptor_sets)(self.handle(), &info, &mut set))?;
            write.dst_set = set;
            (fns.v1_0.update_descriptor_sets)(self.handle(), 1, &write, 0, std::ptr::null());
            (fns.v1_0.cmd_bind_descriptor_sets)(cb, point, pipe.layout(), 0, 1, &set, 0, std::ptr::null());
        }
        Ok(())
    }

    /// A pool with room for the descriptors of these commands.
    fn sets_for(&self, commands: &[Command]) -> Result<vk::DescriptorPool> {
        let runs = commands.iter().filter_map(|c| if let Command::Run { binds, .. } = c { Some(binds) } else { None });
        let (sets, all) = runs.fold((0u32, 0u32), |(n, all), b| (n + 1, all + b.len() as u32));
        let sizes = [vk::DescriptorPoolSize { ty: vk::DescriptorType::STORAGE_BUFFER, descriptor_count: all.max(1) }];
        let info = vk::DescriptorPoolCreateInfo::default().max_sets(sets.max(1)).pool_sizes(&sizes);
        let mut pool = vk::DescriptorPool::null();
        let create = self.device.fns().v1_0.create_descriptor_pool;
        // SAFETY: plain creation; destroyed when the batch is done.
        self.raw("descriptors", unsafe { create(self.handle(), &info, std::ptr::null(), &mut pool) })?;
        Ok(pool)
    }
}

impl Command {
    /// The buffers it uses, and whether it writes them.
    fn uses(&self) -> SmallVec<[(vk::Buffer, bool); 8]> {
        match self {
            Command::Run { binds, .. } => binds.iter().map(|b| (b.buffer, b.write)).collect(),
            Command::Copy { from, to, .. } => [(from.0, false), (to.0, true)].into_iter().collect(),
        }
    }
}
