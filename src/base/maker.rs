//! Who made the CPU: what pays before or past the caches differs between them, and no instruction tells it.

use std::sync::OnceLock;

/// Whether this is one of Intel's.
pub fn is_intel() -> bool {
    static HERE: OnceLock<bool> = OnceLock::new();
    *HERE.get_or_init(|| maker() == *b"GenuineIntel")
}

#[cfg(target_arch = "x86_64")]
fn maker() -> [u8; 12] {
    let leaf = std::arch::x86_64::__cpuid(0);
    let mut name = [0; 12];
    for (to, word) in name.chunks_exact_mut(4).zip([leaf.ebx, leaf.edx, leaf.ecx]) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    name
}

#[cfg(not(target_arch = "x86_64"))]
fn maker() -> [u8; 12] {
    [0; 12]
}
