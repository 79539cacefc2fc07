"""Exports networks of torchvision, timm and transformers, and some that are written here, as ONNX files with random weights.

    pip install torch torchvision timm transformers onnx onnxscript
    python benches/exports/make.py FOLDER [NETWORK ...]
    cargo xtask bench runtime --onnx FOLDER/resnet18.onnx --onnx FOLDER/unet.onnx ...

The first axis is left open, and inputs of transformers are 64 tokens: `--range input=3..2000`.
"""

import pathlib
import sys

import timm
import torch
import torchvision
import transformers
from torch import nn

TORCHVISION = """alexnet convnext_tiny densenet121 efficientnet_b0 mnasnet1_0 mobilenet_v3_large regnet_y_400mf resnet18
resnext50_32x4d shufflenet_v2_x1_0 squeezenet1_1 swin_t vgg11 vit_b_32""".split()
TIMM = """deit_tiny_patch16_224 edgenext_xx_small efficientvit_b0 fastvit_t8 ghostnet_100 hrnet_w18_small mixer_s32_224
mobilevit_xxs poolformer_s12 repvgg_a0""".split()
WIDE = {"edgenext_xx_small": 256, "fastvit_t8": 256, "mobilevit_xxs": 256, "inception_v3": 299}
SIZES = dict(vocab_size=2000, hidden_size=256, num_hidden_layers=4, num_attention_heads=4)
GATED = dict(SIZES, num_key_value_heads=2, intermediate_size=704)
MARKS = dict(pad_token_id=0, bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2)


class Only(nn.Module):
    """A module of which one output is wanted."""

    def __init__(self, module, output):
        super().__init__()
        self.module, self.output = module, output

    def forward(self, x):
        return self.output(self.module(x))


def transformer(name, settings, output="last_hidden_state"):
    suffix = {"GPT2": "LMHeadModel", "T5": "EncoderModel"}.get(name, "ForCausalLM" if output == "logits" else "Model")
    cache = {"use_cache": False} if output == "logits" else {}
    config = getattr(transformers, f"{name}Config")(**cache, **settings)
    return Only(getattr(transformers, name + suffix)(config), lambda result: getattr(result, output))


def whisper():
    config = transformers.WhisperConfig(
        d_model=192, encoder_layers=3, encoder_attention_heads=3, encoder_ffn_dim=768, decoder_layers=1, max_source_positions=300
    )
    return Only(transformers.WhisperModel(config).encoder, lambda result: result.last_hidden_state)


def convolution(inputs, outputs, kernel=3, stride=1, activation=nn.SiLU):
    layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs), activation())


class UNet(nn.Module):
    """Ronneberger et al. (2015), 16 to 128 channels, enlarged by transposed convolutions or by interpolation."""

    def __init__(self, transposed):
        super().__init__()
        twice = lambda i, o: nn.Sequential(convolution(i, o, activation=nn.ReLU), convolution(o, o, activation=nn.ReLU))
        enlarged = lambda i, o: nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(i, o, 1))
        up = (lambda i, o: nn.ConvTranspose2d(i, o, 2, stride=2)) if transposed else enlarged
        self.down = nn.ModuleList(twice(i, o) for i, o in [(3, 16), (16, 32), (32, 64), (64, 128)])
        self.up = nn.ModuleList(up(2 * o, o) for o in [64, 32, 16])
        self.join = nn.ModuleList(twice(2 * o, o) for o in [64, 32, 16])
        self.last = nn.Conv2d(16, 2, 1)

    def forward(self, x):
        skipped = []
        for down in self.down[:-1]:
            skipped.append(down(x))
            x = nn.functional.max_pool2d(skipped[-1], 2)
        x = self.down[-1](x)
        for up, join in zip(self.up, self.join):
            x = join(torch.cat([up(x), skipped.pop()], 1))
        return self.last(x)


class Split(nn.Module):
    """A block whose input is cut into two, one of which goes through convolutions."""

    def __init__(self, inputs, outputs):
        super().__init__()
        half = outputs // 2
        self.first, self.last = convolution(inputs, outputs, 1), convolution(3 * half, outputs, 1)
        self.middle = nn.Sequential(convolution(half, half), convolution(half, half))

    def forward(self, x):
        a, b = self.first(x).chunk(2, 1)
        return self.last(torch.cat([a, b, b + self.middle(b)], 1))


class Detector(nn.Module):
    """A detector in the manner of YOLOv8: a backbone, pooled pyramids, and two heads."""

    def __init__(self):
        super().__init__()
        stage = lambda i, o: nn.Sequential(convolution(i, o, 3, 2), Split(o, o))
        self.stem = nn.Sequential(convolution(3, 16, 3, 2), convolution(16, 32, 3, 2), Split(32, 32))
        self.stages = nn.ModuleList([stage(32, 64), stage(64, 128), stage(128, 256)])
        self.narrow, self.wide = convolution(256, 128, 1), convolution(512, 256, 1)
        self.pool, self.up = nn.MaxPool2d(5, 1, 2), nn.Upsample(scale_factor=2, mode="nearest")
        self.joins = nn.ModuleList([Split(384, 128), Split(192, 64)])
        self.heads = nn.ModuleList([nn.Conv2d(128, 85, 1), nn.Conv2d(64, 85, 1)])

    def forward(self, x):
        a = self.stages[0](self.stem(x))
        b = self.stages[1](a)
        pools = [self.narrow(self.stages[2](b))]
        for _ in range(3):
            pools.append(self.pool(pools[-1]))
        b = self.joins[0](torch.cat([self.up(self.wide(torch.cat(pools, 1))), b], 1))
        a = self.joins[1](torch.cat([self.up(b), a], 1))
        heads = [head(x).flatten(2) for head, x in zip(self.heads, (b, a))]
        return torch.cat(heads, 2).sigmoid()


