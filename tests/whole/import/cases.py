"""What the scripts beside this one share: how a case is written down.

A case is a model file, the request that `briq predict` gets, and the outputs that the framework itself gave for it.
"""

import json
import pathlib

import numpy as np

NAMES = {"float32": "FP32", "float64": "FP64", "int32": "INT32", "int64": "INT64", "uint8": "UINT8"}


def tensor(name, array):
    array = np.ascontiguousarray(array)
    return {
        "name": name,
        "shape": list(array.shape),
        "datatype": NAMES[str(array.dtype)],
        "data": array.ravel().tolist(),
    }


def write(folder, name, files, inputs, outputs, **more):
    """`files` are names in `folder`; `inputs` and `outputs` are lists of (name, array)."""
    folder = pathlib.Path(folder)
    request = {"inputs": [tensor(key, array) for key, array in inputs]}
    (folder / f"{name}.request.json").write_text(json.dumps(request))
    expected = [{"shape": list(np.shape(array)), "data": np.ravel(array).tolist()} for _, array in outputs]
    case = {"name": name, "files": files, "outputs": expected, **more}
    with open(folder / "cases.jsonl", "a") as cases:
        cases.write(json.dumps(case) + "\n")
