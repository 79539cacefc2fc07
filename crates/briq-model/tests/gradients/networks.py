"""Writes networks of many kinds as ONNX, with what PyTorch says of their losses and gradients, into the folder given.

One process makes all of them: PyTorch takes long to start. Values are drawn from a seed for each.
No bias stands right before a normalisation that takes it away again: its gradient would be nothing but rounding.
"""

import json
import math
import sys

import torch
from torch import nn
from torch.nn import functional as F


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.inner = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.again = nn.BatchNorm2d(4, momentum=0.3)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        x = F.relu(self.norm(self.stem(x)))
        x = F.relu(x + self.again(self.inner(x)))
        return self.head(x.mean((2, 3)))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attend = nn.MultiheadAttention(8, 2, batch_first=True)
        self.first = nn.LayerNorm(8)
        self.second = nn.LayerNorm(8)
        self.wide = nn.Linear(8, 16)
        self.narrow = nn.Linear(16, 8)
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        y = self.first(x)
        x = x + self.attend(y, y, y, need_weights=False)[0]
        x = x + self.narrow(F.gelu(self.wide(self.second(x))))
        return self.head(x.mean(1))


class Encoder(nn.Module):
    """Attention written out, with a mask, a class token and a table of positions that is no parameter."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(11, 8)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.register_buffer("places", torch.randn(1, 6, 8))
        self.register_buffer("mask", torch.tril(torch.ones(6, 6)).bool())
        self.qkv = nn.Linear(8, 24)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 5)

    def forward(self, index):
        x = self.words(index)
        x = torch.cat([self.token.expand(x.shape[0], 1, 8), x], 1) + self.places
        q, k, v = self.qkv(self.norm(x)).chunk(3, -1)
        split = lambda t: t.reshape(t.shape[0], 6, 2, 4).transpose(1, 2)
        scores = split(q) @ split(k).transpose(-1, -2) / math.sqrt(4)
        weights = torch.where(self.mask, scores, torch.tensor(-1e9)).softmax(-1)
        x = x + (weights @ split(v)).transpose(1, 2).reshape(x.shape[0], 6, 8)
        return self.head(x[:, 0])


class Sequence(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.words = nn.Embedding(9, 4)
        self.layer = layer
        self.head = nn.Linear(layer.hidden_size * (2 if layer.bidirectional else 1), 3)

    def forward(self, index):
        y, _ = self.layer(self.words(index))
        return self.head(y[:, -1] + y.mean(1))


class Pools(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3, padding=1)
        self.line = nn.Conv1d(3, 3, 3)
        self.head = nn.Linear(9, 3)

    def forward(self, x):
        x = torch.tanh(self.conv(x))
        a = F.max_pool2d(x, 3, 2, 1)
        b = F.avg_pool2d(x, 2, 2)
        c = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        d = F.max_pool2d(x, 2, 2, ceil_mode=True, dilation=2)
        y = F.avg_pool2d(x, 3, 3, ceil_mode=True)
        z = self.line(F.max_pool1d(x.flatten(2), 2) + F.avg_pool1d(x.flatten(2), 2))
        mean = lambda t: t.mean((2, 3))
        joined = torch.cat([mean(a * b + c), F.adaptive_max_pool2d(d, 1).flatten(1) + mean(y), z.amax(2)], 1)
        return self.head(joined)


class Spread(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(1, 4, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1)
        self.grouped = nn.ConvTranspose2d(3, 3, 2, stride=1, groups=3, bias=False)
        self.line = nn.ConvTranspose1d(3, 2, 4, stride=3, padding=1)

    def forward(self, x):
        x = self.grouped(torch.relu(self.up(torch.relu(self.down(x)))))
        return self.line(x.mean(2))


class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)
        self.mix = nn.Conv2d(2, 2, 3)

    def forward(self, x):
        x = F.interpolate(torch.tanh(self.conv(x)), scale_factor=2.0, mode="nearest")
        x = F.interpolate(x, scale_factor=1.5, mode="bilinear", align_corners=False)
        x = F.interpolate(self.mix(x), size=(5, 4), mode="bilinear", align_corners=True)
        return F.pad(F.pad(x, (1, 2, 0, 1), mode="reflect"), (1, 1, 2, 0), mode="replicate")


class Bends(nn.Module):
    """Every activation, one after the other."""

    def __init__(self):
        super().__init__()
        self.bends = nn.ModuleList([
            nn.GELU(), nn.Hardswish(), nn.SiLU(), nn.ELU(0.7), nn.LeakyReLU(0.2), nn.PReLU(6), nn.Softplus(),
            nn.Sigmoid(), nn.Hardsigmoid(), nn.SELU(), nn.CELU(0.6), nn.Softsign(), nn.Tanh(), nn.ReLU6(), nn.Mish(),
        ])
        self.layers = nn.ModuleList([nn.Linear(6, 6) for _ in self.bends])

    def forward(self, x):
        for layer, bend in zip(self.layers, self.bends):
            x = x + bend(3 * layer(x))
        return x


class Algebra(nn.Module):
    """Reductions, powers, choices, pieces and sums along axes."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(6, 6)
        self.b = nn.Linear(6, 6)

    def forward(self, x):
        p, q = self.a(x), self.b(x)
        y = torch.where(p > q, p * q, p.clamp(-0.5, 0.5)) + torch.sqrt(q * q + 1.0) + (p ** 2 + 0.1) ** 0.5
        y = y + torch.erf(p) + torch.exp(-q.abs()) + torch.logsumexp(p, 1, keepdim=True) + p.norm(dim=1, keepdim=True)
        y = y + torch.cumsum(q, 1) + torch.einsum("bi,bj->bij", p, q).sum(2) + F.normalize(q, dim=1)
        left, right = y.split([2, 4], 1)
        gathered = torch.gather(right, 1, torch.tensor([[3, 0, 0]]).expand(x.shape[0], 3))
        turned = left.repeat(1, 2)[:, :3] * gathered
        top = right.topk(3, 1)[0]
        return torch.cat([turned, top * right.amax(1, keepdim=True), right.prod(1, keepdim=True), y.amin(1, keepdim=True)], 1)


