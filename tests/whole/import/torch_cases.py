"""Models of PyTorch: parameters in every form that torch.save has, and exports to ONNX. Usage: torch_cases.py FOLDER"""

import json
import sys
from collections import OrderedDict

import numpy as np
import torch
from torch import nn

import cases

FOLDER = sys.argv[1]
torch.manual_seed(5)
torch.use_deterministic_algorithms(True)


def settle(model):
    for name, tensor in model.state_dict().items():
        if "num_batches" not in name:
            fresh = torch.randn(tensor.shape) * 0.4
            tensor.copy_(fresh.abs() + 0.5 if name.endswith("running_var") else fresh)
    return model.eval()


def recipe(name, layers, shape):
    lines = ["[package]", f'name = "{name}"', 'version = "1.0.0"']
    for layer in layers:
        lines += ["[[layer]]"] + [f"{key} = {json.dumps(value)}" for key, value in layer.items()]
    with open(f"{FOLDER}/{name}.toml", "w") as file:
        file.write("\n".join(lines) + "\n")
    return {"architecture": f"{name}.toml", "input_shape": shape}


def safetensors(path, state):
    """The format by hand: Debian has no safetensors for Python."""
    header, data = {}, b""
    for name in sorted(state):
        array = state[name].contiguous().numpy()
        kind = {"float32": "F32", "float64": "F64", "float16": "F16", "int64": "I64"}[str(array.dtype)]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + data)


def parameters(name, model, layers, example, shape=None):
    """The same parameters in each form, and what the model answers."""
    settle(model)
    state = model.state_dict()
    torch.save(state, f"{FOLDER}/{name}.pt")
    torch.save({"epoch": 3, "loss": 0.25, "state_dict": state, "args": ["x", (1, 2)]}, f"{FOLDER}/{name}.pth")
    torch.save(state, f"{FOLDER}/{name}_legacy.pt", _use_new_zipfile_serialization=False)
    torch.save(OrderedDict((k, v) for k, v in state.items()), f"{FOLDER}/{name}_p4.pt", pickle_protocol=4)
    safetensors(f"{FOLDER}/{name}.safetensors", state)
    files = [f"{name}{end}" for end in (".pt", ".pth", "_legacy.pt", "_p4.pt", ".safetensors")]
    with torch.no_grad():
        answer = model(example).numpy()
    declared = recipe(name, layers, shape)
    cases.write(FOLDER, name, files, [("input", example.numpy())], [("", answer)], **declared)


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(6, 16), nn.Linear(16, 16), nn.Linear(16, 3)

    def forward(self, x):
        return torch.softmax(self.fc3(torch.relu(self.fc2(torch.tanh(self.fc1(x))))), -1)


def declared():
    layers = [
        {"type": "dense", "units": 16, "activation": "tanh"},
        {"type": "dense", "units": 16, "activation": "relu"},
        {"type": "dense", "units": 3, "activation": "softmax"},
    ]
    parameters("torch_mlp", Mlp(), layers, torch.randn(5, 6))
    model = nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, (3, 2), bias=False),
        nn.GELU(),
        nn.Flatten(),
        nn.Linear(8 * 3 * 4, 10),
        nn.LayerNorm(10),
        nn.SiLU(),
        nn.Dropout(0.3),
        nn.Linear(10, 4),
    )
    layers = [
        {"type": "conv2d", "filters": 6, "kernel": 3, "padding": 1},
        {"type": "batch-norm"},
        {"type": "activation", "function": "relu"},
        {"type": "max-pool2d", "size": 2},
        {"type": "conv2d", "filters": 8, "kernel": [3, 2], "bias": False, "activation": "gelu"},
        {"type": "flatten"},
        {"type": "dense", "units": 10},
        {"type": "layer-norm"},
        {"type": "activation", "function": "silu"},
        {"type": "dropout", "rate": 0.3},
        {"type": "dense", "units": 4},
    ]
    parameters("torch_cnn", model, layers, torch.randn(3, 2, 10, 10), "2,10,10")


def awkward():
    """A view with strides and an offset, other types, and what must be refused."""
    whole = torch.randn(9, 8).double()
    state = {"only.weight": whole[1:4, ::2], "only.bias": torch.randn(3).half()}
    torch.save(state, f"{FOLDER}/views.pt")
    model = nn.Linear(4, 3)
    model.load_state_dict({"weight": state["only.weight"].float(), "bias": state["only.bias"].float()})
    example = torch.randn(2, 4)
    declared = recipe("views", [{"type": "dense", "units": 3}], None)
    answer = model(example).detach().numpy()
    cases.write(FOLDER, "views", ["views.pt"], [("input", example.numpy())], [("", answer)], **declared)
    torch.save(nn.Linear(2, 2), f"{FOLDER}/whole_model.pt")
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), f"{FOLDER}/script.pt")


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(5, 6, num_layers=2, batch_first=True, bidirectional=True), nn.Linear(12, 2)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


def exported():
    block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    convolutional = nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2), nn.BatchNorm2d(6), nn.Hardswish(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)
    )
    models = {
        "onnx_mlp": (Mlp(), torch.randn(4, 6)),
        "onnx_cnn": (convolutional, torch.randn(2, 3, 11, 11)),
        "onnx_transformer": (block, torch.randn(2, 5, 8)),
        "onnx_lstm": (Recurrent(), torch.randn(3, 7, 5)),
    }
    for name, (model, example) in models.items():
        # In training mode the transformer is exported as plain operators, not as one of PyTorch's own.
        settle(model)
        mode = torch.onnx.TrainingMode.PRESERVE
        model.train(name == "onnx_transformer")
        with torch.no_grad():
            answer = model(example).numpy()
        axes = {"input": {0: "batch"}, "output": {0: "batch"}}
        torch.onnx.export(
            model, example, f"{FOLDER}/{name}.onnx", input_names=["input"], output_names=["output"],
            dynamic_axes=axes, opset_version=14, training=mode, do_constant_folding=False,
        )
        cases.write(FOLDER, name, [f"{name}.onnx"], [("input", example.numpy())], [("", answer)])


declared()
awkward()
exported()
