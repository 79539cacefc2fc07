"""Cases that ONNX's own suites lack, judged by ONNX Runtime: `cases.py FOLDER`.

Each becomes a folder as the suites have them: a model, one set of inputs, and the outputs that ONNX Runtime gives.
"""

import pathlib
import sys

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

random = numpy.random.RandomState(7)


def floats(*shape):
    return random.uniform(-2, 2, shape).astype(numpy.float32)


def case(name, operator, inputs, outputs=1, opset=13, constants=(), domain="", **attributes):
    """Writes one case; `constants` are the positions of inputs that are part of the model."""
    home = pathlib.Path(sys.argv[1]) / f"test_{name}"
    names = [f"x{index}" if value is not None else "" for index, value in enumerate(inputs)]
    results = [f"y{index}" for index in range(outputs)]
    node = helper.make_node(operator, names, results, domain=domain, **attributes)
    present = [(index, value) for index, value in enumerate(inputs) if value is not None]
    fed = [(names[index], value) for index, value in present if index not in constants]
    held = [numpy_helper.from_array(value, names[index]) for index, value in present if index in constants]
    declared = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape) for name, value in fed
    ]
    graph = helper.make_graph([node], name, declared, [onnx.ValueInfoProto(name=result) for result in results], held)
    sets = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, 3)] if domain else [])
    model = helper.make_model(graph, opset_imports=sets, ir_version=8 if opset > 8 else 4)
    for tensor in held if model.ir_version < 4 else []:
        graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    answers = session.run(None, dict(fed))
    types = {"tensor(float)": 1, "tensor(int64)": 7, "tensor(string)": 8, "tensor(double)": 11, "tensor(int32)": 6}
    for value, info, answer in zip(model.graph.output, session.get_outputs(), answers):
        declared = helper.make_tensor_value_info(value.name, types[info.type], numpy.asarray(answer).shape)
        value.CopyFrom(declared)
    (home / "test_data_set_0").mkdir(parents=True)
    (home / "model.onnx").write_bytes(model.SerializeToString())
    for role, values in (("input", [value for _, value in fed]), ("output", answers)):
        for index, value in enumerate(values):
            tensor = numpy_helper.from_array(numpy.asarray(value))
            (home / "test_data_set_0" / f"{role}_{index}.pb").write_bytes(tensor.SerializeToString())


def older_operator_sets():
    case("clip_6", "Clip", [floats(3, 4)], opset=6, min=-1.0, max=0.5)
    case("clip_6_most", "Clip", [floats(3, 4)], opset=6, max=0.5)
    for operator in ("Softmax", "LogSoftmax", "Hardmax"):
        case(f"{operator.lower()}_11", operator, [floats(2, 3, 4)], opset=11)
        case(f"{operator.lower()}_11_axis", operator, [floats(2, 3, 4)], opset=11, axis=0)
        case(f"{operator.lower()}_11_last", operator, [floats(2, 3, 4)], opset=11, axis=2)
        case(f"{operator.lower()}_13_axis", operator, [floats(2, 3, 4)], opset=13, axis=1)
    scales = numpy.array([1, 1, 2, 3], numpy.float32)
    case("upsample_7", "Upsample", [floats(1, 2, 2, 2)], opset=7, scales=[1.0, 1.0, 2.0, 3.0], mode="nearest")
    case("upsample_9", "Upsample", [floats(1, 2, 2, 2), scales], opset=9, mode="nearest")
    case("upsample_9_linear", "Upsample", [floats(1, 2, 2, 2), scales], opset=9, mode="linear", constants=(1,))
    case("resize_10", "Resize", [floats(1, 2, 3, 3), scales], opset=10, mode="nearest", constants=(1,))
    case("resize_10_linear", "Resize", [floats(1, 2, 3, 3), scales], opset=10, mode="linear", constants=(1,))
    case("slice_1", "Slice", [floats(4, 5)], opset=9, starts=[1, -3], ends=[3, 1000], axes=[0, 1])
    case("slice_1_all", "Slice", [floats(4, 5)], opset=9, starts=[1], ends=[-1])
    case("pad_2", "Pad", [floats(2, 3)], opset=2, pads=[0, 1, 1, 2], value=1.5)
    case("pad_2_reflect", "Pad", [floats(2, 3)], opset=2, pads=[0, 1, 0, 2], mode="reflect")
    case("squeeze_1", "Squeeze", [floats(1, 3, 1, 2)], opset=11, axes=[0, -2])
    case("squeeze_1_all", "Squeeze", [floats(1, 3, 1, 2)], opset=11)
    case("unsqueeze_1", "Unsqueeze", [floats(3, 2)], opset=11, axes=[0, 3])
    case("reduce_sum_11", "ReduceSum", [floats(2, 3, 4)], opset=11, axes=[1], keepdims=0)
    case("split_2", "Split", [floats(6, 2)], outputs=2, opset=11, split=[2, 4])
    case("dropout_7", "Dropout", [floats(3, 2)], opset=7, ratio=0.5)
    channels = [floats(3), floats(3), floats(3), numpy.abs(floats(3))]
    case("batch_normalization_7", "BatchNormalization", [floats(2, 3, 4), *channels], opset=7)
    case("batch_normalization_9", "BatchNormalization", [floats(2, 3, 4, 4), *channels], opset=9, epsilon=1e-3)
    case("cast_6", "Cast", [floats(3)], opset=6, to=TensorProto.INT32)
    case("prelu_7", "PRelu", [floats(2, 3, 4), floats(3, 1)], opset=7)
    case("argmax_11", "ArgMax", [floats(3, 4)], opset=11, axis=1, keepdims=0)
    case("topk_10", "TopK", [floats(3, 4), numpy.array([2])], outputs=2, opset=10)
    case("gemm_7", "Gemm", [floats(2, 3), floats(4, 3), floats(4)], opset=7, transB=1, alpha=0.5)


