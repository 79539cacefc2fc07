//! Convolutions. Kernels are `[space…, in, out]` in Keras and `[out, in, space…]` in ONNX.

use briq_graph::Node;

use crate::ImportError;
use crate::keras::call::{Call, Emitted, Weight};

/// How a window moves, as the options of a layer say.
pub(super) struct Window {
    pub(super) size: Vec<usize>,
    pub(super) stride: Vec<usize>,
    pub(super) dilation: Vec<usize>,
    padding: Padding,
}

#[derive(Clone, Copy, PartialEq)]
enum Padding {
    Same,
    Valid,
    Causal,
}

impl Window {
    /// Of `rank` axes of space. The keys of the sizes differ between convolutions and pooling.
    pub(super) fn read(call: &Call<'_>, rank: usize, size: &str) -> Result<Self, ImportError> {
        let size = call.extent(size, rank, 1)?;
        let stride = if call.option("strides").is_null() { size.clone() } else { call.extent("strides", rank, 1)? };
        let dilation = call.extent("dilation_rate", rank, 1)?;
        let padding = match call.text("padding") {
            Some("same") => Padding::Same,
            Some("causal") => Padding::Causal,
            None | Some("valid") => Padding::Valid,
            Some(other) => return Err(call.unsupported(format!("its padding is `{other}`"))),
        };
        Ok(Self { size, stride, dilation, padding })
    }

    /// The attributes of a node that moves this window.
    pub(super) fn on(&self, node: Node) -> Node {
        let integers = |lengths: &[usize]| lengths.iter().map(|&length| length as i64).collect::<Vec<i64>>();
        let node = node.with("kernel_shape", integers(&self.size)).with("strides", integers(&self.stride));
        let spread = self.dilation.iter().any(|&dilation| dilation != 1);
        let node = if spread { node.with("dilations", integers(&self.dilation)) } else { node };
        match self.padding {
            Padding::Valid => node,
            Padding::Same => node.with("auto_pad", "SAME_UPPER"),
            Padding::Causal => node.with("pads", vec![((self.size[0] - 1) * self.dilation[0]) as i64, 0]),
        }
    }

    /// How many places the window has on each axis, or nothing where the length is open.
    pub(super) fn places(&self, space: &[Option<usize>]) -> Vec<Option<usize>> {
        let place = |(axis, length): (usize, &Option<usize>)| {
            let (length, stride) = ((*length)?, self.stride[axis]);
            let reach = (self.size[axis] - 1).saturating_mul(self.dilation[axis]);
            match self.padding {
                Padding::Valid => Some(length.saturating_sub(reach).div_ceil(stride)),
                Padding::Same | Padding::Causal => Some(length.div_ceil(stride)),
            }
        };
        space.iter().enumerate().map(place).collect()
    }
}

/// An image that is being worked on: its value with channels first, and where its axes are.
pub(super) struct Image {
    pub(super) value: String,
    pub(super) last: bool,
    pub(super) space: Vec<Option<usize>>,
    pub(super) channels: Option<usize>,
    batch: Option<usize>,
}

impl Image {
    /// The first input, channels first.
    pub(super) fn read(call: &mut Call<'_>) -> Result<Self, ImportError> {
        let (input, last) = (call.input(), call.channels_last());
        if input.rank() < 3 {
            return Err(call.malformed(format!("its input has {} axes", input.rank())));
        }
        let value = if last { call.emitter.turned(&input) } else { call.emitter.plain(&input) };
        let end = input.rank() - 1;
        let (space, channels) = if last { (1..end, end) } else { (2..end + 1, 1) };
        let channels = input.shape[channels];
        Ok(Self { value, last, space: input.shape[space].to_vec(), channels, batch: input.shape[0] })
    }

    /// A shape in the layout of the layer.
    pub(super) fn shape(&self, space: Vec<Option<usize>>, channels: Option<usize>) -> Vec<Option<usize>> {
        let rest = if self.last { [space, vec![channels]].concat() } else { [vec![channels], space].concat() };
        std::iter::once(self.batch).chain(rest).collect()
    }
}

/// `[space…, in, out]` to `[out, in, space…]`.
fn kernel_first(kernel: &Weight) -> Weight {
    let rank = kernel.shape.len();
    let order: Vec<usize> = [rank - 1, rank - 2].into_iter().chain(0..rank - 2).collect();
    kernel.permuted(&order)
}

/// `[space…, channels, multiplier]` to `[channels · multiplier, 1, space…]`: one group for each channel.
fn kernel_by_channel(kernel: &Weight) -> Weight {
    let rank = kernel.shape.len();
    let order: Vec<usize> = [rank - 2, rank - 1].into_iter().chain(0..rank - 2).collect();
    let turned = kernel.permuted(&order);
    let channels = turned.shape[0] * turned.shape[1];
    Weight { shape: [&[channels, 1], &turned.shape[2..]].concat(), values: turned.values }
}

