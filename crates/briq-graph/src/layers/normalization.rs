//! Layers that centre and scale.

use briq_spec::recipe::{BatchNorm, LayerNorm};

use super::Init;
use super::builder::Builder;
use crate::{GraphError, GraphErrorKind, Node};

impl Builder {
    /// Ioffe and Szegedy 2015. The node computes with the running statistics; a trainer reads `momentum` (the part
    /// of the old statistics that is kept) and updates them.
    pub(super) fn batch_norm(&mut self, layer: &BatchNorm) -> Result<(), GraphError> {
        self.check_epsilon(layer.epsilon)?;
        if !(0.0..=1.0).contains(&layer.momentum) {
            return Err(self.refuse(GraphErrorKind::Malformed, format!("its momentum is {}", layer.momentum)));
        }
        let Some(&channels) = self.shape.first() else { return Err(self.wants("[channels, …]")) };
        let inputs = [
            self.parameter("scale", &[channels], Init::Ones)?,
            self.parameter("bias", &[channels], Init::Zeros)?,
            self.statistic("mean", &[channels], Init::Zeros)?,
            self.statistic("variance", &[channels], Init::Ones)?,
        ];
        let node = Node::new(&self.name, "BatchNormalization", &[], &[])
            .with("epsilon", layer.epsilon as f32)
            .with("momentum", layer.momentum as f32);
        self.emit(node, &inputs, self.shape.clone())
    }

    /// Ba, Kiros and Hinton 2016, over the last axis.
    pub(super) fn layer_norm(&mut self, layer: &LayerNorm) -> Result<(), GraphError> {
        self.check_epsilon(layer.epsilon)?;
        let Some(&features) = self.shape.last() else { return Err(self.wants("[…, features]")) };
        let inputs =
            [self.parameter("scale", &[features], Init::Ones)?, self.parameter("bias", &[features], Init::Zeros)?];
        let node = Node::new(&self.name, "LayerNormalization", &[], &[])
            .with("axis", -1_i64)
            .with("epsilon", layer.epsilon as f32);
        self.emit(node, &inputs, self.shape.clone())
    }

    fn check_epsilon(&self, epsilon: f64) -> Result<(), GraphError> {
        if epsilon.is_finite() && epsilon > 0.0 {
            return Ok(());
        }
        Err(self.refuse(GraphErrorKind::Malformed, format!("its epsilon is {epsilon}, more than 0 is wanted")))
    }
}
