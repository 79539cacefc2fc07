"""Whether ONNX Runtime and safetensors read what was exported, and answer the same. Usage: check_export.py FOLDER"""

import json
import os
import sys

import numpy as np
import onnxruntime
import safetensors.numpy

os.chdir(sys.argv[1])
request = json.load(open("request.json"))["inputs"][0]
answer = json.load(open("answer.json"))["outputs"][0]
feed = {request["name"]: np.array(request["data"], "float32").reshape(request["shape"])}
for name in ("one.onnx", "two.onnx"):
    session = onnxruntime.InferenceSession(name)
    (output,) = session.run(None, feed)
    np.testing.assert_allclose(output.ravel(), answer["data"], rtol=1e-5, atol=2e-6)
    assert session.get_modelmeta().custom_metadata_map["briq.digest"].startswith("blake3:")
tensors = safetensors.numpy.load_file("iris.safetensors")
assert tensors["dense_1.weight"].shape[0] == 4, {name: tensor.shape for name, tensor in tensors.items()}
