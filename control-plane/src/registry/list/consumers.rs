//! Reading consumers.

use std::{ops::Bound, sync::Arc};

use super::{Page, cut};
use crate::registry::model::{Consumer, ConsumerName, Desired};

/// What to list: consumers that meet every given part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConsumerQuery {
    /// He is in this group.
    pub group: Option<String>,
    /// At most so many; 0 means the default, 100.
    pub page_size: u32,
    /// Only names after this one.
    pub after: Option<ConsumerName>,
}

/// The page that a query asks for.
#[must_use]
pub fn page(desired: &Desired, query: &ConsumerQuery) -> Page<Consumer> {
    let ConsumerQuery { group, page_size, after } = query;
    let start = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
    let rest = desired.consumers.range::<_, ConsumerName>((start, Bound::Unbounded)).map(|(_, consumer)| consumer);
    let is_in = |consumer: &&Arc<Consumer>| group.as_ref().is_none_or(|group| consumer.groups.contains(group));
    cut(rest.filter(is_in), *page_size, desired.revision, |consumer| consumer.name.as_str(), Consumer::encoded_len)
}

#[cfg(test)]
mod tests {
    use super::{ConsumerQuery, page};
    use crate::registry::{
        list::{Page, PageToken},
        model::{Consumer, ConsumerName, Desired, Revision},
        sample,
    };

    fn names(page: &Page<Consumer>) -> Vec<String> {
        page.items.iter().map(|consumer| consumer.name.to_string()).collect()
    }

    #[test]
    fn pages_of_a_group_fit_together_in_the_order_of_names() {
        let mut desired = Desired::default();
        desired.revision = Revision(7);
        for (name, groups) in [("d", &["g"][..]), ("a", &["g", "h"]), ("c", &[]), ("b", &["h"]), ("e", &["g"])] {
            desired.put(sample::consumer(name, groups).into());
        }
        let mut query = ConsumerQuery { group: Some("g".into()), page_size: 2, ..ConsumerQuery::default() };
        let first = page(&desired, &query);
        assert_eq!((names(&first), first.revision), (vec!["a".to_owned(), "d".to_owned()], Revision(7)));
        query.after = PageToken::read(&first.next_page_token).and_then(|name| ConsumerName::parse(&name));
        let second = page(&desired, &query);
        assert_eq!((names(&second), &*second.next_page_token), (vec!["e".to_owned()], ""));
        assert_eq!(names(&page(&desired, &ConsumerQuery::default())).len(), 5);
        let nobody = ConsumerQuery { group: Some("x".into()), ..ConsumerQuery::default() };
        assert!(names(&page(&desired, &nobody)).is_empty());
    }
}