fn bias(call: &mut Call<'_>) -> Result<Option<String>, ImportError> {
    let bias = call.flag("use_bias", true).then(|| call.weight("bias", 1)).transpose()?;
    Ok(bias.map(|bias| call.parameter("bias", &bias)))
}

fn convolve(call: &mut Call<'_>, inputs: [&str; 2], bias: Option<&str>, with: impl FnOnce(Node) -> Node) -> String {
    let inputs: Vec<&str> = inputs.into_iter().chain(bias).collect();
    call.node("Conv", &inputs, with)
}

pub(super) fn convolution(call: &mut Call<'_>) -> Emitted {
    let image = Image::read(call)?;
    let window = Window::read(call, image.space.len(), "kernel_size")?;
    let groups = call.extent("groups", 1, 1)?[0] as i64;
    let kernel = kernel_first(&call.weight("kernel", image.space.len() + 2)?);
    let filters = kernel.shape[0];
    let kernel = call.parameter("kernel", &kernel);
    let bias = bias(call)?;
    let value = convolve(call, [&image.value, &kernel], bias.as_deref(), |node| window.on(node).with("group", groups));
    call.activated(&value, image.shape(window.places(&image.space), Some(filters)), image.last)
}

pub(super) fn depthwise(call: &mut Call<'_>) -> Emitted {
    let image = Image::read(call)?;
    let window = Window::read(call, image.space.len(), "kernel_size")?;
    let kernel = call.weight("depthwise_kernel", image.space.len() + 2)?;
    let groups = kernel.shape[image.space.len()] as i64;
    let kernel = kernel_by_channel(&kernel);
    let channels = kernel.shape[0];
    let kernel = call.parameter("kernel", &kernel);
    let bias = bias(call)?;
    let value = convolve(call, [&image.value, &kernel], bias.as_deref(), |node| window.on(node).with("group", groups));
    call.activated(&value, image.shape(window.places(&image.space), Some(channels)), image.last)
}

/// Each channel alone, then all channels at each place.
pub(super) fn separable(call: &mut Call<'_>) -> Emitted {
    let image = Image::read(call)?;
    let rank = image.space.len();
    let window = Window::read(call, rank, "kernel_size")?;
    let depthwise = call.weight("depthwise_kernel", rank + 2)?;
    let groups = depthwise.shape[rank] as i64;
    let depthwise = kernel_by_channel(&depthwise);
    let depthwise = call.parameter("depthwise_kernel", &depthwise);
    let pointwise = kernel_first(&call.weight("pointwise_kernel", rank + 2)?);
    let filters = pointwise.shape[0];
    let pointwise = call.parameter("pointwise_kernel", &pointwise);
    let bias = bias(call)?;
    let value = convolve(call, [&image.value, &depthwise], None, |node| window.on(node).with("group", groups));
    let value = convolve(call, [&value, &pointwise], bias.as_deref(), |node| node);
    call.activated(&value, image.shape(window.places(&image.space), Some(filters)), image.last)
}

/// The kernel is `[space…, out, in]`. With padding `same` an axis grows by its stride exactly.
pub(super) fn transposed(call: &mut Call<'_>) -> Emitted {
    let image = Image::read(call)?;
    let rank = image.space.len();
    let window = Window::read(call, rank, "kernel_size")?;
    if !call.option("output_padding").is_null() || window.dilation.iter().any(|&dilation| dilation != 1) {
        return Err(call.unsupported("it has an output padding or a dilation"));
    }
    let kernel = kernel_first(&call.weight("kernel", rank + 2)?);
    let filters = kernel.shape[1];
    let kernel = call.parameter("kernel", &kernel);
    let bias = bias(call)?;
    let same = call.text("padding") == Some("same");
    let surplus = |axis: usize| if same { window.size[axis].saturating_sub(window.stride[axis]) } else { 0 };
    let before = (0..rank).map(|axis| (surplus(axis) / 2) as i64);
    let after = (0..rank).map(|axis| (surplus(axis) - surplus(axis) / 2) as i64);
    let pads: Vec<i64> = before.chain(after).collect();
    let more: Vec<i64> = (0..rank).map(|axis| window.stride[axis].saturating_sub(window.size[axis]) as i64).collect();
    let strides: Vec<i64> = window.stride.iter().map(|&stride| stride as i64).collect();
    let inputs: Vec<&str> = [image.value.as_str(), &kernel].into_iter().chain(bias.as_deref()).collect();
    let value = call.node("ConvTranspose", &inputs, |node| {
        node.with("strides", strides).with("pads", pads).with("output_padding", more)
    });
    let length = |(axis, length): (usize, &Option<usize>)| {
        Some(
            length.as_ref()? * window.stride[axis]
                + if same { 0 } else { window.size[axis].saturating_sub(window.stride[axis]) },
        )
    };
    let space = image.space.iter().enumerate().map(length).collect();
    call.activated(&value, image.shape(space, Some(filters)), image.last)
}