def corners():
    pool = {"kernel_shape": [3, 3], "strides": [2, 2]}
    for include in (0, 1):
        for name, pads in (("even", [1, 1, 1, 1]), ("uneven", [0, 1, 2, 1]), ("wide", [2, 2, 2, 2])):
            case(f"average_pool_{name}_{include}", "AveragePool", [floats(1, 2, 7, 7)], pads=pads, count_include_pad=include, **pool)
        case(f"average_pool_same_{include}", "AveragePool", [floats(1, 2, 6, 6)], auto_pad="SAME_UPPER", count_include_pad=include, **pool)
    case("max_pool_uneven", "MaxPool", [floats(1, 2, 7, 7)], pads=[0, 1, 2, 1], **pool)
    case("max_pool_ceil", "MaxPool", [floats(1, 2, 6, 6)], ceil_mode=1, **pool)
    for name, left, right in (
        ("vectors", (4,), (4,)), ("row", (4,), (4, 3)), ("column", (2, 4), (4,)),
        ("batch_row", (4,), (2, 4, 3)), ("batch_column", (2, 3, 4), (4,)),
    ):
        case(f"matmul_{name}", "MatMul", [floats(*left), floats(*right)])
        doubles = [floats(*left).astype(numpy.float64), floats(*right).astype(numpy.float64)]
        case(f"matmul_{name}_double", "MatMul", doubles)
    empty = numpy.array([], numpy.int64)
    for keep in (0, 1):
        case(f"reduce_mean_all_{keep}", "ReduceMean", [floats(2, 3), empty], opset=18, keepdims=keep)
        case(f"reduce_sum_all_{keep}", "ReduceSum", [floats(2, 3), empty], keepdims=keep)
        case(f"reduce_sum_none_{keep}", "ReduceSum", [floats(2, 3), empty], keepdims=keep, noop_with_empty_axes=1)
        case(f"reduce_max_none_{keep}", "ReduceMax", [floats(2, 3), empty], opset=18, keepdims=keep, noop_with_empty_axes=1)
    case("deep_add", "Add", [floats(1, 2, 1, 2, 1, 2, 2), floats(2, 1)])
    case("deep_erf", "Erf", [floats(1, 2, 1, 2, 1, 2, 2)])
    case("conv_uneven", "Conv", [floats(1, 2, 6, 6), floats(4, 1, 3, 3)], group=2, pads=[0, 1, 2, 1], strides=[2, 1])
    case("conv_transpose_group", "ConvTranspose", [floats(1, 2, 4, 4), floats(2, 3, 3, 3)], group=2, strides=[2, 2], pads=[1, 0, 0, 1])
    case("quick_mish", "Mish", [numpy.array([-90, -20, -3, 0, 3, 20, 90], numpy.float32)], opset=18)


