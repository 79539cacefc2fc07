"""Whether Hugging Face's loader finds a network's tensors by the index of its shards.

Usage: hub.py make FOLDER writes network.onnx and network.pt; hub.py check FOLDER loads FOLDER/unpacked.
"""

import sys
from pathlib import Path

import torch
from huggingface_hub import load_torch_model

what, folder = sys.argv[1], Path(sys.argv[2])


def network():
    # More than the 256 MiB of one shard; each bias is long enough to lie in a shard.
    return torch.nn.Sequential(torch.nn.Linear(4096, 16384), torch.nn.ReLU(), torch.nn.Linear(16384, 256))


if what == "make":
    torch.manual_seed(7)
    made = network()
    torch.save(made.state_dict(), folder / "network.pt")
    batch = {"x": {0: "batch"}, "y": {0: "batch"}}
    example = torch.zeros(1, 4096)
    names = {"input_names": ["x"], "output_names": ["y"]}
    torch.onnx.export(made, example, str(folder / "network.onnx"), dynamic_axes=batch, **names)
else:
    loaded = network()
    load_torch_model(loaded, folder / "unpacked", strict=True)
    for name, tensor in torch.load(folder / "network.pt").items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
