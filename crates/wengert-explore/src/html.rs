//! The explorer as one HTML file that opens from disk: its parts and a trace put together.
//!
//! The parts stand in `page/`, each with one idea, and are joined in an order in which a file only needs those
//! before it. There is no framework, no network and no server. Two things make a page safe whatever names are
//! in its trace: `<` is written as `\u003c`, so that no text ends the element that holds the data; and a
//! Content-Security-Policy names the hashes of the one style and the one script, and allows nothing else.

use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const PAGE: &str = include_str!("../page/page.html");
static STYLE: LazyLock<String> = LazyLock::new(|| without_spaces(include_str!("../page/style.css")));

/// In the order in which they are joined.
const SCRIPTS: &[&str] = &[
    include_str!("../page/strings.en.js"),
    include_str!("../page/strings.zh.js"),
    include_str!("../page/dom.js"),
    include_str!("../page/language.js"),
    include_str!("../page/numbers.js"),
    include_str!("../page/arithmetic.js"),
    include_str!("../page/rules.js"),
    include_str!("../page/tensors.js"),
    include_str!("../page/trace.js"),
    include_str!("../page/check.js"),
    include_str!("../page/replay.js"),
    include_str!("../page/explain.js"),
    include_str!("../page/why.js"),
    include_str!("../page/alerts.js"),
    include_str!("../page/timeline.js"),
    include_str!("../page/rows.js"),
    include_str!("../page/tape.js"),
    include_str!("../page/heatmap.js"),
    include_str!("../page/equation.js"),
    include_str!("../page/inspector.js"),
    include_str!("../page/layout.js"),
    include_str!("../page/graph.js"),
    include_str!("../page/flow.js"),
    include_str!("../page/whatif.js"),
    include_str!("../page/quiz.js"),
    include_str!("../page/keys.js"),
    include_str!("../page/main.js"),
];

static SCRIPT: LazyLock<String> = LazyLock::new(|| {
    let parts: String = SCRIPTS.iter().map(|part| without_comments(part)).collect();
    format!("(() => {{\n\"use strict\";\n{parts}}})();\n")
});

/// Without indentation, empty lines, lines that are a comment, and spaces around signs that stand in no literal:
/// a quarter of the text. No literal of the scripts runs over several lines.
fn without_comments(script: &str) -> String {
    let lines = script.lines().map(str::trim).filter(|line| !line.is_empty());
    let code = lines.filter(|line| !line.starts_with("//") && !line.starts_with("/**"));
    let code: String = code.flat_map(|line| [line, "\n"]).collect();
    let spaces = [" => ", " === ", " !== ", " && ", " || ", " ? ", " : ", ") {", "{ ", " }"];
    spaces.iter().fold(code, |code, space| code.replace(space, &space.replace(' ', "")))
}

/// Without the spaces that a style does not need; ours has none of these inside of strings or selectors.
fn without_spaces(style: &str) -> String {
    let lines: Vec<&str> = style.split('\n').map(str::trim).collect();
    let spaces = [": ", "; ", " {", "{ ", " }", ", ", ",\n", "{\n", ";\n"];
    spaces.iter().fold(lines.join("\n"), |style, space| style.replace(space, space.trim()))
}

/// The page, with its policy, around the places of title and trace.
static SHELL: LazyLock<String> = LazyLock::new(|| {
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; base-uri 'none'; form-action 'none'",
        hash(&SCRIPT),
        hash(&STYLE)
    );
    let page: Vec<&str> = PAGE.lines().map(str::trim).collect();
    let page = page.join("\n") + "\n";
    page.replace("{{policy}}", &policy).replace("{{style}}", &STYLE).replace("{{script}}", &SCRIPT)
});

/// The explorer's page for a trace in JSON (`wengert.trace/1`): a whole HTML file.
///
/// It opens from disk without a network, in English or Chinese as the browser prefers. Its own code is
/// the same for every trace, below 150 KB beside its texts in two languages; the rest of the file is `json`.
///
/// ```
/// let page = wengert_explore::html::page(r#"{"format": "wengert.trace/1", "dtype": "f64", "nodes": []}"#, "y = x²");
/// assert!(page.starts_with("<!DOCTYPE html>") && page.contains("<title>y = x²</title>"));
/// ```
pub fn page(json: &str, title: &str) -> String {
    // In JSON `<` only stands inside strings, where the escape means the same.
    let data = json.replace('<', "\\u003c");
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    // Each place is split at once, so that nothing in title or trace is taken for another place.
    let (before, rest) = SHELL.split_once("{{title}}").expect("the page has a place for its title");
    let (between, after) = rest.split_once("{{trace}}").expect("the page has a place for its trace");
    [before, &title, between, &data, after].concat()
}

/// As a Content-Security-Policy names it: `sha256-` and the digest in base 64.
fn hash(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut result = String::from("sha256-");
    for three in Sha256::digest(text).chunks(3) {
        let bits =
            three.iter().enumerate().fold(0, |bits, (i, &byte)| bits | u32::from(byte) << (16 - 8 * i));
        for i in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * i)) as usize & 63] as char;
            result.push(if i <= three.len() { digit } else { '=' });
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_standard() {
        assert_eq!(hash("abc"), "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    }

    #[test]
    fn the_policy_names_what_stands_between_the_tags() {
        let page = page("{}", "");
        for (tag, text) in [("<style>", STYLE.as_str()), ("<script>", SCRIPT.as_str())] {
            let inside =
                page.split_once(tag).and_then(|(_, rest)| rest.split_once("</")).map(|(inside, _)| inside);
            assert_eq!(inside, Some(text), "{tag} ends early");
            assert!(page.contains(&hash(text)));
        }
    }

    #[test]
    fn no_name_ends_the_data_or_becomes_another_place() {
        let page = page(r#"{"title": "</script><script>alert(1)</script>{{trace}}"}"#, "</title>{{trace}}");
        assert_eq!(page.matches("</script>").count(), 2);
        assert!(page.contains(r"\u003c/script>\u003cscript>"));
        assert!(page.contains("<title>&lt;/title>{{trace}}</title>"));
    }

    #[test]
    fn the_pages_own_code_is_below_150_kilobytes_beside_its_texts() {
        let texts: usize = SCRIPTS[..2].iter().map(|texts| texts.len()).sum();
        assert!(SHELL.len() - texts < 150_000, "{} bytes", SHELL.len() - texts);
    }
}
