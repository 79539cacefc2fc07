//! Layers over images: `[channels, height, width]`.

use briq_spec::recipe::{Conv2d, Extent2d, Padding, Pool2d};

use super::Init;
use super::builder::Builder;
use super::dense::weight_init;
use crate::{GraphError, GraphErrorKind, Node, brackets};

/// A window that moves over one axis.
#[derive(Clone, Copy)]
struct Window {
    size: usize,
    stride: usize,
    padding: Padding,
}

impl Window {
    /// Zeros before and after. An odd one goes after, as ONNX's `SAME_UPPER` has it.
    fn pads(self, length: usize) -> (usize, usize) {
        match self.padding {
            Padding::Valid => (0, 0),
            Padding::Explicit(side) => (side, side),
            Padding::Same => {
                let total = ((length.div_ceil(self.stride) - 1) * self.stride + self.size).saturating_sub(length);
                (total / 2, total - total / 2)
            }
        }
    }

    /// How many places it has, or `None` if it does not fit once.
    fn places(self, length: usize) -> Option<usize> {
        let (before, after) = self.pads(length);
        let room = (before + length + after).checked_sub(self.size)?;
        Some(room / self.stride + 1)
    }
}

impl Builder {
    pub(super) fn conv2d(&mut self, layer: &Conv2d, rectified: bool) -> Result<(), GraphError> {
        self.length("number of filters", layer.filters)?;
        let [channels, ..] = self.image()?;
        let windows = self.windows(layer.kernel, layer.stride, layer.padding)?;
        let [height, width] = self.places(windows)?;
        let area = self.elements(&[layer.kernel.height, layer.kernel.width])?;
        let (fan_in, fan_out) = (self.elements(&[channels, area])?, self.elements(&[layer.filters, area])?);
        let kernel = [layer.filters, channels, layer.kernel.height, layer.kernel.width];
        let weight = self.parameter("weight", &kernel, weight_init(fan_in, fan_out, rectified))?;
        let bias = layer.bias.then(|| self.parameter("bias", &[layer.filters], Init::Zeros)).transpose()?;
        let node = self.windowed("Conv", windows).with("pads", self.pads(windows));
        let inputs: Vec<String> = std::iter::once(weight).chain(bias).collect();
        self.emit(node, &inputs, vec![layer.filters, height, width])?;
        self.activate(layer.activation)
    }

    pub(super) fn pool2d(&mut self, operator: &str, layer: &Pool2d) -> Result<(), GraphError> {
        let [channels, ..] = self.image()?;
        let windows = self.windows(layer.size, layer.stride.unwrap_or(layer.size), Padding::Valid)?;
        let [height, width] = self.places(windows)?;
        let node = self.windowed(operator, windows);
        self.emit(node, &[], vec![channels, height, width])
    }

    /// The mean of each channel, as `[channels]`.
    pub(super) fn global_avg_pool2d(&mut self) -> Result<(), GraphError> {
        let [channels, ..] = self.image()?;
        let pool = Node::new(format!("{}.mean", self.name), "GlobalAveragePool", &[], &[]);
        self.emit(pool, &[], vec![channels, 1, 1])?;
        let flatten = Node::new(&self.name, "Flatten", &[], &[]).with("axis", 1_i64);
        self.emit(flatten, &[], vec![channels])
    }

    fn image(&self) -> Result<[usize; 3], GraphError> {
        let shape = self.shape.as_slice().try_into();
        shape.map_err(|_| self.wants("[channels, height, width]").advise("give the data a `shape`, or reshape it"))
    }

    fn windows(&self, size: Extent2d, stride: Extent2d, padding: Padding) -> Result<[Window; 2], GraphError> {
        for (what, extent) in [("window", size), ("stride", stride)] {
            self.length(what, extent.height)?;
            self.length(what, extent.width)?;
        }
        if let Padding::Explicit(side) = padding {
            self.length("padding", side.max(1))?;
        }
        let axis = |size, stride| Window { size, stride, padding };
        Ok([axis(size.height, stride.height), axis(size.width, stride.width)])
    }

    fn places(&self, [rows, columns]: [Window; 2]) -> Result<[usize; 2], GraphError> {
        let [_, height, width] = self.image()?;
        match (rows.places(height), columns.places(width)) {
            (Some(height), Some(width)) => Ok([height, width]),
            _ => {
                let window = brackets(&[rows.size, columns.size]);
                let reason = format!("its window {window} does not fit into {}", brackets(&self.shape));
                Err(self
                    .refuse(GraphErrorKind::Shape, reason)
                    .advise("pad with `padding = \"same\"`, or pool less before it"))
            }
        }
    }

    /// A node of the layer's name with the attributes that convolutions and pools share.
    fn windowed(&self, operator: &str, [rows, columns]: [Window; 2]) -> Node {
        let pair = |a: usize, b: usize| vec![a as i64, b as i64];
        Node::new(&self.name, operator, &[], &[])
            .with("kernel_shape", pair(rows.size, columns.size))
            .with("strides", pair(rows.stride, columns.stride))
    }

    /// Top, left, bottom, right.
    fn pads(&self, [rows, columns]: [Window; 2]) -> Vec<i64> {
        let ((top, bottom), (left, right)) = (rows.pads(self.shape[1]), columns.pads(self.shape[2]));
        [top, left, bottom, right].map(|pad| pad as i64).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(size: usize, stride: usize, padding: Padding) -> Window {
        Window { size, stride, padding }
    }

    #[test]
    fn same_keeps_the_length_divided_by_the_stride() {
        for (length, size, stride) in [(8, 3, 1), (8, 3, 2), (7, 3, 2), (5, 2, 1), (9, 4, 3), (3, 7, 1), (4, 1, 3)] {
            let window = window(size, stride, Padding::Same);
            assert_eq!(window.places(length), Some(length.div_ceil(stride)), "{length} {size} {stride}");
        }
    }

    #[test]
    fn an_odd_zero_goes_after() {
        assert_eq!(window(2, 1, Padding::Same).pads(8), (0, 1));
        assert_eq!(window(3, 2, Padding::Same).pads(8), (0, 1));
        assert_eq!(window(3, 1, Padding::Same).pads(8), (1, 1));
    }

    #[test]
    fn a_window_larger_than_the_image_has_no_place() {
        assert_eq!(window(9, 1, Padding::Valid).places(8), None);
        assert_eq!(window(9, 1, Padding::Explicit(1)).places(8), Some(2));
    }
}
