//! Parameters as they lie in a guest's memory: what the canonical ABI of the component model says of storing values, for
//! the few types that facts are made of. <https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md>
//!
//! A module that takes its parameters as one block gets them copied as a whole, where the ABI would have the host ask for
//! memory for each text and each list anew.

use super::facts::{AttributeView, FactsView};

/// How a value lies in memory: `store` of the canonical ABI.
pub(super) trait Stored {
    /// What a multiple of its address is.
    const ALIGN: usize;
    /// Bytes that it takes where it stands; what it points at comes behind.
    const SIZE: usize;

    /// Writes it at `at`, where there is room, and what it points at behind everything so far.
    fn store(&self, image: &mut Image, at: usize);
}

/// Bytes, and where in them are places: counted from the beginning until it is known where they come to lie.
#[derive(Debug, Default)]
pub(super) struct Image {
    bytes: Vec<u8>,
    places: Vec<usize>,
}

/// What a block is a multiple of, and where it begins.
pub(super) const BLOCK_ALIGN: usize = 8;
/// Where the settings' place is told, among the parameters of `evaluate`.
const SETTINGS_AT: usize = FactsView::SIZE;

impl Image {
    /// Parameters of `evaluate`, but for the settings: the facts, and room for where the settings are.
    pub(super) fn params(facts: &FactsView<'_>) -> Self {
        let mut image = Self { bytes: Vec::with_capacity(2_048), places: Vec::with_capacity(64) };
        let at = image.reserve(SETTINGS_AT + <&[AttributeView<'_>]>::SIZE, BLOCK_ALIGN);
        facts.store(&mut image, at);
        image.reserve(0, BLOCK_ALIGN);
        image
    }

    /// The settings, from their first on.
    pub(super) fn list(settings: &[AttributeView<'_>]) -> Self {
        let mut image = Self::default();
        image.items(settings);
        image
    }

    /// Bytes that it takes.
    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Puts it into memory from `base` on; `None` where it does not fit.
    pub(super) fn put(&self, memory: &mut [u8], base: usize) -> Option<()> {
        let place = memory.get_mut(base..base.checked_add(self.len())?)?;
        place.copy_from_slice(&self.bytes);
        let base = u32::try_from(base).ok()?;
        for at in &self.places {
            let told = place.get_mut(*at..)?.first_chunk_mut()?;
            *told = u32::from_le_bytes(*told).checked_add(base)?.to_le_bytes();
        }
        Some(())
    }

    /// Tells the parameters of `evaluate`, which lie from `base` on, where the settings are and how many.
    pub(super) fn tell_settings(memory: &mut [u8], base: usize, at: usize, count: usize) -> Option<()> {
        let told = memory.get_mut(base.checked_add(SETTINGS_AT)?..)?.first_chunk_mut()?;
        *told = pair(at, count)?;
        Some(())
    }

    /// Room behind everything so far.
    fn reserve(&mut self, size: usize, align: usize) -> usize {
        let at = self.bytes.len().next_multiple_of(align);
        self.bytes.resize(at + size, 0);
        at
    }

    pub(super) fn write<const N: usize>(&mut self, at: usize, bytes: [u8; N]) {
        if let Some(place) = self.bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
            *place = bytes;
        }
    }

    fn items<T: Stored>(&mut self, items: &[T]) -> usize {
        let start = self.reserve(items.len() * T::SIZE, T::ALIGN);
        for (place, item) in items.iter().enumerate() {
            item.store(self, start + place * T::SIZE);
        }
        start
    }

    /// Where something is, and how many there are.
    fn point(&mut self, at: usize, start: usize, count: usize) {
        // Facts are held to a size far below: what would not fit is nowhere, and no memory holds it.
        self.write(at, pair(start, count).unwrap_or([u8::MAX; 8]));
        self.places.push(at);
    }
}

fn pair(start: usize, count: usize) -> Option<[u8; 8]> {
    let (start, count) = (u32::try_from(start).ok()?, u32::try_from(count).ok()?);
    Some((u64::from(start) | u64::from(count) << 32).to_le_bytes())
}

impl Stored for i64 {
    const ALIGN: usize = 8;
    const SIZE: usize = 8;

    fn store(&self, image: &mut Image, at: usize) {
        image.write(at, self.to_le_bytes());
    }
}

impl Stored for &str {
    const ALIGN: usize = 4;
    const SIZE: usize = 8;

    fn store(&self, image: &mut Image, at: usize) {
        let start = image.bytes.len();
        image.bytes.extend_from_slice(self.as_bytes());
        image.point(at, start, self.len());
    }
}

impl Stored for String {
    const ALIGN: usize = 4;
    const SIZE: usize = 8;

    fn store(&self, image: &mut Image, at: usize) {
        self.as_str().store(image, at);
    }
}

impl<T: Stored> Stored for &[T] {
    const ALIGN: usize = 4;
    const SIZE: usize = 8;

    fn store(&self, image: &mut Image, at: usize) {
        let start = image.items(self);
        image.point(at, start, self.len());
    }
}

impl<T: Stored> Stored for Vec<T> {
    const ALIGN: usize = 4;
    const SIZE: usize = 8;

    fn store(&self, image: &mut Image, at: usize) {
        self.as_slice().store(image, at);
    }
}

impl<T: Stored> Stored for Option<T> {
    const ALIGN: usize = T::ALIGN;
    const SIZE: usize = T::ALIGN + T::SIZE;

    fn store(&self, image: &mut Image, at: usize) {
        if let Some(value) = self {
            image.write(at, [1]);
            value.store(image, at + T::ALIGN);
        }
    }
}

/// How a record lies in memory: its fields one after the other, each at a multiple of what it wants.
macro_rules! stored {
    ($view:ident { $($field:ident: $type:ty),+ $(,)? }) => {
        impl $crate::wasm::image::Stored for $view<'_> {
            const ALIGN: usize = {
                let mut most = 1;
                $(if <$type as $crate::wasm::image::Stored>::ALIGN > most {
                    most = <$type as $crate::wasm::image::Stored>::ALIGN;
                })+
                most
            };
            const SIZE: usize = {
                let mut end = 0_usize;
                $(end = end.next_multiple_of(<$type as $crate::wasm::image::Stored>::ALIGN)
                    + <$type as $crate::wasm::image::Stored>::SIZE;)+
                end.next_multiple_of(Self::ALIGN)
            };

            fn store(&self, image: &mut $crate::wasm::image::Image, mut at: usize) {
                let Self { $($field),+ } = self;
                $(at = at.next_multiple_of(<$type as $crate::wasm::image::Stored>::ALIGN);
                $crate::wasm::image::Stored::store($field, image, at);
                at += <$type as $crate::wasm::image::Stored>::SIZE;)+
                let _ = at;
            }
        }
    };
}
pub(super) use stored;
