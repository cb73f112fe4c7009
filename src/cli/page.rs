//! Help pages: signature, prose, examples, gradient.
//!
//! In: what a function says about itself. Out: text for the terminal. `?name`, `help(name)` and `nevel doc` show it.

use crate::show::Style;

/// What a page is made of.
#[derive(Default)]
pub struct Page {
    pub signature: String,
    /// Prose, then examples in the `> ` notation; every line may begin with one blank.
    pub doc: String,
    /// The gradient rule in words, where there is one.
    pub gradient: Option<String>,
}

impl Page {
    /// The page as it is shown.
    pub fn text(&self, style: &Style) -> String {
        let mut out = format!("{}\n", strong(&self.signature, style));
        let mut example = false;
        for (i, line) in self.doc.trim_end().lines().enumerate() {
            let line = line.strip_prefix(' ').unwrap_or(line).trim_end();
            if i == 0 {
                out.push('\n');
            }
            example = line.starts_with("> ") || (example && !line.is_empty());
            let shown = match line {
                _ if line.starts_with("> ") && style.color => super::repl::highlight::highlight(line, usize::MAX),
                _ => line.to_string(),
            };
            out.push_str(format!("{}{shown}", if example { "    " } else { "" }).trim_end());
            out.push('\n');
        }
        if let Some(rule) = &self.gradient {
            out.push_str(&format!("\nGradient: {rule}\n"));
        }
        out
    }

    /// The first sentence.
    pub fn about(&self) -> &str {
        self.doc.trim().lines().next().unwrap_or("").trim()
    }
}

fn strong(text: &str, style: &Style) -> String {
    if style.color { format!("\x1b[1m{text}\x1b[0m") } else { text.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_all_parts() {
        let page = Page {
            signature: "exp(x)".into(),
            doc: " e raised to each element.\n\n > exp([0, 1])\n [1, 2.71828]\n\n More.\n".into(),
            gradient: Some("x: g * y".into()),
        };
        let want = "exp(x)\n\ne raised to each element.\n\n    > exp([0, 1])\n    [1, 2.71828]\n\nMore.\n\nGradient: x: g * y\n";
        assert_eq!(page.text(&Style::PLAIN), want);
        assert_eq!(page.about(), "e raised to each element.");
    }
}
