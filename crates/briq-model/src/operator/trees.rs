//! Decision trees: walking from a root to a leaf, and adding up what the leaves of many trees say.

use super::Fault;

/// How a branch compares a feature with its number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Comparison {
    LessOrEqual,
    Less,
    GreaterOrEqual,
    Greater,
    Equal,
    NotEqual,
    /// Whether it is one of several numbers.
    Member,
}

impl Comparison {
    /// In the order of operator set 5, which numbers them; the names are those of the sets before.
    pub(super) const ALL: [(&'static str, Self); 7] = [
        ("BRANCH_LEQ", Self::LessOrEqual),
        ("BRANCH_LT", Self::Less),
        ("BRANCH_GTE", Self::GreaterOrEqual),
        ("BRANCH_GT", Self::Greater),
        ("BRANCH_EQ", Self::Equal),
        ("BRANCH_NEQ", Self::NotEqual),
        ("BRANCH_MEMBER", Self::Member),
    ];
}

/// Where a branch leads to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Next {
    Branch(usize),
    Leaf(usize),
}

pub(super) struct Branch {
    pub(super) comparison: Comparison,
    pub(super) feature: usize,
    pub(super) number: f64,
    pub(super) members: Vec<f64>,
    /// Whether a missing feature counts as one that holds.
    pub(super) missing_holds: bool,
    pub(super) holds: Next,
    pub(super) fails: Next,
}

impl Branch {
    fn next(&self, row: &[f64]) -> Result<Next, Fault> {
        let short = || Fault::because(format!("a tree reads feature {} of {}", self.feature, row.len()));
        let x = *row.get(self.feature).ok_or_else(short)?;
        let holds = match self.comparison {
            _ if x.is_nan() && self.missing_holds => true,
            Comparison::LessOrEqual => x <= self.number,
            Comparison::Less => x < self.number,
            Comparison::GreaterOrEqual => x >= self.number,
            Comparison::Greater => x > self.number,
            Comparison::Equal => x == self.number,
            Comparison::NotEqual => x != self.number && !x.is_nan(),
            Comparison::Member => self.members.contains(&x),
        };
        Ok(if holds { self.holds } else { self.fails })
    }
}

/// How the weights that several trees give one target become one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Aggregate {
    Average,
    Sum,
    Least,
    Greatest,
}

impl Aggregate {
    /// In the order of operator set 5, which numbers them.
    pub(super) const ALL: [(&'static str, Self); 4] =
        [("AVERAGE", Self::Average), ("SUM", Self::Sum), ("MIN", Self::Least), ("MAX", Self::Greatest)];

    fn join(self, before: Option<f64>, weight: f64) -> f64 {
        match (self, before) {
            (_, None) => weight,
            (Self::Least, Some(before)) => before.min(weight),
            (Self::Greatest, Some(before)) => before.max(weight),
            (_, Some(before)) => before + weight,
        }
    }
}

/// Trees over common branches and leaves.
pub(super) struct Forest {
    pub(super) roots: Vec<Next>,
    pub(super) branches: Vec<Branch>,
    /// What each leaf gives to which target.
    pub(super) leaves: Vec<Vec<(usize, f64)>>,
    pub(super) targets: usize,
}

impl Forest {
    /// The leaf of one tree; a walk that is longer than there are branches goes in circles.
    fn leaf(&self, root: Next, row: &[f64]) -> Result<&[(usize, f64)], Fault> {
        let mut at = root;
        for _ in 0..=self.branches.len() {
            at = match at {
                Next::Leaf(leaf) => return self.leaves.get(leaf).map(Vec::as_slice).ok_or_else(broken),
                Next::Branch(branch) => self.branches.get(branch).ok_or_else(broken)?.next(row)?,
            };
        }
        Err(Fault::because("a tree leads back into itself"))
    }

    /// The score of each target for a row of features; none where no leaf gives any.
    pub(super) fn scores(&self, row: &[f64], aggregate: Aggregate) -> Result<Vec<Option<f64>>, Fault> {
        let mut scores = vec![None; self.targets];
        for &root in &self.roots {
            for &(target, weight) in self.leaf(root, row)? {
                let score = scores.get_mut(target).ok_or_else(broken)?;
                *score = Some(aggregate.join(*score, weight));
            }
        }
        if aggregate == Aggregate::Average {
            let trees = self.roots.len() as f64;
            scores.iter_mut().flatten().for_each(|score| *score /= trees);
        }
        Ok(scores)
    }
}

fn broken() -> Fault {
    Fault::because("a tree leads to a node, a leaf or a target that is not there")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forest(holds: Next) -> Forest {
        let branch = Branch {
            comparison: Comparison::Less,
            feature: 0,
            number: 1.0,
            members: Vec::new(),
            missing_holds: true,
            holds,
            fails: Next::Leaf(1),
        };
        let leaves = vec![vec![(0, 2.0)], vec![(1, 3.0)]];
        Forest { roots: vec![Next::Branch(0), Next::Leaf(0)], branches: vec![branch], leaves, targets: 2 }
    }

    #[test]
    fn adds_up_what_the_leaves_say() {
        let forest = forest(Next::Leaf(0));
        let scores = |x: f64, aggregate| forest.scores(&[x], aggregate).expect("a whole tree");
        assert_eq!(scores(0.0, Aggregate::Sum), [Some(4.0), None]);
        assert_eq!(scores(f64::NAN, Aggregate::Average), [Some(2.0), None]);
        assert_eq!(scores(1.0, Aggregate::Greatest), [Some(2.0), Some(3.0)]);
    }

    #[test]
    fn rejects_circles_and_loose_ends() {
        for holds in [Next::Branch(0), Next::Branch(7), Next::Leaf(7)] {
            assert!(forest(holds).scores(&[0.0], Aggregate::Sum).is_err());
        }
        assert!(forest(Next::Leaf(0)).scores(&[], Aggregate::Sum).is_err());
    }
}
