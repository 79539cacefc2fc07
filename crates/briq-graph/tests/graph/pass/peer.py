"""Runs models that arrive on standard input: alone (E), or two of them on the same numbers, to compare (C)."""

import struct
import sys

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

ACTIVATIONS = {
    "relu": ("Relu", {}),
    "leaky_relu": ("LeakyRelu", {"alpha": "activation_alpha"}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "gelu": ("Gelu", {}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": "activation_alpha", "beta": "activation_beta"}),
    "hard_swish": ("HardSwish", {}),
    "elu": ("Elu", {"alpha": "activation_alpha"}),
    "softplus": ("Softplus", {}),
    "mish": ("Mish", {}),
}
OPSET = 22


def session(model):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def standard(operator, inputs, attributes, outputs=1):
    """One node of a newer operator set, run by itself."""
    names = [f"i{place}" if value is not None else "" for place, value in enumerate(inputs)]
    given = {name: numpy.asarray(value) for name, value in zip(names, inputs) if name}
    kinds = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in given.items()
    ]
    results = [f"o{place}" for place in range(outputs)]
    node = helper.make_node(operator, names, results, **attributes)
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in results]
    graph = helper.make_graph([node], "one", kinds, results)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    values = session(model).run(None, given)
    return values[0] if outputs == 1 else tuple(values)


def activated(value, attributes):
    name = attributes.get("activation")
    if name is None:
        return value
    if name == "silu":
        return value / (1 + numpy.exp(-value))
    if name == "gelu_tanh":
        return standard("Gelu", [value], {"approximate": "tanh"})
    if name == "clip":
        return numpy.clip(value, attributes["activation_alpha"], attributes["activation_beta"])
    operator, parameters = ACTIVATIONS[name]
    return standard(operator, [value], {own: attributes[theirs] for own, theirs in parameters.items()})


def own(attributes):
    return {name: value for name, value in attributes.items() if not name.startswith("activation")}


def fill(inputs, count):
    return list(inputs) + [None] * (count - len(inputs))


def conv(attributes, inputs):
    x, w, b, z = fill(inputs, 4)
    value = standard("Conv", [x, w, b], own(attributes))
    return activated(value if z is None else value + z, attributes)


def gemm(attributes, inputs):
    a, w, b, z = fill(inputs, 4)
    value = a @ (w.T if attributes.get("transB") else w)
    value = value if b is None else value + b
    return activated(value if z is None else value + z, attributes)


def attention(attributes, inputs):
    q, k, v, mask = fill(inputs, 4)
    heads, scale = attributes["num_heads"], attributes["scale"]
    split = lambda x: x.reshape(x.shape[0], x.shape[1], heads, -1).transpose(0, 2, 1, 3)
    scores = split(q) @ split(k).swapaxes(-1, -2) * numpy.float32(scale)
    scores = scores if mask is None else scores + mask
    assert scores.shape == (q.shape[0], heads, q.shape[1], k.shape[1]), scores.shape
    weights = numpy.exp(scores - scores.max(-1, keepdims=True))
    value = (weights / weights.sum(-1, keepdims=True)) @ split(v)
    return value.transpose(0, 2, 1, 3).reshape(q.shape[0], q.shape[1], -1)


def silu(attributes, inputs):
    return inputs[0] / (1 + numpy.exp(-inputs[0]))


def rms(attributes, inputs):
    x, scale = inputs[:2]
    axes = tuple(range(attributes.get("axis", -1), 0))
    return x / numpy.sqrt((x * x).mean(axes, keepdims=True) + attributes.get("epsilon", 1e-5)) * scale


def modern(operator, outputs=1):
    return lambda attributes, inputs: standard(operator, inputs, attributes, outputs)


OPERATORS = {
    ("briq", "Conv"): conv,
    ("briq", "Gemm"): gemm,
    ("briq", "Attention"): attention,
    ("briq", "Silu"): silu,
    ("", "RMSNormalization"): rms,
    ("", "LayerNormalization"): modern("LayerNormalization"),
    ("", "Gelu"): modern("Gelu"),
    ("", "HardSwish"): modern("HardSwish"),
    ("", "Mish"): modern("Mish"),
    ("", "LSTM"): modern("LSTM", 3),
}


def implementation(domain, name, function):
    def run(self, *inputs, **_):
        attributes = {a.name: helper.get_attribute_value(a) for a in self.onnx_node.attribute}
        texts = {name: v.decode() if isinstance(v, bytes) else v for name, v in attributes.items()}
        values = function(texts, list(inputs))
        values = values if isinstance(values, tuple) else (values,)
        return tuple(numpy.asarray(value, dtype=inputs[0].dtype) for value in values[: len(self.onnx_node.output)])

    return type(name, (OpRun,), {"op_domain": domain, "_run": run})


def optimized(model):
    known = {opset.domain for opset in model.opset_import}
    if "briq" not in known:
        model.opset_import.append(helper.make_opsetid("briq", 1))
    wanted = {(node.domain, node.op_type) for node in model.graph.node}
    new = [implementation(*key, function) for key, function in OPERATORS.items() if key in wanted]
    return ReferenceEvaluator(model, new_ops=new)


def numbers(model):
    """Three examples of five steps, for whatever is dynamic."""
    random, lengths, given = numpy.random.default_rng(1), {}, {}
    for value in model.graph.input:
        tensor = value.type.tensor_type
        length = lambda d: d.dim_value if d.HasField("dim_value") else lengths.setdefault(d.dim_param, 3 + 2 * len(lengths))
        shape = [length(dim) for dim in tensor.shape.dim]
        kind = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        given[value.name] = random.uniform(-2, 2, shape).astype(kind)
    return given


def compare(before, after):
    given = numbers(before)
    expected = session(before).run(None, given)
    actual = optimized(after).run(None, given)
    worst = 0.0
    for a, b in zip(expected, actual, strict=True):
        assert a.shape == b.shape, (a.shape, b.shape)
        assert numpy.isfinite(a).all()
        worst = max(worst, float(numpy.abs(a - b).max() / max(numpy.abs(a).max(), 1e-2)))
    return struct.pack("<d", worst)


def evaluate(model):
    outputs = [numpy_helper.from_array(numpy.asarray(value)) for value in session(model).run(None, {})]
    parts = [tensor.SerializeToString() for tensor in outputs]
    return struct.pack("<I", len(parts)) + b"".join(struct.pack("<I", len(part)) + part for part in parts)


def read():
    header = sys.stdin.buffer.read(4)
    if len(header) < 4:
        sys.exit()
    return onnx.load_from_string(sys.stdin.buffer.read(struct.unpack("<I", header)[0]))


def main():
    while command := sys.stdin.buffer.read(1):
        try:
            answer = b"+" + (evaluate(read()) if command == b"E" else compare(read(), read()))
        except Exception as error:  # The other side says which model it was.
            text = f"{type(error).__name__}: {error}".encode()
            answer = b"-" + struct.pack("<I", len(text)) + text
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()


main()
