//! Reading the keys of consumers.

use std::ops::Bound;

use super::{DEFAULT_PAGE, PageToken};
use crate::registry::model::{Consumer, ConsumerName, Desired, KeptKey, KeyId};

/// Which keys to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyQuery {
    /// Whose; everybody's without.
    pub consumer: Option<ConsumerName>,
    /// At most so many; 0 means the default, 100.
    pub page_size: u32,
    /// Only keys after this one.
    pub after: Option<KeyPlace>,
}

/// A key's place among all keys, which are in the order of consumers and ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPlace {
    /// Whose it is.
    pub consumer: ConsumerName,
    /// Its id.
    pub id: KeyId,
}

impl KeyPlace {
    /// Reads the place with which a page ended.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (consumer, id) = text.split_once('/')?;
        Some(Self { consumer: ConsumerName::parse(consumer)?, id: KeyId::parse(id)? })
    }
}

/// Some keys, each with whose it is.
#[derive(Debug, Clone, Default)]
pub struct KeyPage {
    /// In the order of consumers and ids.
    pub items: Vec<(ConsumerName, KeptKey)>,
    /// For the next page; empty on the last.
    pub next_page_token: String,
}

/// The page that a query asks for. Keys are small, so that only their number counts.
#[must_use]
pub fn page(desired: &Desired, query: &KeyQuery) -> KeyPage {
    let KeyQuery { consumer, page_size, after } = query;
    let count = usize::try_from(if *page_size == 0 { DEFAULT_PAGE } else { *page_size }).unwrap_or(usize::MAX);
    // The last key's consumer may have more.
    let first = consumer.as_ref().max(after.as_ref().map(|after| &after.consumer));
    let start = first.map_or(Bound::Unbounded, Bound::Included);
    let consumers = desired.consumers.range::<_, ConsumerName>((start, Bound::Unbounded));
    let wanted = consumers.take_while(|(name, _)| consumer.as_ref().is_none_or(|consumer| consumer == *name));
    let is_later = |of: &Consumer, key: &KeptKey| {
        after.as_ref().is_none_or(|after| (&of.name, &key.id) > (&after.consumer, &after.id))
    };
    let keys = wanted.flat_map(|(_, of)| of.keys.iter().map(move |key| (of, key)));
    let mut page = KeyPage::default();
    for (of, key) in keys.filter(|(of, key)| is_later(of, key)) {
        if page.items.len() == count {
            let last = page.items.last().map(|(name, key)| PageToken::write(&format!("{name}/{}", key.id)));
            page.next_page_token = last.unwrap_or_default();
            break;
        }
        page.items.push((of.name.clone(), key.clone()));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::{KeyPlace, KeyQuery, page};
    use crate::registry::{
        list::PageToken,
        model::{Consumer, Desired},
        sample,
    };

    fn desired() -> Desired {
        let mut desired = Desired::default();
        for (name, numbers) in [("anna", &[1, 4, 9][..]), ("ben", &[]), ("carl", &[2]), ("dora", &[3, 5])] {
            let keys = numbers.iter().copied().map(sample::key).collect();
            desired.put(Consumer { keys, ..sample::consumer(name, &[]) }.into());
        }
        desired
    }

    fn all_pages(desired: &Desired, mut query: KeyQuery) -> Vec<Vec<String>> {
        let mut pages = Vec::new();
        loop {
            let page = page(desired, &query);
            pages.push(page.items.iter().map(|(name, key)| format!("{name} {}", &key.id.as_str()[11..])).collect());
            if page.next_page_token.is_empty() {
                return pages;
            }
            query.after = PageToken::read(&page.next_page_token).and_then(|place| KeyPlace::read(&place));
            assert!(query.after.is_some());
        }
    }

    #[test]
    fn pages_fit_together_in_the_order_of_consumers_and_ids() {
        let query = |page_size| KeyQuery { page_size, ..KeyQuery::default() };
        let expected = [vec!["anna 1", "anna 4"], vec!["anna 9", "carl 2"], vec!["dora 3", "dora 5"]];
        assert_eq!(all_pages(&desired(), query(2)), expected);
        assert_eq!(all_pages(&desired(), query(0)), [expected.concat()]);
        assert_eq!(all_pages(&Desired::default(), query(1)), [[""; 0]]);
    }

    #[test]
    fn those_of_one_consumer_are_listed_alone() {
        let query = |name, page_size| KeyQuery {
            consumer: Some(sample::consumer_name(name)),
            page_size,
            ..KeyQuery::default()
        };
        assert_eq!(all_pages(&desired(), query("anna", 2)), [vec!["anna 1", "anna 4"], vec!["anna 9"]]);
        assert_eq!(all_pages(&desired(), query("carl", 1)), [["carl 2"]]);
        assert_eq!(all_pages(&desired(), query("ben", 1)), [[""; 0]]);
    }

    #[test]
    fn a_page_goes_on_after_the_last_key_even_if_that_is_gone() {
        let after = Some(KeyPlace { consumer: sample::consumer_name("anna"), id: sample::key(5).id });
        let query = KeyQuery { after, ..KeyQuery::default() };
        assert_eq!(all_pages(&desired(), query), [["anna 9", "carl 2", "dora 3", "dora 5"]]);
        for text in ["", "anna", "anna/", "Anna/000000000001", "anna/00000000000g", "/000000000001"] {
            assert_eq!(KeyPlace::read(text), None, "{text}");
        }
    }
}
