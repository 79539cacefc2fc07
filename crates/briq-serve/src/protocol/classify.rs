//! Triton's classification extension: the best classes of an output, as `value:index:label`.

use briq_engine::{DataType, Tensor};

use crate::refusal::Refusal;

/// The `count` highest values along the last dimension, highest first, in place of all of them.
///
/// The shape `[…, classes]` becomes `[…, count]`; without labels an element is `value:index`.
///
/// # Errors
/// 400 when the output holds byte strings or has no dimension.
pub(crate) fn best(tensor: &Tensor, count: usize, labels: Option<&[String]>) -> Result<Tensor, Refusal> {
    let values = tensor.to_f64()?;
    let Some((&classes, outer)) = tensor.shape.split_last().filter(|(classes, _)| **classes > 0) else {
        let message = format!("output `{}` has no classes", tensor.name);
        return Err(Refusal::bad_request(message));
    };
    let count = count.min(classes);
    let rows = values.chunks_exact(classes);
    let data = rows.flat_map(|row| highest(row, count).into_iter().flat_map(|class| element(row, class, labels)));
    let shape = [outer, &[count]].concat();
    Ok(Tensor { name: tensor.name.clone(), datatype: DataType::Bytes, data: data.collect(), shape })
}

fn highest(row: &[f64], count: usize) -> Vec<usize> {
    let mut classes: Vec<_> = (0..row.len()).collect();
    classes.sort_by(|&one, &other| row[other].total_cmp(&row[one]));
    classes.truncate(count);
    classes
}

fn element(row: &[f64], class: usize, labels: Option<&[String]>) -> Vec<u8> {
    let label = labels.and_then(|labels| labels.get(class));
    let label = label.map(|label| format!(":{label}")).unwrap_or_default();
    let text = format!("{:.6}:{class}{label}", row[class]);
    [&(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    #[test]
    fn the_best_come_first_with_their_labels() {
        let scores = Tensor::from_f32("p", &[2, 3], &[0.25, 0.5, 0.25, 1.0, 0.0, 0.5]);
        let labels = ["a", "b", "c"].map(str::to_owned);
        let best = best(&scores, 2, Some(&labels)).unwrap();
        assert_eq!(best.shape, [2, 2]);
        let texts = best.as_byte_strings().unwrap();
        assert_eq!(texts, [&b"0.500000:1:b"[..], b"0.250000:0:a", b"1.000000:0:a", b"0.500000:2:c"]);
    }

    #[test]
    fn rejects_an_output_without_classes() {
        assert!(best(&Tensor::from_f32("p", &[], &[1.0]), 1, None).is_err());
    }
}
