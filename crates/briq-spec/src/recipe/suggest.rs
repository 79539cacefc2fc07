//! Guesses what a mistyped word was meant to be.

/// How alike two words must be, from 0 to 1, for one to be offered for the other.
const ALIKE: f64 = 0.75;

/// The known word most like the given one; `None` when none is like it.
///
/// Spelling conventions are looked through first: `batch_size` and `BatchSize` are `batch-size`.
pub(super) fn nearest<'k>(given: &str, known: impl Iterator<Item = &'k str>) -> Option<String> {
    let plain = plain(given);
    let scored = known.map(|word| (strsim::jaro_winkler(&plain, &self::plain(word)), word));
    let (score, word) = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score >= ALIKE).then(|| word.to_owned())
}

fn plain(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// "`a`, `b` and `c`".
pub(super) fn quoted_list<'k>(words: impl Iterator<Item = &'k str>) -> String {
    let quoted: Vec<String> = words.map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => "none".to_owned(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_conventions_are_looked_through() {
        let known = ["batch-size", "epochs", "batch-norm"];
        assert_eq!(nearest("batch_size", known.into_iter()).as_deref(), Some("batch-size"));
        assert_eq!(nearest("BatchNorm", known.into_iter()).as_deref(), Some("batch-norm"));
        assert_eq!(nearest("epoch", known.into_iter()).as_deref(), Some("epochs"));
    }

    #[test]
    fn nothing_is_offered_for_an_unlike_word() {
        assert_eq!(nearest("quux", ["epochs", "seed"].into_iter()), None);
        assert_eq!(nearest("quux", std::iter::empty()), None);
    }

    #[test]
    fn lists_read_as_english() {
        assert_eq!(quoted_list(["a", "b", "c"].into_iter()), "`a`, `b` and `c`");
        assert_eq!(quoted_list(["a"].into_iter()), "`a`");
    }
}
