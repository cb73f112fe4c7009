//! A small cache: what was worked out for a function of the house, found again in a few nanoseconds.
//!
//! Keys are addresses of static records, some low bits of them used for more; a newcomer takes the place of whoever
//! had it.

/// Places; a power of two.
const SIZE: usize = 256;

/// Values by address.
pub struct Cache<V> {
    places: Vec<Option<(usize, V)>>,
}

impl<V> Default for Cache<V> {
    fn default() -> Cache<V> {
        Cache { places: vec![] }
    }
}

impl<V: Clone> Cache<V> {
    #[inline]
    pub fn get(&self, key: usize) -> Option<&V> {
        match self.places.get(place(key)) {
            Some(Some((k, v))) if *k == key => Some(v),
            _ => None,
        }
    }

    pub fn put(&mut self, key: usize, v: V) {
        if self.places.is_empty() {
            self.places.resize(SIZE, None);
        }
        self.places[place(key)] = Some((key, v));
    }
}

#[inline]
fn place(key: usize) -> usize {
    (key ^ key >> 8 ^ key >> 16 ^ key >> 56) % SIZE
}