def classical():
    def learned(name, operator, inputs, outputs=1, **attributes):
        case(name, operator, inputs, outputs, opset=15, domain="ai.onnx.ml", **attributes)

    def numbers(count):
        return [float(number) for number in floats(count)]

    x = floats(5, 3)
    learned("scaler", "Scaler", [x], offset=numbers(3), scale=numbers(3))
    learned("scaler_one", "Scaler", [x], offset=[0.5], scale=[2.0])
    for norm in ("L1", "L2"):
        learned(f"normalizer_{norm.lower()}", "Normalizer", [x], norm=norm)
    learned("normalizer_max", "Normalizer", [numpy.abs(x)], norm="MAX")
    gaps = x.copy()
    gaps[1, 2] = gaps[3, 0] = numpy.nan
    learned("imputer", "Imputer", [gaps], imputed_value_floats=numbers(3), replaced_value_float=float("nan"))
    learned("imputer_one", "Imputer", [numpy.array([[1, 0], [0, 3]])], imputed_value_int64s=[7], replaced_value_int64=0)
    learned("feature_vectorizer", "FeatureVectorizer", [x, floats(5, 2)], inputdimensions=[3, 2])
    learned("linear_regressor", "LinearRegressor", [x], coefficients=numbers(6), intercepts=numbers(2), targets=2)
    for transform in ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"):
        weights = {"coefficients": numbers(9), "intercepts": numbers(3), "post_transform": transform}
        learned(f"linear_classifier_{transform.lower()}", "LinearClassifier", [x], 2, classlabels_ints=[4, 5, 6], **weights)
    two = {"coefficients": numbers(6), "intercepts": numbers(2), "post_transform": "LOGISTIC"}
    learned("linear_classifier_names", "LinearClassifier", [x], 2, classlabels_strings=["no", "yes"], multi_class=1, **two)
    vectors = {"coefficients": numbers(4), "support_vectors": numbers(12), "rho": [0.3], "n_supports": 4}
    for kernel in ("LINEAR", "POLY", "RBF", "SIGMOID"):
        learned(f"svm_regressor_{kernel.lower()}", "SVMRegressor", [numpy.abs(x)], kernel_type=kernel, kernel_params=[0.4, 2.5, 2.0], **vectors)
    machine = {"coefficients": numbers(8), "support_vectors": numbers(12), "vectors_per_class": [2, 1, 1], "rho": numbers(3)}
    machine |= {"kernel_type": "RBF", "kernel_params": [0.4, 0.0, 3.0], "classlabels_ints": [5, 6, 7]}
    learned("svm_classifier", "SVMClassifier", [x], 2, **machine)
    learned("svm_classifier_probable", "SVMClassifier", [x], 2, prob_a=[-1.5, -0.7, -2.0], prob_b=[0.1, -0.2, 0.0], **machine)
    words = numpy.array([["a", "b"], ["c", "d"]], object)
    learned("label_encoder_names", "LabelEncoder", [words], keys_strings=["a", "c"], values_int64s=[7, 9], default_int64=-3)
    learned("label_encoder_floats", "LabelEncoder", [numpy.array([1.5, -4, 2], numpy.float32)], keys_floats=[1.5, -4.0], values_strings=["one", "none"])
    learned("one_hot_encoder", "OneHotEncoder", [numpy.array([[1, 4], [2, 9]])], cats_int64s=[1, 2, 4], zeros=1)
    learned("one_hot_encoder_names", "OneHotEncoder", [words], cats_strings=["b", "c"], zeros=1)
    learned("category_mapper", "CategoryMapper", [words], cats_strings=["a", "d"], cats_int64s=[1, 4], default_int64=0)
    trees(learned, x)


def trees(learned, x):
    """Two trees over three features, the first of depth two, the second of depth one."""
    nodes = {
        "nodes_treeids": [0, 0, 0, 0, 0, 1, 1, 1], "nodes_nodeids": [0, 1, 2, 3, 4, 0, 1, 2],
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "BRANCH_GT", "LEAF", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"],
        "nodes_featureids": [0, 0, 1, 0, 0, 2, 0, 0], "nodes_values": [0.1, 0.0, -0.3, 0.0, 0.0, 0.4, 0.0, 0.0],
        "nodes_truenodeids": [1, 0, 3, 0, 0, 1, 0, 0], "nodes_falsenodeids": [2, 0, 4, 0, 0, 2, 0, 0],
    }
    owners, leaves = [0, 0, 0, 1, 1], [1, 3, 4, 1, 2]
    weights = [0.2, 0.7, -0.4, 0.5, 0.1]
    for aggregate in ("SUM", "AVERAGE", "MIN", "MAX"):
        learned(f"tree_regressor_{aggregate.lower()}", "TreeEnsembleRegressor", [x], n_targets=1, aggregate_function=aggregate,
                target_treeids=owners, target_nodeids=leaves, target_ids=[0] * 5, target_weights=weights, **nodes)
    own = {"class_treeids": owners, "class_nodeids": leaves}
    for transform in ("NONE", "SOFTMAX", "LOGISTIC"):
        several = {"class_ids": [0, 1, 2, 2, 0], "class_weights": weights, "post_transform": transform}
        learned(f"tree_classifier_{transform.lower()}", "TreeEnsembleClassifier", [x], 2, classlabels_int64s=[3, 1, 2], **own, **several, **nodes)
    for name, given, transform in (("probable", [abs(weight) / 2 for weight in weights], "NONE"), ("signed", weights, "LOGISTIC"), ("raw", weights, "NONE")):
        single = {"class_ids": [0] * 5, "class_weights": given, "post_transform": transform}
        learned(f"tree_classifier_two_{name}", "TreeEnsembleClassifier", [x], 2, classlabels_strings=["no", "yes"], **own, **single, **nodes)


older_operator_sets()
corners()
classical()
