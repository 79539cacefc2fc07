//! Which parameters stay as they are: patterns over their names.

use crate::error::ModelError;

/// How many names are told where a pattern matches none.
const NEAR: usize = 5;

/// The names that some pattern matches, in their order: `*` stands for any characters, `?` for one.
///
/// # Errors
/// A pattern that matches no name; the hint lists names like it.
pub(crate) fn matching(patterns: &[String], names: &[&str]) -> Result<Vec<String>, ModelError> {
    if let Some(idle) = patterns.iter().find(|pattern| !names.iter().any(|name| matches(pattern, name))) {
        let message = format!("no parameter's name matches `{idle}`");
        let near: Vec<String> = near(idle, names).into_iter().map(|name| format!("`{name}`")).collect();
        return Err(ModelError::invalid(message).advise(format!("there are, among others, {}", near.join(", "))));
    }
    let hit = |name: &&&str| patterns.iter().any(|pattern| matches(pattern, name));
    Ok(names.iter().filter(hit).map(|name| (*name).to_owned()).collect())
}

fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    // Whether the pattern so far matches the name up to each character.
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for symbol in pattern {
        let mut next = vec![false; name.len() + 1];
        for at in 0..=name.len() {
            next[at] = match symbol {
                '*' => reached[at] || at > 0 && next[at - 1],
                '?' => at > 0 && reached[at - 1],
                letter => at > 0 && reached[at - 1] && name[at - 1] == letter,
            };
        }
        reached = next;
    }
    reached[name.len()]
}

/// The names most like a pattern.
fn near<'n>(pattern: &str, names: &[&'n str]) -> Vec<&'n str> {
    let plain: String = pattern.chars().filter(|letter| !matches!(letter, '*' | '?')).collect();
    let mut ranked = names.to_vec();
    ranked.sort_by_cached_key(|name| std::cmp::Reverse((strsim::jaro_winkler(&plain, name) * 1e6) as u64));
    ranked.truncate(NEAR);
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["backbone.0.weight", "backbone.0.bias", "head.weight", "head.bias"];

    fn matched(patterns: &[&str]) -> Result<Vec<String>, ModelError> {
        matching(&patterns.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>(), &NAMES)
    }

    #[test]
    fn patterns_match_whole_names() {
        assert_eq!(matched(&["backbone.*"]).expect("it matches"), ["backbone.0.weight", "backbone.0.bias"]);
        assert_eq!(matched(&["*.bias", "head.?eight"]).expect("both match").len(), 3);
        assert!(matched(&["head"]).is_err());
        assert!(matched(&[]).expect("nothing is asked for").is_empty());
    }

    #[test]
    fn rejects_a_pattern_that_matches_nothing_with_names_like_it() {
        let error = matched(&["*.bias", "backbon.*"]).expect_err("no such name");
        assert!(error.to_string().contains("`backbon.*`"), "{error}");
        assert!(error.hint().expect("names are told").contains("there are, among others, `backbone.0."));
    }
}
