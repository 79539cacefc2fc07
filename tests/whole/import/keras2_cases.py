"""Models of Keras 2, whose files are written another way than those of Keras 3. Usage: keras2_cases.py FOLDER"""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import numpy as np
import tf_keras as keras

import cases

FOLDER = sys.argv[1]
L = keras.layers
random = np.random.default_rng(1)


def case(name, model, *inputs):
    for weight in model.weights:
        values = random.normal(0.0, 0.4, weight.shape)
        weight.assign((np.abs(values) + 0.5 if "variance" in weight.name else values).astype("float32"))
    files = [f"{name}.h5", f"{name}.keras"]
    for file in files:
        model.save(f"{FOLDER}/{file}")
    answers = model.predict(list(inputs) if len(inputs) > 1 else inputs[0], verbose=0)
    answers = answers if isinstance(answers, list) else [answers]
    cases.write(FOLDER, name, files, list(zip(model.input_names, inputs)), [("", answer) for answer in answers])


def numbers(*shape):
    return random.normal(size=shape).astype("float32")


def chain():
    layers = [L.Dense(6, activation="relu", input_shape=(4,)), L.BatchNormalization(), L.Dense(1, activation="sigmoid")]
    case("keras2_chain", keras.Sequential(layers), numbers(3, 4))


def joined():
    image, words = keras.Input((8, 8, 2)), keras.Input((6,), dtype="int32")
    once = L.Conv2D(4, 3, padding="same", activation="relu")(image)
    pooled = L.GlobalAveragePooling2D()(L.Add()([once, L.SeparableConv2D(4, 3, padding="same")(once)]))
    layers = [L.Dense(5, activation="hard_sigmoid", input_shape=(4,)), L.BatchNormalization(), L.Dense(3)]
    inner = keras.Sequential(layers, name="inner")
    table = L.Embedding(9, 4)(words)
    read = L.Bidirectional(L.LSTM(3, recurrent_activation="hard_sigmoid"))(table)
    both = L.Concatenate()([inner(pooled), read, L.GRU(3)(table)])
    outputs = [both, L.Dense(2, activation="softmax")(both)]
    case("keras2_joined", keras.Model([image, words], outputs), numbers(2, 8, 8, 2), random.integers(0, 9, (2, 6)).astype("int32"))


chain()
joined()
