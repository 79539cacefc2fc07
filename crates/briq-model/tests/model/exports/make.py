"""Exports small networks with both exporters of PyTorch 2, and records what PyTorch itself answers.

Usage, in an environment with torch, onnx, onnxscript and safetensors: python make.py FOLDER

For each network it writes `NAME.EXPORT.onnx`, where the export is one of those below, and `NAME.safetensors` with
some calls: `0.x` is the input `x` of the first one, `0.y` its output `y`. The files beside this script were made with
torch 2.15.0, onnx 1.23.2 and onnxscript 0.7.2.
"""

import math
import pathlib
import sys
import warnings

import onnx
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

FOLDER = pathlib.Path(sys.argv[1])
BATCH = {0: "batch"}
SEQUENCE = {0: "batch", 1: "time"}

DYNAMO = {"dynamo": {"dynamo": True, "external_data": False}}
BOTH = DYNAMO | {"torchscript": {"dynamo": False}}
# From opset 21 on, normalizations and attention are operators of their own.
LATE = {"opset23": {"dynamo": True, "external_data": False, "opset_version": 23}}

NETWORKS = []
torch.manual_seed(7)


def network(calls, outputs=("y",), exports=BOTH, dynamic=BATCH, traced=None):
    """Registers a class with the calls that are recorded; the first is the example that the exporters see.

    The second exporter leaves open the axes in `traced`, where these are not the same.
    """

    def register(make):
        NETWORKS.append((make, calls, outputs, exports, {True: dynamic, False: traced or dynamic}))
        return make

    return register


def numbers(*shapes):
    """One input `x` of floats, in several calls."""
    return [{"x": torch.randn(shape)} for shape in shapes]


def words(count, *shapes):
    """One input `x` of indices into a table, in several calls."""
    return [{"x": torch.randint(count, shape)} for shape in shapes]


def normed(*layers, channels):
    return nn.Sequential(*layers, nn.BatchNorm2d(channels))


@network(numbers((4, 6), (1, 6), (9, 6)))
class Mlp(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.4), nn.Linear(16, 3), nn.Softmax(-1))


@network(numbers((2, 3, 12, 12), (5, 3, 12, 12)))
class Convolutional(nn.Sequential):
    def __init__(self):
        super().__init__(
            normed(nn.Conv2d(3, 6, 3, padding=1, bias=False), channels=6),
            nn.ReLU(),
            nn.MaxPool2d(2),
            normed(nn.Conv2d(6, 8, 3, padding="same", dilation=2), channels=8),
            nn.LeakyReLU(0.1),
            nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True, count_include_pad=False),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(32, 4),
        )


@network([{"x": torch.randint(256, (n, 4, 9, 9), dtype=torch.uint8)} for n in (2, 3)])
class Residual(nn.Module):
    """Its input are bytes."""

    def __init__(self):
        super().__init__()
        first = normed(nn.Conv2d(4, 8, 3, stride=2, padding=1, bias=False), channels=8)
        second = normed(nn.Conv2d(8, 8, 3, padding=1, bias=False), channels=8)
        self.body = nn.Sequential(first, nn.ReLU(inplace=True), second)
        self.short = normed(nn.Conv2d(4, 8, 1, stride=2, bias=False), channels=8)

    def forward(self, x):
        x = x.float() / 127.5 - 1
        return F.relu(self.body(x) + self.short(x)).mean((2, 3))


@network(numbers((2, 8, 7, 7), (4, 8, 7, 7)))
class Inverted(nn.Module):
    def __init__(self):
        super().__init__()
        wide = normed(nn.Conv2d(8, 16, 1, bias=False), channels=16)
        deep = normed(nn.Conv2d(16, 16, 3, padding=1, groups=16, bias=False), channels=16)
        self.wide, self.deep = nn.Sequential(wide, nn.SiLU()), nn.Sequential(deep, nn.Hardswish())
        layers = nn.AdaptiveAvgPool2d(1), nn.Conv2d(16, 4, 1), nn.ReLU6(), nn.Conv2d(4, 16, 1), nn.Hardsigmoid()
        self.gate, self.narrow = nn.Sequential(*layers), normed(nn.Conv2d(16, 8, 1, bias=False), channels=8)

    def forward(self, x):
        wide = self.deep(self.wide(x))
        return x + self.narrow(wide * self.gate(wide))


@network(numbers((2, 4, 5, 5), (3, 4, 5, 5)))
class Enlarging(nn.Module):
    def __init__(self):
        super().__init__()
        self.up = nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1)
        self.mix, self.fine = nn.Conv2d(6, 8, 3, padding=1, padding_mode="reflect"), nn.PixelShuffle(2)

    def forward(self, x):
        x = F.interpolate(F.elu(self.up(x)), scale_factor=2, mode="nearest")
        x = F.interpolate(self.mix(x), size=(9, 7), mode="bilinear", align_corners=False)
        x = F.interpolate(self.fine(x), scale_factor=1.5, mode="bilinear", align_corners=True)
        return F.interpolate(x, size=(12, 12), mode="bicubic", align_corners=False)


