//! Dense layers and embeddings.

use briq_graph::ElementType;

use crate::keras::call::{Call, Emitted};

/// Over the last axis, whatever stands before it.
pub(super) fn dense(call: &mut Call<'_>) -> Emitted {
    let units = call.length("units")?;
    let input = call.input();
    let kernel = call.weight("kernel", 2)?;
    if kernel.shape[1] != units || input.shape.last().copied().flatten().is_some_and(|width| width != kernel.shape[0]) {
        return Err(call.malformed(format!("its kernel has shape {:?}, its input {:?}", kernel.shape, input.shape)));
    }
    let x = call.emitter.plain(&input);
    let kernel = call.parameter("kernel", &kernel);
    let bias = call.flag("use_bias", true).then(|| call.weight("bias", 1)).transpose()?;
    let bias = bias.map(|bias| call.parameter("bias", &bias));
    let value = match (bias, input.rank()) {
        (Some(bias), 2) => call.node("Gemm", &[&x, &kernel, &bias], |node| node),
        (None, 2) => call.node("Gemm", &[&x, &kernel], |node| node),
        (Some(bias), _) => {
            let product = call.node("MatMul", &[&x, &kernel], |node| node);
            call.node("Add", &[&product, &bias], |node| node)
        }
        (None, _) => call.node("MatMul", &[&x, &kernel], |node| node),
    };
    let mut shape = input.shape;
    if let Some(last) = shape.last_mut() {
        *last = Some(units);
    }
    call.activated(&value, shape, false)
}

/// Keras turns indices of any other type into integers first.
pub(super) fn embedding(call: &mut Call<'_>) -> Emitted {
    if call.flag("mask_zero", false) {
        return Err(call.unsupported("its mask_zero changes what later layers see, and masks are not carried"));
    }
    let width = call.length("output_dim")?;
    let input = call.input();
    let mut indices = call.emitter.plain(&input);
    if !matches!(input.element, ElementType::I32 | ElementType::I64) {
        let integer = i64::from(ElementType::I32.onnx_code());
        indices = call.node("Cast", &[&indices], |node| node.with("to", integer));
    }
    let table = call.weight("embeddings", 2)?;
    let table = call.parameter("embeddings", &table);
    let value = call.node("Gather", &[&table, &indices], |node| node.with("axis", 0_i64));
    let mut shape = input.shape;
    shape.push(Some(width));
    Ok(vec![call.done(&value, shape, false)])
}

/// A dense layer or a function of each element is the same at every step as it is.
pub(super) fn time_distributed(call: &mut Call<'_>) -> Emitted {
    let inner = call.option("layer").clone();
    let class = inner["class_name"].as_str().unwrap_or_default();
    match class {
        "Dense" => call.as_layer(&inner, dense),
        "Dropout" => call.pass(),
        "Activation" => call.as_layer(&inner, super::activation::activation),
        _ => Err(call.unsupported(format!("its layer is of class `{class}`"))),
    }
}
