//! Text that is safe and aligned: names come from files and may hold anything.

use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

/// Characters that move a terminal's cursor, change its colours, or turn the direction of reading.
fn moves(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}')
}

/// The text without such characters, other than the ends of lines.
pub(crate) fn clean(text: &str) -> String {
    shown(text, |c| c != '\n' && moves(c))
}

/// The same in one line.
pub(crate) fn one_line(text: &str) -> String {
    shown(text, moves)
}

fn shown(text: &str, hidden: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match hidden(c) {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out
}

/// At most `most` characters, the last of them `…` where there were more.
pub(crate) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
        None => text.to_string(),
    }
}

/// Rows in aligned columns, two spaces between them, no spaces at the ends of lines.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, &width) in row.iter().zip(&widths) {
            let room = width - cell.width() + 2;
            write!(line, "{cell}{:room$}", "").expect("a string takes all");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_moves_the_cursor() {
        assert_eq!(clean("a\u{1b}[31m\u{202e}\nb\t"), "a\\u{1b}[31m\\u{202e}\nb\\t");
        assert_eq!(one_line("a\nb"), "a\\nb");
    }

    #[test]
    fn columns_are_aligned_by_what_is_seen() {
        let rows = [["权重", "1"], ["b", "2"]].map(|row| row.map(String::from).to_vec());
        assert_eq!(table(&rows), "权重  1\nb     2\n");
        assert_eq!((cut("abc", 3), cut("abcd", 3)), ("abc".into(), "ab…".into()));
    }
}
