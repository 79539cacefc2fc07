"""Models of Keras, each saved as .h5 and .keras, with what Keras predicts. Usage: keras_cases.py FOLDER"""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import keras
import numpy as np

import cases

FOLDER = sys.argv[1]
L = keras.layers
random = np.random.default_rng(7)


def settle(model):
    """Weights that are not those of a fresh layer: statistics and biases too."""
    for weight in model.weights:
        values = random.normal(0.0, 0.4, weight.shape)
        name = weight.path.split("/")[-1]
        if "variance" in name:
            values = np.abs(values) + 0.5
        elif "gamma" in name:
            values = values + 1.0
        elif name in ("count",):
            continue
        weight.assign(values.astype("float32"))
    return model


def case(name, model, *inputs, fresh=True, files=("h5", "keras")):
    if fresh:
        settle(model)
    for kind in files:
        model.save(f"{FOLDER}/{name}.{kind}")
    answers = model.predict(list(inputs) if len(inputs) > 1 else inputs[0], verbose=0)
    answers = answers if isinstance(answers, list) else [answers]
    names = [tensor._keras_history.operation.name for tensor in model.inputs]
    cases.write(
        FOLDER, name, [f"{name}.{kind}" for kind in files], list(zip(names, inputs)), [("", a) for a in answers]
    )


def numbers(*shape):
    return random.normal(size=shape).astype("float32")


def article():
    """The classic first network: two hidden layers over a table, trained, saved as neural_network.h5."""
    model = keras.Sequential(
        [
            keras.Input((8,)),
            L.Dense(12, activation="relu"),
            L.Dense(8, activation="relu"),
            L.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    table = numbers(96, 8)
    model.fit(table, (table.sum(axis=1) > 0).astype("float32"), epochs=3, batch_size=16, verbose=0)
    case("neural_network", model, numbers(5, 8), fresh=False)


def images():
    model = keras.Sequential(
        [
            keras.Input((14, 13, 3)),
            L.Rescaling(1 / 127.5, offset=-1),
            L.Conv2D(6, 3, padding="same", activation="relu"),
            L.BatchNormalization(),
            L.MaxPooling2D(2),
            L.Conv2D(8, (3, 2), strides=2, padding="same", use_bias=False),
            L.Activation("swish"),
            L.Dropout(0.4),
            L.Flatten(),
            L.Dense(10, activation="softmax"),
        ]
    )
    case("cnn", model, (numbers(3, 14, 13, 3) * 40 + 120).astype("float32"))
    model = keras.Sequential(
        [
            keras.Input((16, 16, 4)),
            L.ZeroPadding2D(((1, 0), (2, 1))),
            L.DepthwiseConv2D(3, depth_multiplier=2, strides=2, padding="valid"),
            L.ReLU(6.0),
            L.SeparableConv2D(10, 3, padding="same", activation="elu"),
            L.AveragePooling2D(3, strides=2, padding="same"),
            L.UpSampling2D(2),
            L.Conv2DTranspose(5, 3, strides=2, padding="same", activation="leaky_relu"),
            L.Cropping2D(((1, 0), (0, 2))),
            L.Conv2D(6, 3, dilation_rate=2, groups=1, activation="softmax"),
            L.PReLU(shared_axes=[1, 2]),
            L.GlobalAveragePooling2D(),
            L.LayerNormalization(),
        ]
    )
    case("separable", model, numbers(2, 16, 16, 4))


def joined():
    image = keras.Input((12, 12, 3), name="image")
    table = keras.Input((5,), name="table")
    left = L.Conv2D(4, 3, padding="same", strides=2, activation="relu")(image)
    right = L.Conv2D(4, 3, padding="same", strides=2)(image)
    both = L.Concatenate()([left, L.Add()([left, right]), L.Multiply()([left, right])])
    inner = keras.Sequential(
        [keras.Input((6, 6, 12)), L.BatchNormalization(), L.Flatten(), L.Dense(4, activation="gelu")], name="head"
    )
    shared = L.Dense(4, activation="tanh", name="shared")
    once = shared(table)
    mixed = L.Concatenate()([inner(both), once, L.Subtract()([once, shared(L.Activation("relu")(table))])])
    pooled = L.GlobalMaxPooling2D()(both)
    outputs = [L.Dense(3, activation="softmax", name="kind")(mixed), L.Average(name="size")([pooled, pooled])]
    case("functional", keras.Model([image, table], outputs), numbers(3, 12, 12, 3), numbers(3, 5))


def sequences():
    words = random.integers(0, 30, size=(4, 9)).astype("int32")
    model = keras.Sequential([keras.Input((9,), dtype="int32"), L.Embedding(30, 6), L.LSTM(7), L.Dense(2)])
    case("embedding_lstm", model, words)
    model = keras.Sequential(
        [
            keras.Input((9, 3)),
            L.GRU(6, return_sequences=True),
            L.GRU(5, reset_after=False, recurrent_activation="hard_sigmoid"),
            L.Dense(2, activation="softplus"),
        ]
    )
    case("gru", model, numbers(4, 9, 3))
    model = keras.Sequential(
        [
            keras.Input((9, 3)),
            L.Conv1D(6, 3, padding="causal", activation="relu"),
            L.MaxPooling1D(2),
            L.Bidirectional(L.LSTM(4, return_sequences=True)),
            L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode="sum"),
            L.LSTM(4, go_backwards=True, return_sequences=True),
            L.TimeDistributed(L.Dense(4, activation="relu")),
            L.Bidirectional(L.SimpleRNN(4), merge_mode="ave"),
            L.RepeatVector(2),
            L.Permute((2, 1)),
            L.Reshape((2, -1)),
            L.Flatten(),
            L.Dense(3),
        ]
    )
    case("bidirectional", model, numbers(2, 9, 3))


def attention():
    steps = keras.Input((7, 8))
    mixed = L.MultiHeadAttention(num_heads=2, key_dim=5)(steps, steps)
    normed = L.LayerNormalization()(L.Add()([steps, mixed]))
    wide = L.Dense(8)(L.Dense(16, activation="gelu")(normed))
    pooled = L.GlobalAveragePooling1D()(L.LayerNormalization()(L.Add()([normed, wide])))
    case("transformer", keras.Model(steps, L.Dense(3)(pooled)), numbers(2, 7, 8))


def statistics():
    normal = L.Normalization()
    normal.adapt(numbers(50, 4) * 3 + 2)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            normal,
            L.Dense(6, use_bias=False),
            L.BatchNormalization(scale=False),
            L.LeakyReLU(negative_slope=0.1),
            L.Dense(6, activation="hard_sigmoid"),
            L.BatchNormalization(center=False),
            L.Dense(3, activation="mish"),
            L.Softmax(),
        ]
    )
    for layer in model.layers[1:]:
        settle(layer)
    case("normalized", model, numbers(6, 4), fresh=False)


for make in (article, images, joined, sequences, attention, statistics):
    make()
