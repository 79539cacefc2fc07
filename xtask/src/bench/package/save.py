"""Saves weights as others do: `save.py safetensors|mlflow FOLDER FILE…`; prints what it took."""

import json
import os
import resource
import sys
import time

what, folder, files = sys.argv[1], sys.argv[2], sys.argv[3:]


def flush(root):
    """What was written is on the disk, as it is when briq has packed."""
    for directory, _, names in os.walk(root):
        for name in names:
            with open(os.path.join(directory, name), "rb") as file:
                os.fsync(file.fileno())


if what == "safetensors":
    from safetensors.numpy import load_file, save_file

    tensors = {f"{number}": load_file(file)["weight"] for number, file in enumerate(files)}
    began = time.perf_counter()
    save_file(tensors, os.path.join(folder, "weights.safetensors"))
else:
    import mlflow.pyfunc

    class Model(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input

    artifacts = {f"{number}": file for number, file in enumerate(files)}
    began = time.perf_counter()
    mlflow.pyfunc.save_model(
        os.path.join(folder, "model"), python_model=Model(), artifacts=artifacts, pip_requirements=[]
    )
flush(folder)
seconds = time.perf_counter() - began
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"seconds": seconds, "memory": memory}))
