"""Networks of TensorFlow and scikit-learn, by way of ONNX. Usage: onnx_cases.py FOLDER"""

import os
import sys
import warnings

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
warnings.filterwarnings("ignore")

import keras
import numpy as np
import skl2onnx
import tensorflow as tf
import tf2onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_digits, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import cases

FOLDER = sys.argv[1]
random = np.random.default_rng(3)


def tensorflow():
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(5, activation="softmax"),
        ]
    )
    example = random.normal(size=(3, 8, 8, 1)).astype("float32")
    signature = [tf.TensorSpec((None, 8, 8, 1), tf.float32, name="image")]
    function = tf.function(lambda image: model(image), input_signature=signature)
    tf2onnx.convert.from_function(function, signature, opset=17, output_path=f"{FOLDER}/tf2onnx.onnx")
    answer = model.predict(example, verbose=0)
    cases.write(FOLDER, "tf2onnx", ["tf2onnx.onnx"], [("image", example)], [("", answer)])


def scikit(name, model, table, target, predict, options):
    table = table.astype("float32")
    model.fit(table, target)
    kinds = [("x", FloatTensorType([None, table.shape[1]]))]
    options = {id(model): options} if options else None
    converted = skl2onnx.convert_sklearn(model, initial_types=kinds, options=options, target_opset=17)
    with open(f"{FOLDER}/{name}.onnx", "wb") as file:
        file.write(converted.SerializeToString())
    answers = [(output.name, predict(output.name, table[:7])) for output in converted.graph.output]
    cases.write(FOLDER, name, [f"{name}.onnx"], [("x", table[:7])], answers)


def scikit_learn():
    iris, digits = load_iris(), load_digits()

    def classes(model):
        return lambda output, rows: model.predict(rows) if "label" in output else model.predict_proba(rows)

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    scikit("logistic_iris", model, iris.data, iris.target, classes(model), {"zipmap": False})
    model = MLPClassifier(hidden_layer_sizes=(16,), max_iter=40, random_state=1)
    scikit("mlp_digits", model, digits.data / 16, digits.target, classes(model), {"zipmap": False})
    model = MLPRegressor(hidden_layer_sizes=(12, 6), max_iter=60, random_state=1, activation="tanh")
    predict = lambda _, rows: model.predict(rows).reshape(-1, 1)
    scikit("mlp_regressor", model, iris.data[:, :3], iris.data[:, 3], predict, None)


tensorflow()
scikit_learn()
