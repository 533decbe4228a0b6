//! Memory of a guest: the one file of the SDK that is unsafe by hand.
//!
//! An instance lives for one decision, so nothing is given back: memory is handed out from one end of an arena to the
//! other, and an allocation is an addition. The arena is what the linker left free of the instance's first memory, behind
//! stack and data, so that in common nothing grows; facts that need more have it grow. When there is no more, the guest
//! traps, and the host denies.

#![expect(unsafe_code, reason = "what hands out memory, and what the host asks for memory with, can't be otherwise")]

use std::alloc::{self, Layout};
use std::ptr::NonNull;

/// Memory that the bindings hand to the host.
pub(crate) struct Cleanup(NonNull<u8>, Layout);

impl Cleanup {
    /// Allocates; null where nothing is asked for.
    pub(crate) fn new(layout: Layout) -> (*mut u8, Option<Self>) {
        if layout.size() == 0 {
            return (std::ptr::null_mut(), None);
        }
        // SAFETY: the size is not zero.
        let memory = unsafe { alloc::alloc(layout) };
        match NonNull::new(memory) {
            Some(memory) => (memory.as_ptr(), Some(Self(memory, layout))),
            None => alloc::handle_alloc_error(layout),
        }
    }

    /// The host has it now.
    pub(crate) fn forget(self) {
        std::mem::forget(self);
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        // SAFETY: allocated in `new`, with this layout, and not yet given away.
        unsafe { alloc::dealloc(self.0.as_ptr(), self.1) }
    }
}

/// What the host asks for memory with, to put facts into: the `realloc` of the canonical ABI.
#[cfg(target_family = "wasm")]
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(old: *mut u8, old_size: usize, align: usize, new_size: usize) -> *mut u8 {
    // SAFETY: the host passes what the ABI says: an alignment, and either nothing or what it got here before.
    unsafe {
        let memory = if old_size == 0 {
            if new_size == 0 {
                return std::ptr::without_provenance_mut(align);
            }
            alloc::alloc(Layout::from_size_align_unchecked(new_size, align))
        } else {
            alloc::realloc(old, Layout::from_size_align_unchecked(old_size, align), new_size)
        };
        if memory.is_null() {
            core::arch::wasm32::unreachable()
        }
        memory
    }
}

/// What the host asks for memory with where it hands all facts over as one block: nothing of it is ever given back, so that
/// texts and lists may lie in it side by side. Without the arena there is no such function, and each is allocated by itself.
#[cfg(all(target_family = "wasm", feature = "arena"))]
#[unsafe(export_name = "cronflow-policy-block")]
extern "C" fn block(size: usize) -> *mut u8 {
    let Ok(layout) = Layout::from_size_align(size.max(1), 8) else { core::arch::wasm32::unreachable() };
    // SAFETY: the size is not zero.
    let memory = unsafe { alloc::alloc(layout) };
    if memory.is_null() {
        core::arch::wasm32::unreachable()
    }
    memory
}

#[cfg(all(target_family = "wasm", feature = "arena"))]
mod arena {
    use std::alloc::{GlobalAlloc, Layout};
    use std::cell::Cell;

    const PAGE: usize = 64 << 10;

    /// Hands out memory and takes none back.
    struct Arena {
        /// The first free byte; 0 before the first allocation.
        next: Cell<usize>,
        /// The first byte behind the memory there is.
        end: Cell<usize>,
    }

    #[global_allocator]
    static ARENA: Arena = Arena { next: Cell::new(0), end: Cell::new(0) };

    unsafe extern "C" {
        /// Set by the linker: where stack and data end.
        static __heap_base: u8;
    }

    // SAFETY: a guest has one thread; threads are off in the sandbox.
    unsafe impl Sync for Arena {}

    // SAFETY: what is handed out lies within memory, is aligned, and is never handed out again.
    unsafe impl GlobalAlloc for Arena {
        #[inline]
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            if self.next.get() == 0 {
                self.next.set((&raw const __heap_base).addr());
                self.end.set(core::arch::wasm32::memory_size::<0>() * PAGE);
            }
            let Some(start) = self.next.get().checked_next_multiple_of(layout.align()) else {
                return std::ptr::null_mut();
            };
            let Some(end) = start.checked_add(layout.size()) else { return std::ptr::null_mut() };
            if end > self.end.get() && !self.grow(end) {
                return std::ptr::null_mut();
            }
            self.next.set(end);
            std::ptr::with_exposed_provenance_mut(start)
        }

        #[inline]
        unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}

        #[inline]
        unsafe fn realloc(&self, old: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
            // What was handed out last can grow where it is, as a text that is put together does.
            if old.addr() + layout.size() == self.next.get() {
                let end = old.addr().saturating_add(new_size);
                if end <= self.end.get() {
                    self.next.set(end);
                    return old;
                }
            }
            // SAFETY: the caller vouches for `layout` with the new size; both places are whole and apart.
            unsafe {
                let new = self.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
                if !new.is_null() {
                    std::ptr::copy_nonoverlapping(old, new, layout.size().min(new_size));
                }
                new
            }
        }
    }

    impl Arena {
        #[cold]
        fn grow(&self, end: usize) -> bool {
            let pages = (end - self.end.get()).div_ceil(PAGE);
            let grown = core::arch::wasm32::memory_grow::<0>(pages) != usize::MAX;
            if grown {
                self.end.set(self.end.get() + pages * PAGE);
            }
            grown
        }
    }
}
