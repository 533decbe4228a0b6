//! Text as HTML.

/// Text, with what means something in HTML escaped; fit for attributes in double quotes, too.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Text as code.
pub(super) fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

/// Texts as code, with commas between.
pub(super) fn codes<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> String {
    texts.into_iter().map(|text| code(text.as_ref())).collect::<Vec<_>>().join(", ")
}

/// A sentence: what stands in back-quotes is code, in asterisks stressed.
pub(super) fn line(text: &str) -> String {
    let spans = text.split('`').enumerate();
    spans.map(|(at, span)| if at % 2 == 1 { code(span) } else { stressed(span) }).collect()
}

fn stressed(text: &str) -> String {
    let spans = text.split('*').enumerate();
    spans.map(|(at, span)| if at % 2 == 1 { format!("<em>{}</em>", escape(span)) } else { escape(span) }).collect()
}

/// Paragraphs, with an empty line between.
pub(super) fn prose(text: &str) -> String {
    text.split("\n\n").filter(|text| !text.is_empty()).map(|text| format!("<p>{}</p>\n", line(text))).collect()
}

/// A table; cells are HTML. The first cell of a row is its heading. Nothing, where there is no row.
pub(super) fn table(caption: &str, columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let row = |cells: Vec<String>| {
        let cells = cells.into_iter().enumerate();
        let cell = |(at, html): (usize, String)| {
            if at == 0 { format!("<th scope=\"row\">{html}</th>") } else { format!("<td>{html}</td>") }
        };
        format!("<tr>{}</tr>\n", cells.map(cell).collect::<String>())
    };
    let rows: String = rows.into_iter().map(row).collect();
    if rows.is_empty() {
        return rows;
    }
    let columns: String = columns.iter().map(|column| format!("<th scope=\"col\">{}</th>", escape(column))).collect();
    let caption = escape(caption);
    // Wider than a narrow screen it scrolls by itself, and can be reached by keyboard for that.
    format!(
        "<div class=\"wide\" role=\"region\" aria-label=\"{caption}\" tabindex=\"0\">\n<table>\n<caption>{caption}</caption>\n\
         <thead><tr>{columns}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n"
    )
}
