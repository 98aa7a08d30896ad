//! Aligned columns without lines.

use comfy_table::{ContentArrangement, Table, presets::NOTHING};

use super::text;

/// A table as text: wrapped to the terminal's width, or never where there is no terminal.
#[must_use]
pub fn grid<const COLUMNS: usize>(
    width: Option<u16>,
    header: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> String {
    let mut table = plain(width);
    table.set_header(header);
    table.add_rows(rows.into_iter().map(|row| row.map(|cell| text::escape(&cell))));
    finish(table)
}

/// A name and a value a line.
#[must_use]
pub fn pairs(width: Option<u16>, pairs: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let mut table = plain(width);
    table.add_rows(pairs.into_iter().map(|(name, value)| [format!("{name}:"), text::escape(&value)]));
    finish(table)
}

/// Texts with commas between; a dash where there is none.
#[must_use]
pub fn list<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    let joined = items.into_iter().collect::<Vec<_>>().join(", ");
    if joined.is_empty() { "-".to_owned() } else { joined }
}

/// The first few texts, and how many more there are.
#[must_use]
pub fn short_list(items: &[String]) -> String {
    const SHOWN: usize = 3;
    let shown = list(items.iter().take(SHOWN).map(String::as_str));
    match items.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn plain(width: Option<u16>) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table
}

fn finish(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::{grid, pairs, short_list};

    fn rows() -> Vec<[String; 2]> {
        vec![["mail".into(), "a.test, b.test, c.test".into()], ["a-longer-name".into(), "x\u{1b}[31my".into()]]
    }

    #[test]
    fn columns_are_aligned_and_nothing_is_wrapped_without_a_terminal() {
        let expected = "\
NAME           HOSTS
mail           a.test, b.test, c.test
a-longer-name  x\\u{1b}[31my";
        assert_eq!(grid(None, ["NAME", "HOSTS"], rows()), expected);
    }

    #[test]
    fn a_narrow_terminal_wraps_cells() {
        let text = grid(Some(30), ["NAME", "HOSTS"], rows());
        assert!(text.lines().all(|line| line.chars().count() <= 30), "{text}");
        assert!(text.lines().count() > 3, "{text}");
    }

    #[test]
    fn pairs_are_aligned() {
        assert_eq!(pairs(None, [("Name", "mail".into()), ("Revision", "7".into())]), "Name:      mail\nRevision:  7");
    }

    #[test]
    fn long_lists_are_cut() {
        let items: Vec<String> = (0..5).map(|n| n.to_string()).collect();
        assert_eq!(short_list(&items), "0, 1, 2 and 2 more");
        assert_eq!(short_list(&[]), "-");
    }
}