@network(numbers((2, 6, 8), (3, 6, 8)), exports=BOTH | LATE)
class Normalized(nn.Module):
    def __init__(self):
        super().__init__()
        self.group, self.layer = nn.GroupNorm(3, 6), nn.LayerNorm((6, 8))
        self.instance = nn.InstanceNorm1d(6, affine=True)

    def forward(self, x):
        x = F.gelu(self.group(x)) + F.gelu(self.layer(x), approximate="tanh")
        return F.mish(self.instance(x))


@network(numbers((2, 3, 20), (4, 3, 20)))
class Signal(nn.Module):
    """One axis: dilation, causal padding, weights that are normalized, pooling."""

    def __init__(self):
        super().__init__()
        self.first = nn.utils.parametrizations.weight_norm(nn.Conv1d(3, 6, 3, dilation=2))
        self.second, self.act = nn.Conv1d(6, 4, 5, stride=2, groups=2), nn.PReLU(6)

    def forward(self, x):
        x = self.act(self.first(F.pad(x, (4, 0))))
        return F.avg_pool1d(self.second(F.max_pool1d(x, 3, 1, padding=1)), 2).flatten(1)


@network(numbers((2, 5, 8), (1, 5, 8), (3, 7, 8)), exports=BOTH | LATE, dynamic=SEQUENCE, traced=BATCH)
class Encoder(nn.TransformerEncoder):
    def __init__(self):
        layer = nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", batch_first=True)
        super().__init__(layer, 2, enable_nested_tensor=False)


def padded(*sizes):
    return [{"x": torch.randn(n, t, 8), "m": torch.arange(t) >= torch.randint(2, t, (n, 1))} for n, t in sizes]


@network(padded((3, 6), (2, 6), (2, 4)), exports=BOTH | LATE, dynamic=SEQUENCE, traced=BATCH)
class Attention(nn.Module):
    """Two ways to attend: a module with a mask of what is padding, and the function with grouped heads."""

    def __init__(self):
        super().__init__()
        self.attend = nn.MultiheadAttention(8, 2, batch_first=True)
        self.project = nn.Linear(8, 16)

    def forward(self, x, m):
        x = x + self.attend(x, x, x, key_padding_mask=m, need_weights=False)[0]
        q, k, v = self.project(x).unflatten(-1, (-1, 4)).transpose(1, 2).split([2, 1, 1], 1)
        y = F.scaled_dot_product_attention(q, k.expand_as(q), v.expand_as(q), is_causal=True)
        return y.transpose(1, 2).flatten(2)


