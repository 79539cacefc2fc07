//! Operators of the domain `ai.onnx.ml` that compare rows with support vectors (Cortes and Vapnik, 1995).

use super::activation::sigmoid;
use super::linear_models::{dot, examples};
use super::scoring::{Transform, best, classified, labels, rows};
use super::{Call, Fault, Operator, Outcome};

pub(super) const OPERATORS: &[(&str, Operator)] = &[("SVMClassifier", classify), ("SVMRegressor", regress)];

/// How alike two rows are.
struct Kernel {
    shape: Shape,
    /// Gamma, offset and degree.
    parameters: [f64; 3],
}

enum Shape {
    Linear,
    Polynomial,
    Gaussian,
    Sigmoid,
}

impl Kernel {
    fn of(call: &Call) -> Result<Self, Fault> {
        let given = call.numbers("kernel_params")?.unwrap_or_default();
        let parameters = std::array::from_fn(|at| given.get(at).copied().unwrap_or(0.0));
        let shape = match call.string("kernel_type")?.unwrap_or("LINEAR") {
            "LINEAR" => Shape::Linear,
            "POLY" => Shape::Polynomial,
            "RBF" => Shape::Gaussian,
            "SIGMOID" => Shape::Sigmoid,
            other => return Err(Fault::because(format!("kernel `{other}` is not known"))),
        };
        Ok(Self { shape, parameters })
    }

    fn compare(&self, a: &[f64], b: &[f64]) -> f64 {
        let [gamma, offset, degree] = self.parameters;
        match self.shape {
            Shape::Linear => dot(a, b),
            Shape::Polynomial => (gamma * dot(a, b) + offset).powf(degree),
            Shape::Gaussian => (-gamma * a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>()).exp(),
            Shape::Sigmoid => (gamma * dot(a, b) + offset).tanh(),
        }
    }
}

/// Smola and Schölkopf (2004): weighted likenesses to the support vectors.
fn regress(call: &mut Call) -> Outcome {
    let (transform, kernel) = (Transform::of(call)?, Kernel::of(call)?);
    let (weights, vectors) = (call.numbers("coefficients")?, call.numbers("support_vectors")?);
    let (weights, vectors) = (weights.unwrap_or_default(), vectors.unwrap_or_default());
    let bias = call.numbers("rho")?.and_then(|rho| rho.first().copied()).unwrap_or(0.0);
    let one_class = call.flag("one_class", false)?;
    let count = call.size("n_supports", 0)?;
    let examples = examples(&call.host(0)?)?;
    let width = examples.first().map_or(1, Vec::len);
    let fits =
        if count > 0 { vectors.len() == count * width && weights.len() == count } else { weights.len() == width };
    if !fits {
        return Err(Fault::because(format!("{} support vectors do not have {width} features each", count)));
    }
    let answer = |row: &Vec<f64>| {
        let sum = if count == 0 {
            dot(row, &weights)
        } else {
            let likenesses = vectors.chunks(width).map(|vector| kernel.compare(row, vector));
            likenesses.zip(&weights).map(|(likeness, weight)| likeness * weight).sum()
        } + bias;
        let mut scores = vec![if one_class { if sum > 0.0 { 1.0 } else { -1.0 } } else { sum }];
        transform.apply(&mut scores);
        scores
    };
    call.answer(rows(&examples.iter().map(answer).collect::<Vec<_>>()))
}

/// One classifier for each pair of classes, or, without support vectors, one for each class.
struct Machine {
    kernel: Kernel,
    vectors: Vec<f64>,
    /// A row for each class but one, a column for each vector.
    weights: Vec<f64>,
    /// The support vectors of each class, as positions among all.
    classes: Vec<std::ops::Range<usize>>,
    bias: Vec<f64>,
    slopes: Vec<f64>,
    offsets: Vec<f64>,
}

impl Machine {
    fn of(call: &Call) -> Result<Self, Fault> {
        let numbers = |name| call.numbers(name).map(Option::unwrap_or_default);
        let mut classes = Vec::new();
        for count in call.sizes("vectors_per_class")?.unwrap_or_default() {
            let start = classes.last().map_or(0, |range: &std::ops::Range<usize>| range.end);
            classes.push(start..start.saturating_add(count));
        }
        let (vectors, weights) = (numbers("support_vectors")?, numbers("coefficients")?);
        let (bias, slopes, offsets) = (numbers("rho")?, numbers("prob_a")?, numbers("prob_b")?);
        Ok(Self { kernel: Kernel::of(call)?, vectors, weights, classes, bias, slopes, offsets })
    }

    fn supports(&self) -> usize {
        self.classes.last().map_or(0, |range| range.end)
    }

