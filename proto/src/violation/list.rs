//! Reading lists.

use std::{collections::HashMap, hash::Hash};

use super::{Path, Violations};

/// Notes a list that is too long.
pub fn check_count(count: usize, max: usize, path: &Path<'_>, violations: &mut Violations) {
    if count > max {
        violations.add(path, format_args!("are {count}; give {max} at the most"));
    }
}

/// Reads items that must be distinct and not too many. Those that cannot be read are not in the
/// result.
pub fn distinct<I, T: Clone + Eq + Hash>(
    wire: impl ExactSizeIterator<Item = I>,
    max: usize,
    path: &Path<'_>,
    violations: &mut Violations,
    mut read: impl FnMut(I, &Path<'_>, &mut Violations) -> Option<T>,
) -> Vec<T> {
    check_count(wire.len(), max, path, violations);
    let mut items = Vec::with_capacity(wire.len().min(max));
    let mut seen: HashMap<T, usize> = HashMap::new();
    for (at, wire) in wire.enumerate().take(max) {
        let path = path.item(at);
        let Some(item) = read(wire, &path, violations) else { continue };
        if let Some(first) = seen.insert(item.clone(), at) {
            violations
                .add(&path, format_args!("is the same as number {first} of the list, counted from 0; give it once"));
        }
        items.push(item);
    }
    items
}