@network(words(20, (3, 6), (1, 4)), dynamic=SEQUENCE)
class Embedded(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.head = nn.Embedding(20, 8, padding_idx=0), nn.Linear(8, 3)

    def forward(self, x):
        kept = (x != 0).unsqueeze(-1)
        return F.log_softmax(self.head((self.table(x) * kept).sum(1) / kept.sum(1).clamp(min=1)), -1)


@network(words(24, (2, 6), (1, 3), (3, 9)), exports=DYNAMO | LATE, dynamic=SEQUENCE)
class Language(nn.Module):
    """A decoder of today: rotary positions, grouped heads, a causal mask, a gated network, tied weights.

    The second exporter does not know `RMSNorm`.
    """

    def __init__(self):
        super().__init__()
        self.table, self.last = nn.Embedding(24, 16), nn.RMSNorm(16, eps=1e-5)
        self.attended, self.fed = nn.RMSNorm(16, eps=1e-5), nn.RMSNorm(16, eps=1e-5)
        self.q, self.kv, self.o = (nn.Linear(16, width, bias=False) for width in (16, 8, 16))
        self.gate, self.up, self.down = (nn.Linear(*sizes, bias=False) for sizes in [(16, 24), (16, 24), (24, 16)])
        self.register_buffer("speeds", 10000.0 ** (-torch.arange(0, 4, 2) / 4))

    def turn(self, x):
        angles = torch.arange(x.shape[2], dtype=torch.float32)[None, :, None] * self.speeds
        cos, sin = (function(torch.cat([angles, angles], -1)).unsqueeze(1) for function in (torch.cos, torch.sin))
        return x * cos + torch.cat([-x[..., 2:], x[..., :2]], -1) * sin

    def forward(self, x):
        x = self.table(x)
        h = self.attended(x)
        q, kv = (project(h).unflatten(-1, (-1, 4)).transpose(1, 2) for project in (self.q, self.kv))
        k, v = kv.chunk(2, 1)
        y = F.scaled_dot_product_attention(self.turn(q), self.turn(k), v, is_causal=True, enable_gqa=True)
        x = x + self.o(y.transpose(1, 2).flatten(2))
        h = self.fed(x)
        x = x + self.down(F.silu(self.gate(h)) * self.up(h))
        return F.linear(self.last(x), self.table.weight)


@network(numbers((3, 7, 5), (1, 7, 5)))
class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers, self.head = nn.LSTM(5, 6, 2, batch_first=True, bidirectional=True, dropout=0.2), nn.Linear(12, 2)

    def forward(self, x):
        return self.head(self.layers(x)[0][:, -1])


@network(numbers((3, 7, 5), (2, 7, 5)), outputs=("y", "h"))
class Gru(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.GRU(5, 6, batch_first=True)

    def forward(self, x):
        steps, last = self.layers(x)
        return steps, last.squeeze(0)


@network(numbers((3, 6, 8), (2, 5, 8)), outputs=("y", "kinds", "places", "kept"), dynamic=SEQUENCE)
class Indexing(nn.Module):
    """Slices, gathers, choices and what else does not compute; outputs of three types."""

    def __init__(self):
        super().__init__()
        self.register_buffer("order", torch.tensor([3, 0, 7, 1]))

    def forward(self, x):
        best, places = x.topk(3, -1)
        kept = (x > 0.5) & ~torch.isnan(x)
        parts = [
            x[:, 1:, ::2],
            x[:, :-1].index_select(2, self.order),
            torch.where(kept, x, -x.abs()).flip(2)[:, 1:, :2],
            x.masked_fill(kept, 2.0).cumsum(2)[:, 1:, 4:],
            torch.gather(x, 2, places)[:, 1:] + best[:, 1:],
            x.roll(1, 2).sort(-1, descending=True)[0][:, 1:, 2:5],
            F.one_hot(x[:, 1:].argmax(-1), 8).float(),
            torch.stack([x[..., 0], x[..., -1]], -1)[:, 1:],
        ]
        return torch.cat(parts, -1), x.argmax(-1), places, kept.any(-1)


@network([{"a": torch.randn(n, 4, 6), "b": torch.randn(n, 5, 6)} for n in (2, 3)], outputs=("y", "z"))
class Products(nn.Module):
    """Einstein sums, batched products, norms and reductions."""

    def __init__(self):
        super().__init__()
        self.core, self.shift = nn.Parameter(torch.randn(6, 3, 6)), nn.Parameter(torch.randn(5, 1))

    def forward(self, a, b):
        y = torch.einsum("nik,khl,njl->nhij", a, self.core, b) / math.sqrt(6)
        z = torch.baddbmm(self.shift, b, a.transpose(1, 2)) * torch.linalg.vector_norm(b, dim=-1, keepdim=True)
        z = torch.cat([z, F.normalize(b, dim=-1), b.std(1, keepdim=True).expand_as(b)], -1)
        return y.logsumexp(1) + y.amax(1).tanh() + torch.tril(y.var(1)), z


@network([{"x": torch.randn(n, 4) + shift} for n, shift in [(2, 1), (3, -1)]], exports=DYNAMO)
class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.other = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x):
        return torch.cond(x.sum() > 0, lambda x: self.one(x).tanh(), lambda x: self.other(x) * 2, (x,))


@network(numbers((3, 24), (2, 24)), exports={"dynamo": {"dynamo": True}})
class External(nn.Sequential):
    """Its weights lie in a file beside it, which is the default."""

    def __init__(self):
        super().__init__(nn.Linear(24, 64), nn.Tanh(), nn.Linear(64, 5))


def settled(model):
    """A network for answering, whose shifts, scales and statistics are not the zeros and ones that they start with."""
    for tensor in model.state_dict().values():
        if tensor.is_floating_point() and tensor.dim() == 1:
            tensor.add_(torch.rand_like(tensor) * 0.5)
    return model.eval()


def record(model, calls, outputs):
    """Each call and its answers, by number and name."""
    recorded = {}
    for at, call in enumerate(calls):
        with torch.no_grad():
            answers = model(*call.values())
        answers = answers if isinstance(answers, tuple) else (answers,)
        named = call | dict(zip(outputs, answers, strict=True))
        recorded |= {f"{at}.{name}": tensor.contiguous() for name, tensor in named.items()}
    return recorded


def export(model, example, outputs, open_axes, options, path):
    names = list(example)
    if options["dynamo"]:
        axes = {"dynamic_shapes": tuple(open_axes for _ in names)}
    else:
        axes = {"dynamic_axes": {name: open_axes for name in names}}
    named = {"input_names": names, "output_names": list(outputs)}
    torch.onnx.export(model, tuple(example.values()), path, verbose=False, **named, **axes, **options)
    written = onnx.load(path, load_external_data=False)
    strip(written.graph)
    onnx.save(written, path)


def strip(graph):
    """Takes away what nodes tell of the source text: it is longer than the network, and names folders."""
    for node in graph.node:
        del node.metadata_props[:]
        for attribute in node.attribute:
            strip(attribute.g)


def main():
    warnings.filterwarnings("ignore")
    for make, calls, outputs, exports, axes in NETWORKS:
        torch.manual_seed(7)
        name, model = make.__name__.lower(), settled(make())
        save_file(record(model, calls, outputs), FOLDER / f"{name}.safetensors")
        for kind, options in exports.items():
            path = str(FOLDER / f"{name}.{kind}.onnx")
            export(model, calls[0], outputs, axes[options["dynamo"]], options, path)
    print("torch", torch.__version__, "onnx", onnx.__version__)


main()
