//! Floating-point numbers of 8 and 4 bits, as ONNX defines them.

use briq_graph::ElementType;

/// How a small type spends its bits.
struct Layout {
    mantissa: u32,
    bias: i32,
    /// The code of the largest finite number.
    largest: u8,
    /// The code of what is not a number.
    nan: u8,
    /// The code of infinity, where there is one.
    infinity: Option<u8>,
    /// The bit that holds the sign; zero where all numbers are positive.
    sign: u8,
}

fn layout(element: ElementType) -> Layout {
    use ElementType as E;
    let (mantissa, bias, largest, nan, infinity, sign) = match element {
        E::F8E4M3 => (3, 7, 0x7e, 0x7f, None, 0x80),
        E::F8E4M3Fnuz => (3, 8, 0x7f, 0x80, None, 0x80),
        E::F8E5M2 => (2, 15, 0x7b, 0x7e, Some(0x7c), 0x80),
        E::F8E5M2Fnuz => (2, 16, 0x7f, 0x80, None, 0x80),
        E::F8E8M0 => (0, 127, 0xfe, 0xff, None, 0),
        // The only type without a code for what is not a number: it becomes negative zero.
        _ => (1, 1, 0x07, 0x08, None, 0x08),
    };
    Layout { mantissa, bias, largest, nan, infinity, sign }
}

impl Layout {
    /// The number of a positive code, which may be one beyond the largest.
    fn magnitude(&self, code: u16) -> f64 {
        let fraction = f64::from(code & ((1 << self.mantissa) - 1)) / f64::from(1 << self.mantissa);
        let exponent = i32::from(code >> self.mantissa);
        if exponent == 0 && self.mantissa > 0 {
            return fraction * 2_f64.powi(1 - self.bias);
        }
        (1.0 + fraction) * 2_f64.powi(exponent - self.bias)
    }

    /// The code of the nearest magnitude, ties to even; one beyond the largest where it is too large.
    fn nearest(&self, magnitude: f64) -> u16 {
        let codes = u16::from(self.largest) + 1;
        let (mut low, mut high) = (0, codes);
        while low < high {
            let middle = low.midpoint(high);
            if self.magnitude(middle) < magnitude { low = middle + 1 } else { high = middle }
        }
        if low == 0 {
            return 0;
        }
        let (below, above) = (magnitude - self.magnitude(low - 1), self.magnitude(low) - magnitude);
        match below.total_cmp(&above) {
            std::cmp::Ordering::Less => low - 1,
            std::cmp::Ordering::Greater => low,
            std::cmp::Ordering::Equal => low - low % 2,
        }
    }
}

/// The number that a code stands for.
pub(crate) fn decode(element: ElementType, code: u8) -> f64 {
    let layout = layout(element);
    let positive = code & !layout.sign;
    let sign = if code & layout.sign == 0 { 1.0 } else { -1.0 };
    if element == ElementType::F4E2M1 {
        return sign * layout.magnitude(u16::from(code & 7));
    }
    if code == layout.nan || (layout.nan != layout.sign && positive > layout.infinity.unwrap_or(layout.largest)) {
        return f64::NAN;
    }
    if layout.infinity == Some(positive) {
        return sign * f64::INFINITY;
    }
    sign * layout.magnitude(u16::from(positive))
}

/// The code of the nearest number; what is too large is the largest when saturating, else infinity or no number.
pub(crate) fn encode(element: ElementType, number: f64, saturate: bool) -> u8 {
    let layout = layout(element);
    let one_zero = layout.nan == 0x80;
    if number.is_nan() {
        return layout.nan;
    }
    let code = layout.nearest(number.abs());
    let positive = match u8::try_from(code) {
        Ok(code) if code <= layout.largest => code,
        _ if saturate || element == ElementType::F4E2M1 => layout.largest,
        _ if one_zero => return layout.nan,
        _ => layout.infinity.unwrap_or(layout.nan),
    };
    if number.is_sign_negative() && !(one_zero && positive == 0) { positive | layout.sign } else { positive }
}

/// The nearest number of the type.
pub(crate) fn round(element: ElementType, number: f64, saturate: bool) -> f64 {
    decode(element, encode(element, number, saturate))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: [ElementType; 6] = [
        ElementType::F8E4M3,
        ElementType::F8E4M3Fnuz,
        ElementType::F8E5M2,
        ElementType::F8E5M2Fnuz,
        ElementType::F8E8M0,
        ElementType::F4E2M1,
    ];

    #[test]
    fn every_number_is_its_own_nearest() {
        for element in TYPES {
            let codes = if element == ElementType::F4E2M1 { 0..=15 } else { 0..=255 };
            for code in codes {
                let number = decode(element, code);
                let back = decode(element, encode(element, number, false));
                assert!(back == number || number.is_nan() && back.is_nan(), "{element} {code:#x}: {number} {back}");
            }
        }
    }

    #[test]
    fn the_largest_numbers_are_those_of_the_standard() {
        let largest = TYPES.map(|element| round(element, 1e300, true));
        assert_eq!(largest, [448.0, 240.0, 57344.0, 57344.0, 2_f64.powi(127), 6.0]);
        assert!(round(ElementType::F8E4M3, 1e3, false).is_nan());
        assert!(round(ElementType::F8E5M2, 1e9, false).is_infinite());
    }
}
