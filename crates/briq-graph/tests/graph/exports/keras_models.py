"""Writes the `keras_*.onnx` files beside it. Written with Keras 3.15, TensorFlow 2.21 and tf2onnx."""

import keras
import numpy
import tensorflow
import tf2onnx
from keras import layers

keras.utils.set_random_seed(0)


def gelu(x):
    return keras.activations.gelu(x, approximate=True)


def export(model, name):
    (shape,) = (value.shape for value in model.inputs)
    signature = [tensorflow.TensorSpec(shape, tensorflow.float32, name="x")]
    function = tensorflow.function(lambda x: model(x))
    tf2onnx.convert.from_function(function, input_signature=signature, opset=15, output_path=f"keras_{name}.onnx")


def convolutional():
    given = layers.Input((16, 16, 3))
    x = layers.Conv2D(4, 3, padding="same", use_bias=False)(given)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, padding="same", strides=2, use_bias=False)(x)
    x = layers.Activation("swish")(layers.BatchNormalization()(x))
    x = layers.Activation(gelu)(layers.Add()([x, layers.Conv2D(4, 1)(x)]))
    x = layers.Dense(5, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(given, x)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([numpy.random.rand(*array.shape) + 0.5 for array in layer.get_weights()])
    return model


def transformer():
    given = layers.Input((6, 8))
    x = layers.LayerNormalization()(given + layers.MultiHeadAttention(2, 4)(given, given))
    inner = layers.Dense(8)(layers.Dense(16, activation=gelu)(x))
    return keras.Model(given, layers.LayerNormalization()(x + inner))


export(convolutional(), "cnn")
export(transformer(), "transformer")
