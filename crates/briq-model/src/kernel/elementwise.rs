//! Functions of one number or of two, in the order in which the operands lie.

use briq_graph::ElementType;
use briq_kernels::elementwise::{Binary, Broadcast, Choice, Unary};
use briq_kernels::{Activation, InOut};

use super::buffer::buffer;
use super::dense::{Dense, Order};
use super::{Family, Kernel, ready};
use crate::operator::{Call, Fault};
use crate::value::{Value, on_every_backend};

pub(super) const KERNELS: Family = &[
    ("Abs", |_| ready(Unary::Abs)),
    ("Ceil", |_| ready(Unary::Ceil)),
    ("Erf", |_| ready(Unary::Erf)),
    ("Exp", |_| ready(Unary::Exp)),
    ("Floor", |_| ready(Unary::Floor)),
    ("Log", |_| ready(Unary::Ln)),
    ("Neg", |_| ready(Unary::Neg)),
    ("Reciprocal", |_| ready(Unary::Reciprocal)),
    ("Round", |_| ready(Unary::Round)),
    ("Sqrt", |_| ready(Unary::Sqrt)),
    ("Sigmoid", |_| ready(Activation::Sigmoid)),
    ("Tanh", |_| ready(Activation::Tanh)),
    ("Relu", |_| ready(Activation::Relu)),
    ("HardSwish", |_| ready(Activation::HardSwish)),
    ("Mish", |_| ready(Activation::Mish)),
    ("Silu", |_| ready(Activation::Silu)),
    ("Softplus", |_| ready(Activation::Softplus)),
    ("Elu", |call| ready(Activation::Elu(call.float("alpha", 1.0)?))),
    ("LeakyRelu", |call| ready(Activation::LeakyRelu(call.float("alpha", 0.01)?))),
    ("HardSigmoid", |call| {
        ready(Activation::HardSigmoid { alpha: call.float("alpha", 0.2)?, beta: call.float("beta", 0.5)? })
    }),
    ("Gelu", |call| {
        let tanh = call.string("approximate")? == Some("tanh");
        ready(if tanh { Activation::GeluTanh } else { Activation::Gelu })
    }),
    ("Add", |_| ready(Binary::Add)),
    ("Sub", |_| ready(Binary::Sub)),
    ("Mul", |_| ready(Binary::Mul)),
    ("Div", |_| ready(Binary::Div)),
    ("Pow", |_| ready(Binary::Pow)),
    ("Where", |_| ready(Where)),
];

/// Whether the input is on the device: numbers on the host alone are quicker where they are.
fn is_placed(call: &Call, index: usize) -> bool {
    call.on_device(index) && Dense::fits(call, index)
}

impl Kernel for Unary {
    fn run(&self, call: &mut Call) -> Result<Option<Vec<Value>>, Fault> {
        if !is_placed(call, 0) {
            return Ok(None);
        }
        let (mut x, order) = dense(call)?;
        if let Some(numbers) = x.numbers_mut() {
            self.apply(InOut::in_place(numbers));
            return Ok(Some(vec![x.into()]));
        }
        let mut numbers = buffer(x.count());
        self.apply(InOut::between(x.numbers(), &mut numbers));
        Ok(Some(vec![Dense::new(x.shape(), order, numbers).into()]))
    }
}

impl Kernel for Activation {
    fn run(&self, call: &mut Call) -> Result<Option<Vec<Value>>, Fault> {
        if !is_placed(call, 0) {
            return Ok(None);
        }
        let (mut x, order) = dense(call)?;
        if let Some(numbers) = x.numbers_mut() {
            self.apply(numbers);
            return Ok(Some(vec![x.into()]));
        }
        let mut numbers = buffer(x.count());
        numbers.copy_from_slice(x.numbers());
        self.apply(&mut numbers);
        Ok(Some(vec![Dense::new(x.shape(), order, numbers).into()]))
    }
}

/// The first input, in the order in which it lies.
fn dense(call: &mut Call) -> Result<(Dense, Order), Fault> {
    let x = Dense::take(call, 0)?;
    let order = x.order().unwrap_or(Order::Rows);
    Ok((x.ordered(order), order))
}

impl Kernel for Binary {
    fn run(&self, call: &mut Call) -> Result<Option<Vec<Value>>, Fault> {
        if !(is_placed(call, 0) || is_placed(call, 1)) || !Dense::fits(call, 0) || !Dense::fits(call, 1) {
            return Ok(None);
        }
        let (left, right) = (Dense::take(call, 0)?, Dense::take(call, 1)?);
        let rank = left.shape().len().max(right.shape().len());
        let last = [&left, &right].iter().any(|side| side.order() == Some(Order::ChannelsLast));
        let order = if last { Order::ChannelsLast } else { Order::Rows };
        let (left, right) = (left.led(rank).ordered(order), right.led(rank).ordered(order));
        combined(*self, left, right, order).map(|result| Some(vec![result.into()]))
    }
}

/// A function of two numbers, into the left operand's memory where it has the result's shape and nothing else reads it.
fn combined(function: Binary, mut left: Dense, right: Dense, order: Order) -> Result<Dense, Fault> {
    let (a, b) = (left.stored(order), right.stored(order));
    let misfit = || Fault::because(format!("{:?} and {:?} do not broadcast", left.shape(), right.shape()));
    let broadcast = Broadcast::new(&a, &b).ok_or_else(misfit)?;
    if broadcast.shape() == a
        && let Some(numbers) = left.numbers_mut()
    {
        function.apply_in_place(&broadcast, numbers, right.numbers());
        return Ok(left);
    }
    let mut numbers = buffer(broadcast.count());
    function.apply(&broadcast, left.numbers(), right.numbers(), &mut numbers);
    Ok(Dense::from_stored(broadcast.shape(), order, numbers))
}

/// One of two tensors of single precision, by a condition. What is on the host alone, and stays there, is not for it.
struct Where;

impl Kernel for Where {
    fn run(&self, call: &mut Call) -> Result<Option<Vec<Value>>, Fault> {
        if call.element(0)? != ElementType::Bool || !Dense::fits(call, 1) || !Dense::fits(call, 2) {
            return Ok(None);
        }
        let choice = Choice::new(&call.shape(0)?, &call.shape(1)?, &call.shape(2)?);
        let Some(choice) = choice.filter(|choice| on_every_backend(choice.shape())) else { return Ok(None) };
        let condition = call.host(0)?.to_bools();
        let (yes, no) = (Dense::take(call, 1)?.rows(), Dense::take(call, 2)?.rows());
        let mut numbers = buffer(choice.count());
        choice.apply(&condition, yes.numbers(), no.numbers(), &mut numbers);
        Ok(Some(vec![Dense::new(choice.shape(), Order::Rows, numbers).into()]))
    }
}