    /// Refuses lists that are not as long as the number of classes and of features asks for.
    fn check(&self, labels: usize, width: usize) -> Result<(), Fault> {
        let (classes, supports) = (self.classes.len(), self.supports());
        let pairs = classes * classes.saturating_sub(1) / 2;
        let fits = if supports == 0 {
            self.weights.len() == labels * width && !self.bias.is_empty()
        } else {
            classes == labels
                && classes > 1
                && Some(self.vectors.len()) == supports.checked_mul(width)
                && Some(self.weights.len()) == supports.checked_mul(classes - 1)
                && self.bias.len() >= pairs
                && self.slopes.len() == self.offsets.len()
                && (self.slopes.is_empty() || self.slopes.len() >= pairs)
        };
        if fits { Ok(()) } else { Err(Fault::because("its vectors, weights and classes do not fit together")) }
    }

    /// The score of each pair of classes, and how many of them each class wins.
    fn duels(&self, row: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let likenesses: Vec<f64> =
            self.vectors.chunks(row.len()).map(|vector| self.kernel.compare(row, vector)).collect();
        let part = |line: usize, class: usize| {
            let range = self.classes[class].clone();
            let start = line * self.supports();
            dot(&self.weights[start + range.start..start + range.end], &likenesses[range])
        };
        let mut votes = vec![0.0; self.classes.len()];
        let pairs = pairs(votes.len());
        let score = |(pair, (first, second)): (usize, (usize, usize))| {
            self.bias[pair] + part(second - 1, first) + part(first, second)
        };
        let scores: Vec<f64> = pairs.iter().copied().enumerate().map(score).collect();
        for ((first, second), score) in pairs.into_iter().zip(&scores) {
            votes[if *score > 0.0 { first } else { second }] += 1.0;
        }
        (scores, votes)
    }

    /// The probability of each class from those of the pairs.
    fn probabilities(&self, scores: &[f64]) -> Vec<f64> {
        let count = self.classes.len();
        let mut wins = vec![vec![0.0; count]; count];
        for (pair, (first, second)) in pairs(count).into_iter().enumerate() {
            let probability = sigmoid(-(scores[pair] * self.slopes[pair] + self.offsets[pair])).clamp(1e-7, 1.0 - 1e-7);
            wins[first][second] = probability;
            wins[second][first] = 1.0 - probability;
        }
        coupled(&wins)
    }
}

/// All pairs of classes, in order.
fn pairs(count: usize) -> Vec<(usize, usize)> {
    (0..count).flat_map(|first| (first + 1..count).map(move |second| (first, second))).collect()
}

/// Wu, Lin and Weng (2004), their second method.
fn coupled(wins: &[Vec<f64>]) -> Vec<f64> {
    let count = wins.len();
    let lost =
        |i: usize| (0..count).filter(|&other| other != i).map(|other| wins[other][i] * wins[other][i]).sum::<f64>();
    let element = |i: usize, j: usize| if i == j { lost(i) } else { -wins[j][i] * wins[i][j] };
    let matrix: Vec<Vec<f64>> = (0..count).map(|i| (0..count).map(|j| element(i, j)).collect()).collect();
    let mut chances = vec![1.0 / count as f64; count];
    for _ in 0..count.max(100) {
        let mut products: Vec<f64> = matrix.iter().map(|line| dot(line, &chances)).collect();
        let mut total = dot(&chances, &products);
        if products.iter().all(|product| (product - total).abs() < 0.005 / count as f64) {
            break;
        }
        for class in 0..count {
            let own = matrix[class][class];
            let step = (total - products[class]) / own;
            chances[class] += step;
            total = (total + step * (step * own + 2.0 * products[class])) / ((1.0 + step) * (1.0 + step));
            chances.iter_mut().for_each(|chance| *chance /= 1.0 + step);
            for (product, element) in products.iter_mut().zip(&matrix[class]) {
                *product = (*product + step * element) / (1.0 + step);
            }
        }
    }
    chances
}

/// Votes choose the label; the scores are probabilities where the machine has them.
fn classify(call: &mut Call) -> Outcome {
    let (transform, machine) = (Transform::of(call)?, Machine::of(call)?);
    let labels = labels(call, "classlabels_ints")?;
    let examples = examples(&call.host(0)?)?;
    machine.check(labels.count(), examples.first().map_or(1, Vec::len))?;
    let (mut all, mut chosen) = (Vec::new(), Vec::new());
    for row in &examples {
        let (mut scores, label) = if machine.supports() == 0 {
            let weights = machine.weights.chunks(row.len());
            let scores: Vec<f64> = weights.map(|line| machine.bias[0] + machine.kernel.compare(row, line)).collect();
            let label = best(&scores);
            (scores, label)
        } else {
            let (scores, votes) = machine.duels(row);
            let scores = if machine.slopes.is_empty() { scores } else { machine.probabilities(&scores) };
            (scores, best(&votes))
        };
        if let (&[score], 2) = (scores.as_slice(), labels.count()) {
            scores = vec![-score, score];
        }
        transform.apply(&mut scores);
        chosen.push(label);
        all.push(scores);
    }
    classified(call, &labels, &chosen, &all)
}
