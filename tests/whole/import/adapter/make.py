"""Makes a small network, a LoRA adapter of it, and what peft answers: torch, peft and onnx of the versions that are printed."""
import json, sys
import numpy, peft, torch
from torch import nn

torch.manual_seed(7)
folder = sys.argv[1]


class Mixer(nn.Module):
    """Linear maps over vectors (Gemm) and over sequences (MatMul), in both ways that torch.onnx writes them."""

    def __init__(self):
        super().__init__()
        self.q = nn.Linear(16, 16)
        self.net = nn.Sequential(nn.Linear(16, 24), nn.Tanh(), nn.Linear(24, 16))
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        x = torch.tanh(self.q(x))
        x = x + self.net(x)
        return self.head(x.mean(dim=1))


base = Mixer().eval()
x = torch.randn(5, 4, 16)
torch.onnx.export(base, x, f"{folder}/base.onnx", opset_version=14, dynamo=False, input_names=["input"], output_names=["output"],
                  dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}})
plain = base(x).detach().numpy()
config = peft.LoraConfig(r=4, lora_alpha=6, target_modules=["q", "net.0", "net.2", "head"], rank_pattern={"head": 2},
                         alpha_pattern={"net.0": 3}, use_rslora=True, bias="none")
model = peft.get_peft_model(base, config)
for name, parameter in model.named_parameters():
    if "lora_B" in name:
        nn.init.normal_(parameter, std=0.5)
model.eval()
model.save_pretrained(f"{folder}/adapter")
answers = model(x).detach().numpy()
assert numpy.abs(answers - plain).max() > 0.1
merged = model.merge_and_unload()(x).detach().numpy()
assert numpy.allclose(merged, answers, atol=1e-5)


def tensor(name, array):
    return {"name": name, "datatype": "FP32", "shape": list(array.shape), "data": [float(v) for v in array.ravel()]}


json.dump({"inputs": [tensor("input", x.numpy())]}, open(f"{folder}/request.json", "w"))
json.dump({"plain": tensor("output", plain), "adapted": tensor("output", answers)}, open(f"{folder}/answers.json", "w"))
print("torch", torch.__version__, "peft", peft.__version__)
