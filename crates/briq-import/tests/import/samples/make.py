"""Makes the samples in this folder: one small network in every container. Needs keras, h5py and torch.

    python make.py keras    # in an environment with tensorflow-cpu and h5py
    python make.py torch    # in one with torch
"""

import sys

import numpy as np

KERNEL = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], "float32")
BIAS = np.array([1.0, 2.0, 3.0], "float32")


def keras_files():
    import h5py
    import keras

    model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(3, name="dense", activation="relu")], name="tiny")
    model.layers[0].set_weights([KERNEL, BIAS])
    model.save("tiny.h5", include_optimizer=False)
    model.save("tiny.keras", include_optimizer=False)
    options = {"chunks": True, "compression": "gzip", "shuffle": True, "fletcher32": True}
    for name, version, more in (("chunked.h5", "earliest", options), ("latest.h5", "latest", {})):
        with h5py.File("tiny.h5") as source, h5py.File(name, "w", libver=version) as target:
            for key, value in source.attrs.items():
                target.attrs[key] = value

            def copy(path, item):
                is_group = isinstance(item, h5py.Group)
                made = target.create_group(path) if is_group else target.create_dataset(path, data=item[()], **more)
                for key, value in item.attrs.items():
                    made.attrs[key] = value

            source.visititems(copy)


def torch_files():
    import torch

    model = torch.nn.Linear(2, 3)
    model.weight.data, model.bias.data = torch.tensor(KERNEL.T.copy()), torch.tensor(BIAS)
    torch.save(model.state_dict(), "tiny.pt")
    torch.save(model.state_dict(), "tiny_legacy.pt", _use_new_zipfile_serialization=False)
    torch.save({"model": model.state_dict(), "epoch": 7}, "checkpoint.pt")
    torch.save(model, "whole_model.pt")


{"keras": keras_files, "torch": torch_files}[sys.argv[1]]()