class Tagger(nn.Module):
    """A bidirectional LSTM over words."""

    def __init__(self):
        super().__init__()
        self.words, self.last = nn.Embedding(2000, 128), nn.Linear(256, 9)
        self.layers = nn.LSTM(128, 128, 2, batch_first=True, bidirectional=True)

    def forward(self, x):
        return self.last(self.layers(self.words(x))[0])


def generator():
    """Radford et al. (2016): an image from noise."""
    block = lambda i, o, *window: [nn.ConvTranspose2d(i, o, *window), nn.BatchNorm2d(o), nn.ReLU()]
    layers = block(64, 256, 4, 1, 0) + block(256, 128, 4, 2, 1) + block(128, 64, 4, 2, 1)
    return nn.Sequential(*layers, nn.ConvTranspose2d(64, 3, 4, 2, 1), nn.Tanh())


def video():
    block = lambda i, o: [nn.Conv3d(i, o, 3, padding=1), nn.ReLU(), nn.MaxPool3d(2)]
    return nn.Sequential(*block(3, 16), *block(16, 32), *block(32, 64), nn.Flatten(), nn.Linear(64 * 2 * 8 * 8, 10))


def temporal():
    """Bai et al. (2018): dilated convolutions over time."""
    layers = [[nn.Conv1d(64 if i else 16, 64, 3, padding=2**i, dilation=2**i), nn.ReLU()] for i in range(6)]
    return nn.Sequential(*sum(layers, []), nn.Conv1d(64, 10, 1))


def pictures(size):
    return torch.randn(2, 3, size, size)


def networks():
    """Each network by name: what makes it, and what it is fed."""
    tokens = torch.randint(3, 2000, (2, 64))
    found = {name: (lambda name=name: getattr(torchvision.models, name)(weights=None), pictures(224)) for name in TORCHVISION}
    for name in ("googlenet", "inception_v3"):
        make = lambda name=name: getattr(torchvision.models, name)(weights=None, init_weights=False, aux_logits=False)
        found[name] = (make, pictures(WIDE.get(name, 224)))
    found |= {name: (lambda name=name: timm.create_model(name), pictures(WIDE.get(name, 224))) for name in TIMM}
    segmented = torchvision.models.segmentation.lraspp_mobilenet_v3_large
    found["lraspp"] = (lambda: Only(segmented(weights=None, weights_backbone=None), lambda result: result["out"]), pictures(224))
    found |= {
        "bert": (lambda: transformer("Bert", dict(SIZES, intermediate_size=1024)), tokens),
        "roberta": (lambda: transformer("Roberta", dict(SIZES, intermediate_size=1024)), tokens),
        "modernbert": (lambda: transformer("ModernBert", dict(SIZES, intermediate_size=512, **MARKS)), tokens),
        "gpt2": (lambda: transformer("GPT2", dict(vocab_size=2000, n_embd=256, n_layer=4, n_head=4), "logits"), tokens),
        "llama": (lambda: transformer("Llama", GATED, "logits"), tokens),
        "qwen3": (lambda: transformer("Qwen3", dict(GATED, head_dim=64), "logits"), tokens),
        "t5": (lambda: transformer("T5", dict(vocab_size=2000, d_model=256, d_kv=64, num_layers=4, num_heads=4, d_ff=1024)), tokens),
        "whisper": (whisper, torch.randn(2, 80, 600)),
        "unet": (lambda: UNet(True), pictures(128)),
        "unet-bilinear": (lambda: UNet(False), pictures(128)),
        "detector": (Detector, pictures(320)),
        "tagger": (Tagger, tokens),
        "generator": (generator, torch.randn(2, 64, 1, 1)),
        "video": (video, torch.randn(2, 3, 16, 64, 64)),
        "temporal": (temporal, torch.randn(2, 16, 400)),
    }
    return found


def export(name, make, fed, folder):
    torch.manual_seed(0)
    network = make().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_var.uniform_(0.8, 1.2)
            module.running_mean.normal_(0, 0.1)
    open_axis = ({0: torch.export.Dim("batch", min=1, max=64)},)
    options = dict(input_names=["input"], output_names=["output"], dynamic_shapes=open_axis, opset_version=18)
    path = folder / f"{name}.onnx"
    with torch.no_grad():
        torch.onnx.export(network, (fed,), path, dynamo=True, external_data=False, verbose=False, **options)
    print(f"{path}: {path.stat().st_size >> 10} KiB", flush=True)


def main(folder, *wanted):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    known = networks()
    for name in wanted or known:
        export(name, *known[name], folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
