//! Icons: drawn here, inline, in strokes of the text's colour. They decorate; words stand beside them.

use std::fmt;

/// An icon, by its name in [`SHAPES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Icon(pub(crate) &'static str);

/// What each is drawn from, on a field of 24 by 24.
const SHAPES: [(&str, &str); 33] = [
    ("overview", r#"<path d="M4 20V11M10 20V4M16 20v-7M22 20H2"/>"#),
    ("key", r#"<circle cx="8" cy="15" r="4"/><path d="m11 12 8-8M16 7l3 3M14 9l2 2"/>"#),
    ("network", r#"<circle cx="12" cy="12" r="9"/><path d="M3 12h18M12 3c3 3 3 15 0 18M12 3c-3 3-3 15 0 18"/>"#),
    ("policy", r#"<path d="M12 3 4 6v6c0 4.5 3.3 7.7 8 9 4.7-1.3 8-4.5 8-9V6z"/><path d="m9 12 2 2 4-4"/>"#),
    ("audit", r#"<path d="M6 3h9l4 4v14H6z"/><path d="M14 3v5h5M9 12h7M9 16h7"/>"#),
    (
        "settings",
        r#"<path d="M4 7h9M17 7h3M4 17h3M11 17h9"/><circle cx="15" cy="7" r="2"/><circle cx="9" cy="17" r="2"/>"#,
    ),
    (
        "client",
        r#"<rect x="3" y="4" width="18" height="6" rx="2"/><rect x="3" y="14" width="18" height="6" rx="2"/><path d="M7 7h.01M7 17h.01"/>"#,
    ),
    (
        "members",
        r#"<circle cx="9" cy="8" r="3.5"/><path d="M3 20c0-3.5 2.7-6 6-6s6 2.5 6 6M16 5a3.5 3.5 0 0 1 0 6.5M18 14.5c1.8.9 3 2.9 3 5.5"/>"#,
    ),
    ("roles", r#"<path d="M4 5h16v14H4z"/><path d="M4 10h16M10 5v14"/><path d="m13 14.5 1.5 1.5 2.5-3"/>"#),
    ("workspaces", r#"<path d="M12 3 3 8l9 5 9-5z"/><path d="m3 12 9 5 9-5M3 16l9 5 9-5"/>"#),
    ("profile", r#"<circle cx="12" cy="8" r="4"/><path d="M4 21c0-4 3.6-7 8-7s8 3 8 7"/>"#),
    ("webhook", r#"<path d="M4 12h9M9 7l5 5-5 5"/><circle cx="18.5" cy="12" r="2.5"/>"#),
    ("plus", r#"<path d="M12 5v14M5 12h14"/>"#),
    ("copy", r#"<rect x="9" y="9" width="11" height="11" rx="2"/><path d="M5 15H4V4h11v1"/>"#),
    ("check", r#"<path d="m4 12.5 5 5L20 6.5"/>"#),
    ("cross", r#"<path d="m6 6 12 12M18 6 6 18"/>"#),
    ("warn", r#"<path d="M12 3.5 2.5 20h19z"/><path d="M12 10v4M12 17h.01"/>"#),
    ("info", r#"<circle cx="12" cy="12" r="9"/><path d="M12 11v5M12 8h.01"/>"#),
    ("denied", r#"<circle cx="12" cy="12" r="9"/><path d="m6 6 12 12"/>"#),
    ("allowed", r#"<circle cx="12" cy="12" r="9"/><path d="m8 12.5 2.7 2.700L16.5 9"/>"#),
    ("clock", r#"<circle cx="12" cy="12" r="9"/><path d="M12 7v5l3.5 2"/>"#),
    ("down", r#"<path d="m6 9 6 6 6-6"/>"#),
    ("right", r#"<path d="m9 6 6 6-6 6"/>"#),
    ("rotate", r#"<path d="M20 11a8 8 0 0 0-14-4.5L4 9M4 4v5h5M4 13a8 8 0 0 0 14 4.5l2-2.5M20 20v-5h-5"/>"#),
    ("power", r#"<path d="M12 3v8M6.5 6.5a8 8 0 1 0 11 0"/>"#),
    ("trash", r#"<path d="M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13"/>"#),
    ("export", r#"<path d="M12 4v11M8 11l4 4 4-4M4 19h16"/>"#),
    ("mail", r#"<rect x="3" y="5" width="18" height="14" rx="2"/><path d="m3 7 9 7 9-7"/>"#),
    ("phone", r#"<rect x="7" y="2.5" width="10" height="19" rx="2.5"/><path d="M11 18h2"/>"#),
    ("leave", r#"<path d="M14 4h5v16h-5M10 8l-4 4 4 4M6 12h10"/>"#),
    ("menu", r#"<path d="M4 7h16M4 12h16M4 17h16"/>"#),
    ("play", r#"<path d="M7 4.5v15l12-7.5z"/>"#),
    ("edit", r#"<path d="m4 20 1-5L16 4l4 4L9 19z"/><path d="m13 7 4 4"/>"#),
];

impl fmt::Display for Icon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape = SHAPES.iter().find(|(name, _)| *name == self.0).map_or("", |(_, shape)| shape);
        write!(
            f,
            "<svg class=\"icon\" viewBox=\"0 0 24 24\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.8\" \
             stroke-linecap=\"round\" stroke-linejoin=\"round\" aria-hidden=\"true\" focusable=\"false\">{shape}</svg>"
        )
    }
}

impl askama::filters::HtmlSafe for Icon {}

/// An icon, for templates.
pub(crate) const fn icon(name: &'static str) -> Icon {
    Icon(name)
}
