//! Counting runs of terms: `TfIdfVectorizer`.

use std::collections::HashMap;
use std::hash::Hash;

use briq_graph::ElementType;

use super::{Call, Fault, Operator, Outcome};
use crate::value::{Elements, HostTensor};

pub(super) const OPERATORS: &[(&str, Operator)] = &[("TfIdfVectorizer", vectorize)];

/// Which runs of terms are counted, and where.
struct Counting {
    shortest: usize,
    longest: usize,
    /// How many terms may be left out between two of a run.
    skips: usize,
    /// Where in the pool the runs of each length begin.
    starts: Vec<usize>,
    /// The column of each run of the pool.
    columns: Vec<usize>,
    width: usize,
}

impl Counting {
    fn of(call: &Call) -> Result<Self, Fault> {
        let given = |name| call.sizes(name)?.ok_or(Fault::WrongAttribute { name, expected: "given" });
        let columns = given("ngram_indexes")?;
        let width = columns.iter().max().map_or(0, |last| last.saturating_add(1));
        super::shape::bounded(&[width])?;
        Ok(Self {
            shortest: call.size("min_gram_length", 1)?.max(1),
            longest: call.size("max_gram_length", 1)?,
            skips: call.size("max_skip_count", 0)?,
            starts: given("ngram_counts")?,
            columns,
            width,
        })
    }

    /// The column of each run of terms in the pool whose length is counted.
    fn pool<'a, T: Eq + Hash>(&self, pool: &'a [T]) -> Result<HashMap<Vec<&'a T>, usize>, Fault> {
        let mut columns = HashMap::new();
        let mut all = self.columns.iter();
        for (index, &start) in self.starts.iter().enumerate() {
            let end = self.starts.get(index + 1).copied().unwrap_or(pool.len());
            let terms = pool
                .get(start..end)
                .ok_or(Fault::WrongAttribute { name: "ngram_counts", expected: "positions in the pool, in order" })?;
            for run in terms.chunks_exact(index + 1) {
                let short = Fault::WrongAttribute { name: "ngram_indexes", expected: "a column for each run" };
                let column = *all.next().ok_or(short)?;
                if (self.shortest..=self.longest).contains(&run.len()) {
                    columns.insert(run.iter().collect(), column);
                }
            }
        }
        Ok(columns)
    }

    /// How often each run occurs in a row; single terms have nothing to leave out, so they count once.
    fn count<T: Eq + Hash>(&self, row: &[T], pool: &HashMap<Vec<&T>, usize>) -> Vec<f64> {
        let mut counts = vec![0.0; self.width];
        for step in 1..=self.skips.min(row.len()) + 1 {
            for start in 0..row.len() {
                let longest = if step == 1 { self.shortest } else { self.shortest.max(2) }..=self.longest;
                let run: Vec<&T> = row[start..].iter().step_by(step).take(self.longest).collect();
                let found = longest.filter_map(|length| pool.get(run.get(..length)?));
                found.for_each(|column| counts[*column] += 1.0);
            }
        }
        counts
    }

    fn rows<T: Eq + Hash>(&self, terms: &[T], pool: &[T], length: usize) -> Result<Vec<f64>, Fault> {
        if length == 0 {
            return Ok(vec![0.0; self.width]);
        }
        let pool = self.pool(pool)?;
        Ok(terms.chunks(length).flat_map(|row| self.count(row, &pool)).collect())
    }
}

/// How often each run of terms occurs, whether it does, or how much that weighs.
fn vectorize(call: &mut Call) -> Outcome {
    let counting = Counting::of(call)?;
    let mode = call.string("mode")?.unwrap_or("TF");
    let weights = call.numbers("weights")?.unwrap_or_else(|| vec![1.0; counting.width]);
    if weights.len() < counting.width {
        return Err(Fault::WrongAttribute { name: "weights", expected: "one for each column" });
    }
    let x = call.host(0)?;
    let length = x.shape.last().copied().unwrap_or(1);
    let counts = match &x.data {
        Elements::Texts(texts) => counting.rows(texts, call.strings("pool_strings")?.unwrap_or_default(), length)?,
        _ => {
            let pool: Vec<i128> = call.ints("pool_int64s")?.unwrap_or_default().into_iter().map(i128::from).collect();
            counting.rows(&x.to_integers(), &pool, length)?
        }
    };
    let weighed = counts.iter().enumerate().map(|(at, count)| match mode {
        "IDF" => {
            if *count > 0.0 {
                weights[at % counting.width]
            } else {
                0.0
            }
        }
        "TFIDF" => weights[at % counting.width] * count,
        _ => *count,
    });
    let batch = &x.shape[..x.shape.len().saturating_sub(1)];
    let shape = [batch, &[counting.width]].concat();
    call.answer(HostTensor::floats(ElementType::F32, &shape, weighed))
}
