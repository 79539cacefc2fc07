//! `Range`: the one part of a blob that is wanted (RFC 9110 §14.2). Single ranges only; a list of them is ignored, as
//! the RFC allows.

/// What to send of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it.
    Whole,
    /// From the first to the last byte, both included.
    Part(u64, u64),
    /// Nothing that is there.
    Beyond,
}

impl Wanted {
    pub(crate) fn of(header: Option<&str>, size: u64) -> Self {
        let Some((first, last)) = header.and_then(|text| text.strip_prefix("bytes=")?.split_once('-')) else {
            return Self::Whole;
        };
        match (first.parse::<u64>(), last.parse::<u64>()) {
            (Ok(first), _) if last.is_empty() => Self::part(first, u64::MAX, size),
            (Ok(first), Ok(last)) if first <= last => Self::part(first, last, size),
            (Err(_), Ok(0)) if first.is_empty() => Self::Beyond,
            (Err(_), Ok(count)) if first.is_empty() => Self::part(size.saturating_sub(count), u64::MAX, size),
            _ => Self::Whole,
        }
    }

    fn part(first: u64, last: u64, size: u64) -> Self {
        if first < size { Self::Part(first, last.min(size - 1)) } else { Self::Beyond }
    }
}

#[cfg(test)]
mod tests {
    use super::Wanted;

    #[test]
    fn reads_single_ranges() {
        let cases = [
            (None, Wanted::Whole),
            (Some("bytes=0-"), Wanted::Part(0, 9)),
            (Some("bytes=3-5"), Wanted::Part(3, 5)),
            (Some("bytes=3-99"), Wanted::Part(3, 9)),
            (Some("bytes=-4"), Wanted::Part(6, 9)),
            (Some("bytes=-40"), Wanted::Part(0, 9)),
            (Some("bytes=10-"), Wanted::Beyond),
            (Some("bytes=-0"), Wanted::Beyond),
            (Some("bytes=5-3"), Wanted::Whole),
            (Some("bytes=0-1,3-4"), Wanted::Whole),
            (Some("lines=0-1"), Wanted::Whole),
        ];
        for (header, expected) in cases {
            assert_eq!(Wanted::of(header, 10), expected, "{header:?}");
        }
        assert_eq!(Wanted::of(Some("bytes=0-"), 0), Wanted::Beyond);
    }
}
