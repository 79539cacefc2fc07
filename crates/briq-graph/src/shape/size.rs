//! Numbers of elements, where some axes are dynamic: a number times symbols.

use crate::Dim;

/// A product of a number and of symbols, in ascending order; one that occurs twice stands there twice.
///
/// As the symbol of an axis it is written `2*batch`, so two axes with the same symbol still have the same length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Size {
    factor: usize,
    symbols: Vec<String>,
}

/// The length of what is at most `limit` elements and as many as a dynamic axis otherwise; `None` where that axis is
/// itself computed from others.
pub(super) fn at_most(limit: usize, symbol: &str) -> Option<Dim> {
    let simple = !symbol.contains(['*', ',', '(']);
    simple.then(|| Dim::Dynamic(format!("min({limit},{symbol})")))
}

/// The symbol behind a length that [`at_most`] made.
pub(super) fn bounded(length: &str) -> Option<&str> {
    length.strip_prefix("min(")?.strip_suffix(')')?.split_once(',').map(|(_, symbol)| symbol)
}

impl Size {
    /// One element.
    pub(crate) fn one() -> Self {
        Self { factor: 1, symbols: Vec::new() }
    }

    /// The length of an axis; `None` where nothing is known of it.
    pub(crate) fn of(length: &Dim) -> Option<Self> {
        let text = match length {
            Dim::Fixed(length) => return Some(Self { factor: *length, symbols: Vec::new() }),
            Dim::Dynamic(symbol) if symbol.is_empty() => return None,
            Dim::Dynamic(symbol) => symbol,
        };
        let mut size = Self::one();
        for part in text.split('*') {
            match part.parse::<usize>() {
                Ok(number) => size.factor = size.factor.checked_mul(number)?,
                Err(_) => size.symbols.push(part.to_owned()),
            }
        }
        size.symbols.sort_unstable();
        Some(size)
    }

    /// The number of elements of several axes.
    pub(crate) fn product<'a>(lengths: impl IntoIterator<Item = &'a Dim>) -> Option<Self> {
        lengths.into_iter().try_fold(Self::one(), |size, length| size.times(&Self::of(length)?))
    }

    pub(crate) fn times(&self, other: &Self) -> Option<Self> {
        let mut symbols: Vec<String> = self.symbols.iter().chain(&other.symbols).cloned().collect();
        symbols.sort_unstable();
        Some(Self { factor: self.factor.checked_mul(other.factor)?, symbols })
    }

    /// The quotient, where there is one whatever the symbols stand for.
    pub(crate) fn divided_by(&self, other: &Self) -> Option<Self> {
        let mut symbols = self.symbols.clone();
        for symbol in &other.symbols {
            let place = symbols.iter().position(|own| own == symbol)?;
            symbols.remove(place);
        }
        let whole = other.factor > 0 && self.factor.is_multiple_of(other.factor);
        whole.then(|| Self { factor: self.factor / other.factor, symbols })
    }

    /// The number, where there are no symbols.
    pub(crate) fn fixed(&self) -> Option<usize> {
        self.symbols.is_empty().then_some(self.factor)
    }

    /// An axis of this length.
    pub(crate) fn to_length(&self) -> Dim {
        if self.symbols.is_empty() {
            return Dim::Fixed(self.factor);
        }
        let number = (self.factor != 1).then(|| self.factor.to_string());
        let parts: Vec<String> = number.into_iter().chain(self.symbols.iter().cloned()).collect();
        Dim::Dynamic(parts.join("*"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(text: &str) -> Size {
        Size::of(&Dim::Dynamic(text.into())).expect("the text is not empty")
    }

    #[test]
    fn equal_sizes_have_equal_symbols() {
        assert_eq!(size("b*2*a").to_length(), Dim::Dynamic("2*a*b".into()));
        assert_eq!(size("b").times(&size("6*a")), Some(size("6*a*b")));
        assert_eq!(size("3*2").to_length(), Dim::Fixed(6));
    }

    #[test]
    fn a_quotient_holds_for_every_length() {
        assert_eq!(size("12*a*b").divided_by(&size("4*b")), Some(size("3*a")));
        assert_eq!(size("a").divided_by(&size("2")), None);
        assert_eq!(size("a").divided_by(&size("b")), None);
        assert_eq!(size("a").divided_by(&size("0*a")), None);
    }
}
