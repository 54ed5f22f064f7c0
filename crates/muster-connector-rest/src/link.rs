//! Links to the next page: the header `Link` (RFC 8288), and links that are relative to where they stand. Where they lead
//! is not judged here: the client calls one origin alone.

/// The target of the link with the relation `next` among the values of a header.
pub(crate) fn next(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some((_, behind)) = rest.split_once('<') {
        let (target, behind) = behind.split_once('>')?;
        // Parameters end where the next target begins.
        let parameters = behind.split('<').next().unwrap_or_default();
        if parameters.split([';', ',']).any(is_next) {
            return Some(target.trim());
        }
        rest = behind;
    }
    None
}

fn is_next(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
    name.trim().eq_ignore_ascii_case("rel") && relations.any(|relation| relation.eq_ignore_ascii_case("next"))
}

/// Where a link leads that stands in the answer of `here`, a path of the origin or a URL: a path or a URL again.
pub(crate) fn resolve(link: &str, here: &str, scheme: &str) -> String {
    let path = here.split(['?', '#']).next().unwrap_or_default();
    if link.contains("://") || link.is_empty() {
        return link.to_owned();
    }
    if link.starts_with("//") {
        return format!("{scheme}:{link}");
    }
    if link.starts_with('?') {
        return format!("{path}{link}");
    }
    let origin = origin_of(path);
    if link.starts_with('/') {
        return format!("{origin}{link}");
    }
    let directory =
        path[origin.len()..].rfind('/').map_or("/", |slash| &path[origin.len()..=origin.len() + slash]);
    format!("{origin}{directory}{link}")
}

/// Scheme, host and port of a URL; nothing of a path.
fn origin_of(path: &str) -> &str {
    let Some(start) = path.find("://").map(|at| at + 3) else { return "" };
    path[start..].find('/').map_or(path, |slash| &path[..start + slash])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_one_is_found_among_links() {
        for (header, target) in [
            ("<https://a.org/u?page=2>; rel=\"next\"", Some("https://a.org/u?page=2")),
            ("</u?p=1>; rel=prev, </u?p=3>; title=\"a, b\"; rel=\"last next\"", Some("/u?p=3")),
            ("</u?a=1,2>; rel=first, </u?a=3,4>; REL=NEXT", Some("/u?a=3,4")),
            ("</u?p=1>; rel=\"prev\"", None),
            ("</u?p=1>", None),
            ("</u?p=1", None),
            ("", None),
        ] {
            assert_eq!(next(header), target, "{header}");
        }
    }

    #[test]
    fn links_are_relative_to_where_they_stand() {
        for (link, here, expected) in [
            ("https://b.org/x", "/v1/users?page=1", "https://b.org/x"),
            ("//b.org/x", "/v1/users", "https://b.org/x"),
            ("/v2/users", "/v1/users?page=1", "/v2/users"),
            ("?page=2", "/v1/users?page=1", "/v1/users?page=2"),
            ("users?page=2", "/v1/users?page=1", "/v1/users?page=2"),
            ("/x?p=2", "https://a.org/v1/users", "https://a.org/x?p=2"),
            ("?p=2", "https://a.org/v1/users?p=1", "https://a.org/v1/users?p=2"),
            ("x", "https://a.org", "https://a.org/x"),
        ] {
            assert_eq!(resolve(link, here, "https"), expected, "{link} in {here}");
        }
    }
}
