"""Writes the `torch_*.onnx` files beside it. Written with PyTorch 1.13.1 and its first exporter."""

import warnings

import torch
from torch import nn

warnings.filterwarnings("ignore")
torch.manual_seed(0)
BATCH = {"x": {0: "batch"}, "y": {0: "batch"}}
TIME = {name: {0: "batch", 1: "time"} for name in ["x", "m", "y"]}


def export(model, inputs, name, axes, opset):
    names = ["x", "m"][: len(inputs)]
    axes = {name: axes[name] for name in [*names, "y"]}
    file = f"torch_{name}.onnx"
    torch.onnx.export(
        model.eval(), inputs, file, opset_version=opset, input_names=names, output_names=["y"], dynamic_axes=axes
    )


def normed(*layers, channels):
    norm = nn.BatchNorm2d(channels)
    norm.running_mean.normal_()
    norm.running_var.uniform_(0.5, 1.5)
    return nn.Sequential(*layers, norm)


def conv(inputs, outputs, size, **more):
    return nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False, **more)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(normed(conv(3, 4, 3), channels=4), nn.ReLU(), nn.MaxPool2d(2))
        self.a = nn.Sequential(normed(conv(4, 4, 3), channels=4), nn.ReLU(), normed(conv(4, 4, 3), channels=4))
        self.b = nn.Sequential(
            normed(conv(4, 8, 3, stride=2), channels=8), nn.ReLU(), normed(conv(8, 8, 3), channels=8)
        )
        self.down = normed(conv(4, 8, 1, stride=2), channels=8)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = self.stem(x)
        x = torch.relu(self.a(x) + x)
        x = torch.relu(self.b(x) + self.down(x))
        return self.head(torch.flatten(nn.functional.adaptive_avg_pool2d(x, 1), 1))


class Mobile(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(normed(conv(3, 4, 3, stride=2), channels=4), nn.Hardswish())
        up = [normed(conv(4, 8, 1), channels=8), nn.ReLU6(), normed(conv(8, 8, 3, groups=8), channels=8), nn.SiLU()]
        self.up = nn.Sequential(*up)
        gate = [nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 2, 1), nn.ReLU(), nn.Conv2d(2, 8, 1), nn.Hardsigmoid()]
        self.gate = nn.Sequential(*gate)
        self.down = normed(conv(8, 4, 1), channels=4)
        self.head = nn.Sequential(nn.Linear(4, 6), nn.Mish(), nn.Dropout(), nn.Linear(6, 5))

    def forward(self, x):
        x = self.stem(x)
        h = self.up(x)
        x = x + self.down(h * self.gate(h))
        return self.head(x.mean([2, 3]))


class Attention(nn.Module):
    """Written out by hand, with a mask of ones and zeros."""

    def __init__(self, width=8, heads=2):
        super().__init__()
        self.heads, self.depth = heads, width // heads
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
        self.norm, self.last = nn.LayerNorm(width), nn.LayerNorm(width)
        self.inner = nn.Sequential(nn.Linear(width, 16), nn.GELU(), nn.Linear(16, width))

    def split(self, x):
        return x.view(x.size(0), x.size(1), self.heads, self.depth).permute(0, 2, 1, 3)

    def forward(self, x, m):
        q, k, v = self.split(self.q(x)), self.split(self.k(x)), self.split(self.v(x))
        scores = torch.matmul(q, k.transpose(-1, -2)) / self.depth**0.5
        scores = scores + (1.0 - m[:, None, None, :]) * -10000.0
        context = torch.matmul(torch.softmax(scores, -1), v).permute(0, 2, 1, 3).contiguous()
        x = self.norm(x + self.o(context.view(context.size(0), context.size(1), -1)))
        return self.last(x + self.inner(x))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.LSTM(5, 6, 2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(12, 3)

    def forward(self, x):
        y, _ = self.layers(x)
        return self.head(y[:, -1])


images = torch.randn(2, 3, 16, 16)
export(Residual(), (images,), "resnet", BATCH, 13)
export(Mobile(), (images,), "mobilenet", BATCH, 14)
layer = nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", batch_first=True)
export(layer, (torch.randn(2, 5, 8),), "transformer", TIME, 14)
export(Attention(), (torch.randn(2, 5, 8), torch.ones(2, 5)), "attention", TIME, 13)
export(Recurrent(), (torch.randn(2, 4, 5),), "lstm", BATCH, 13)