class Grouped(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1, bias=False)
        self.group = nn.GroupNorm(3, 6)
        self.single = nn.InstanceNorm2d(6, affine=True)
        self.response = nn.LocalResponseNorm(3)
        self.head = nn.Conv2d(6, 2, 1)

    def forward(self, x):
        return self.head(self.response(torch.relu(self.single(self.group(self.conv(x))))))


def separable():
    return nn.Sequential(
        nn.Conv2d(4, 8, 3, padding=1, groups=4), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2, dilation=2, padding=2, groups=8),
        nn.ReLU(), nn.Conv2d(8, 6, 1, groups=2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3),
    )


def convolutional():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=1, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 5, (3, 2), padding=(1, 0)),
        nn.Tanh(), nn.Flatten(), nn.Linear(5 * 4 * 3, 3),
    )


def volumes():
    return nn.Sequential(
        nn.Conv3d(1, 3, 2, padding=1, bias=False), nn.BatchNorm3d(3), nn.ReLU(), nn.MaxPool3d(2), nn.AvgPool3d(2, 1), nn.Flatten(),
        nn.Linear(3 * 8, 2),
    )


def lines():
    return nn.Sequential(
        nn.Conv1d(2, 4, 3, padding=1, bias=False), nn.BatchNorm1d(4), nn.ReLU(), nn.LPPool1d(2, 2), nn.Flatten(), nn.Linear(16, 3),
    )


WORDS = lambda bound, *shape: torch.randint(0, bound, shape)
REAL = torch.randn

