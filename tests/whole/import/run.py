"""Answers an OIP request by ONNX Runtime: run.py MODEL REQUEST prints the first output as a JSON list."""

import json
import sys

import numpy
import onnxruntime

KINDS = {"FP32": numpy.float32, "INT64": numpy.int64}

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
with open(sys.argv[2], encoding="utf-8") as file:
    request = json.load(file)
fed = {one["name"]: numpy.array(one["data"], KINDS[one["datatype"]]).reshape(one["shape"]) for one in request["inputs"]}
print(json.dumps(session.run(None, fed)[0].ravel().tolist()))
