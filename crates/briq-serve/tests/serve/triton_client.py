"""Asks a server of the test models everything that tritonclient can ask over HTTP."""

import sys

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

client = triton.InferenceServerClient(sys.argv[1])
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("affine", "1.0.0")
assert client.get_server_metadata()["name"] == "briq"
metadata = client.get_model_metadata("affine")
assert metadata["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}], metadata
assert [row["name"] for row in client.get_model_repository_index()] == ["affine", "join", "softmax"]

x = np.array([[0.5, 2.0], [1.0, -1.0]], dtype=np.float32)
for binary_in in (False, True):
    for outputs in (None, [triton.InferRequestedOutput("y", binary_data=False)], [triton.InferRequestedOutput("y", binary_data=True)]):
        tensor = triton.InferInput("x", list(x.shape), "FP32")
        tensor.set_data_from_numpy(x, binary_data=binary_in)
        result = client.infer("affine", [tensor], outputs=outputs, request_id="seven", model_version="1.0.0")
        np.testing.assert_array_equal(result.as_numpy("y"), 2 * x + 1)
        response = result.get_response()
        assert response["id"] == "seven" and response["model_version"] == "1.0.0", response

words = np.array(["grüß ".encode(), b"dich"], dtype=np.object_)
for binary in (False, True):
    tensor = triton.InferInput("words", [2], "BYTES")
    tensor.set_data_from_numpy(words, binary_data=binary)
    result = client.infer("join", [tensor], outputs=[triton.InferRequestedOutput("text", binary_data=binary)])
    text = result.as_numpy("text")[0]
    assert (text.decode() if isinstance(text, bytes) else text) == "grüß dich", text

tensor = triton.InferInput("x", [1, 3], "FP32")
tensor.set_data_from_numpy(np.array([[0, 1, 0]], dtype=np.float32))
result = client.infer("softmax", [tensor], outputs=[triton.InferRequestedOutput("p", class_count=2)])
assert result.as_numpy("p")[0][0] == b"0.576117:1:dog", result.as_numpy("p")

statistics = client.get_inference_statistics("affine")["model_stats"][0]
assert statistics["inference_stats"]["success"]["count"] == 6, statistics

try:
    client.infer("digits", [tensor])
    raise SystemExit("an unknown model was answered")
except InferenceServerException as error:
    assert error.status() == "404" and "unknown model `digits`" in error.message(), error
print("content")
