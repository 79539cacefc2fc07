"""Merges an unpacked adapter into its unpacked base with NumPy, and prints what ONNX Runtime answers with that."""

import json
import pathlib
import sys

import numpy
import onnx
import onnxruntime
from onnx import numpy_helper
from safetensors.numpy import load_file

folder, request = pathlib.Path(sys.argv[1]), json.load(open(sys.argv[2]))
manifest = json.load(open(folder / "tuned" / "briq.json"))
tensors = load_file(folder / "tuned" / "adapter_model.safetensors")
config = json.load(open(folder / "tuned" / "adapter_config.json"))
model = onnx.load(folder / "plain" / "model.onnx")
weights = {weight.name: weight for weight in model.graph.initializer}
for update in manifest["adapter"]["updates"]:
    down, up = tensors[update["down"]], tensors[update["up"]]
    module = update["down"].removeprefix("base_model.model.").removesuffix(".lora_A.weight")
    alpha = config["alpha_pattern"].get(module, config["lora_alpha"])
    change = alpha / numpy.sqrt(len(down)) * (up @ down)
    weight = numpy_helper.to_array(weights[update["parameter"]])
    # The one square matrix is read by a MatMul: it is the transpose of torch's.
    change = change.T if module == "q" or change.shape != weight.shape else change
    merged = (weight + change).astype(numpy.float32)
    weights[update["parameter"]].CopyFrom(numpy_helper.from_array(merged, update["parameter"]))
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
given = {one["name"]: numpy.array(one["data"], numpy.float32).reshape(one["shape"]) for one in request["inputs"]}
print(json.dumps([float(number) for number in session.run(None, given)[0].ravel()]))
