//! Operators that do not mean the same in every version of the standard operator set.

/// Each operator with the versions from which the same node means something else, or nothing. Versions that only allow more
/// (further element types, an attribute with a default) are not here.
const CHANGES: [(&str, &[u32]); 50] = [
    ("Add", &[7]),
    ("And", &[7]),
    ("AveragePool", &[7, 19]),
    ("BatchNormalization", &[7, 9, 14]),
    ("Cast", &[6]),
    ("Clip", &[6, 11]),
    ("ConstantOfShape", &[9]),
    ("DFT", &[20]),
    ("Div", &[7]),
    ("Dropout", &[7, 10, 12]),
    ("Equal", &[7]),
    ("GRU", &[3, 7]),
    ("Gemm", &[6, 7]),
    ("Greater", &[7]),
    ("GridSample", &[20]),
    ("GroupNormalization", &[21]),
    ("Hardmax", &[13]),
    ("LSTM", &[7]),
    ("Less", &[7]),
    ("LogSoftmax", &[13]),
    ("Loop", &[11]),
    ("Mul", &[7]),
    ("OneHot", &[11]),
    ("Or", &[7]),
    ("PRelu", &[7]),
    ("Pad", &[2, 11]),
    ("Pow", &[7]),
    ("RNN", &[7]),
    ("ReduceL1", &[18]),
    ("ReduceL2", &[18]),
    ("ReduceLogSum", &[18]),
    ("ReduceLogSumExp", &[18]),
    ("ReduceMax", &[18]),
    ("ReduceMean", &[18]),
    ("ReduceMin", &[18]),
    ("ReduceProd", &[18]),
    ("ReduceSum", &[13]),
    ("ReduceSumSquare", &[18]),
    ("Reshape", &[5]),
    ("Resize", &[11, 13, 18]),
    ("RoiAlign", &[16]),
    ("Scan", &[9]),
    ("Slice", &[10]),
    ("Softmax", &[13]),
    ("Split", &[2, 13]),
    ("Squeeze", &[13]),
    ("Sub", &[7]),
    ("TopK", &[10, 11]),
    ("Unsqueeze", &[13]),
    ("Upsample", &[7, 9, 10]),
];

/// Whether an operator means the same in two versions of the standard operator set.
pub(super) fn is_same(operator: &str, a: u32, b: u32) -> bool {
    let (from, to) = (a.min(b), a.max(b));
    let found = CHANGES.binary_search_by_key(&operator, |change| change.0);
    found.map_or(true, |place| !CHANGES[place].1.iter().any(|&version| from < version && version <= to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(CHANGES.is_sorted_by_key(|change| change.0));
    }

    #[test]
    fn a_change_lies_between_versions() {
        assert!(is_same("Softmax", 13, 20) && is_same("Relu", 1, 24));
        assert!(!is_same("Softmax", 20, 12) && !is_same("Softmax", 12, 13));
    }
}
