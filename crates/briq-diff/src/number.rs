//! Numbers as people read them.

/// A number in four digits, with a power of ten where it is far from one.
pub(crate) fn short(number: f64) -> String {
    let size = number.abs();
    match size {
        0.0 => "0".to_owned(),
        _ if (1e-3..1e5).contains(&size) => {
            let digits = (3 - size.log10().floor() as i32).clamp(0, 6) as usize;
            format!("{number:.digits$}")
        }
        _ => format!("{number:.3e}"),
    }
}

/// A fraction in percent: never 0 % of what is some, nor 100 % of what is not all.
pub(crate) fn percent(fraction: f64) -> String {
    let percent = 100.0 * fraction;
    match percent {
        0.0 => "0 %".to_owned(),
        _ if percent < 0.01 => "< 0.01 %".to_owned(),
        _ if (99.995..100.0).contains(&percent) => "> 99.99 %".to_owned(),
        _ if percent >= 1000.0 => format!("{percent:.3e} %"),
        _ => format!("{percent:.2} %"),
    }
}

/// A number of bytes in the unit that a person would choose.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = (count.max(1).ilog2() / 10).min(4);
    match unit {
        0 => format!("{count} B"),
        _ => format!("{:.2} {}", count as f64 / f64::from(1 << 10).powi(unit as i32), UNITS[unit as usize]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_four_digits() {
        let cases = [(0.0, "0"), (0.012_341, "0.01234"), (1.0, "1.000"), (-12.345, "-12.35"), (99_999.0, "99999")];
        for (number, text) in cases {
            assert_eq!(short(number), text);
        }
        assert_eq!((short(1.5e-7), short(3e9)), ("1.500e-7".into(), "3.000e9".into()));
    }

    #[test]
    fn some_is_never_none_and_most_is_never_all() {
        let cases = [(0.0, "0 %"), (1e-9, "< 0.01 %"), (0.5, "50.00 %"), (0.999_999, "> 99.99 %"), (1.0, "100.00 %")];
        for (fraction, text) in cases {
            assert_eq!(percent(fraction), text);
        }
    }

    #[test]
    fn bytes_have_their_unit() {
        assert_eq!([0, 1023, 1024, 3 << 29].map(bytes), ["0 B", "1023 B", "1.00 KiB", "1.50 GiB"]);
    }
}