NETWORKS = {
    # name: (module, input, loss, opset)
    "dense": (lambda: nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3)), lambda: REAL(7, 5), "cross-entropy", 13),
    "convolution": (convolutional, lambda: REAL(3, 1, 8, 8), "cross-entropy", 13),
    "depthwise": (separable, lambda: REAL(2, 4, 7, 7), "cross-entropy", 13),
    "residual, batch norm": (Residual, lambda: REAL(4, 2, 6, 6), "cross-entropy", 14),
    "attention, layer norm": (Attention, lambda: REAL(3, 5, 8), "cross-entropy", 17),
    "encoder, embedding": (Encoder, lambda: WORDS(11, 3, 5), "cross-entropy", 13),
    "embedding": (
        lambda: nn.Sequential(nn.Embedding(7, 4), nn.Flatten(), nn.Linear(12, 3)), lambda: WORDS(7, 5, 3), "cross-entropy", 13,
    ),
    "LSTM": (lambda: Sequence(nn.LSTM(4, 5, batch_first=True)), lambda: WORDS(9, 3, 6), "cross-entropy", 14),
    "LSTM, both directions": (
        lambda: Sequence(nn.LSTM(4, 3, num_layers=2, batch_first=True, bidirectional=True)), lambda: WORDS(9, 2, 5),
        "cross-entropy", 14,
    ),
    "GRU": (lambda: Sequence(nn.GRU(4, 5, batch_first=True)), lambda: WORDS(9, 3, 6), "cross-entropy", 14),
    "RNN": (lambda: Sequence(nn.RNN(4, 5, batch_first=True, bidirectional=True)), lambda: WORDS(9, 3, 6), "cross-entropy", 14),
    "pooling": (Pools, lambda: REAL(2, 1, 8, 8), "cross-entropy", 13),
    "transposed convolution": (Spread, lambda: REAL(2, 1, 6, 6), "mse", 13),
    "group and instance norm": (Grouped, lambda: REAL(2, 3, 5, 5), "mse", 13),
    "one dimension": (lines, lambda: REAL(4, 2, 8), "cross-entropy", 14),
    "three dimensions": (volumes, lambda: REAL(3, 1, 5, 5, 5), "cross-entropy", 14),
    "resizing and padding": (Scaled, lambda: REAL(2, 1, 4, 4), "mse", 13),
    "activations": (Bends, lambda: REAL(4, 6), "mse", 13),
    "algebra": (Algebra, lambda: REAL(4, 6), "mse", 13),
}


def numbers(tensor):
    return tensor.detach().double().flatten().tolist()


def target_for(output, loss):
    if loss == "mse":
        return torch.randn_like(output)
    return F.one_hot(torch.arange(output.shape[0]) % output.shape[1], output.shape[1]).float()


def record(folder, name, make, feed, loss, opset):
    torch.manual_seed(sum(map(ord, name)))
    module, x = make().train(), feed()
    statistics = {key: value.clone() for key, value in module.state_dict().items()}
    file = name.replace(", ", "-").replace(" ", "-") + ".onnx"
    torch.onnx.export(
        module, (x,), f"{folder}/{file}", opset_version=opset, training=torch.onnx.TrainingMode.TRAINING,
        do_constant_folding=False, keep_initializers_as_inputs=False, input_names=["x"], output_names=["y"],
    )
    module.load_state_dict(statistics)
    output = module(x)
    target = target_for(output, loss)
    value = F.mse_loss(output, target) if loss == "mse" else F.cross_entropy(output, target.argmax(1))
    value.backward()
    gradients = {key: numbers(parameter.grad) for key, parameter in module.named_parameters()}
    element = "i64" if x.dtype == torch.int64 else "f32"
    return {
        "name": name, "file": file, "input": numbers(x), "shape": list(x.shape), "element": element, "loss": loss,
        "target": numbers(target), "value": value.item(), "gradients": gradients,
    }


def main(folder):
    torch.set_num_threads(1)
    records = [record(folder, name, *rest) for name, rest in NETWORKS.items()]
    with open(f"{folder}/networks.json", "w") as file:
        json.dump(records, file)


main(sys.argv[1])
