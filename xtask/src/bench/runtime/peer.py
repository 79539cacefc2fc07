"""A peer runtime that loads an ONNX file and answers each line of standard input with one line of JSON.

Arguments: RUNTIME FILE THREADS, then for each input NAME:TYPE:SHAPE:FIRST:END, such as `tokens:int64:1x128:0:30522`.
Lines: `round SECONDS`, `memory`, `outputs FILE`. All times are in seconds, all memory is in bytes.
"""

import gc
import json
import sys
import time

import numpy


def drawn(position, kind, shape, first, end):
    """The numbers that `briq bench` draws: SplitMix64 of a counter."""
    word = numpy.arange(1, int(numpy.prod(shape)) + 1, dtype=numpy.uint64) + numpy.uint64(position << 40)
    word = word * numpy.uint64(0x9E3779B97F4A7C15)
    word = (word ^ (word >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    word = word ^ (word >> numpy.uint64(31))
    if kind == "float32":
        unit = (word >> numpy.uint64(40)).astype(numpy.float32) / numpy.float32(1 << 23) - numpy.float32(1)
        return unit.reshape(shape)
    integers = (word >> numpy.uint64(1)) % numpy.uint64(end - first)
    return (integers.astype(numpy.int64) + first).astype(kind).reshape(shape)


class OnnxRuntime:
    """Inputs and outputs are bound once, so that a run copies nothing and makes no array."""

    def __init__(self):
        import onnxruntime

        self.library = onnxruntime
        self.version = onnxruntime.__version__

    def load(self, path, threads, inputs):
        options = self.library.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = self.library.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        self.session = self.library.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.inputs = inputs

    def first(self):
        return self.session.run(None, self.inputs)

    def bind(self, outputs):
        value = self.library.OrtValue.ortvalue_from_numpy
        self.binding = self.session.io_binding()
        for name, array in self.inputs.items():
            self.binding.bind_ortvalue_input(name, value(array))
        for spec, array in zip(self.session.get_outputs(), outputs):
            self.binding.bind_ortvalue_output(spec.name, value(numpy.empty_like(array)))

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def outputs(self):
        return self.binding.copy_outputs_to_cpu()


class Tract:
    """Computes on one thread: its binding has no other choice. Shapes are fixed before it optimises."""

    def __init__(self):
        import tract

        self.library = tract
        self.version = tract.version()

    def load(self, path, threads, inputs):
        names = {"float32": "f32", "int64": "i64"}
        model = self.library.onnx().load(path)
        for position, array in enumerate(inputs.values()):
            lengths = ",".join(str(length) for length in array.shape)
            model.set_input_fact(position, f"{lengths},{names[str(array.dtype)]}")
        self.state = model.into_model().into_runnable().spawn_state()
        self.inputs = [self.library.Tensor.from_numpy(array) for array in inputs.values()]

    def first(self):
        return self.outputs()

    def bind(self, outputs):
        pass

    def run(self):
        self.state.run(self.inputs)

    def outputs(self):
        return [output.to_numpy() for output in self.state.run(self.inputs)]


RUNTIMES = {"onnxruntime": OnnxRuntime, "tract": Tract}


def timed(work, *arguments):
    began = time.perf_counter()
    result = work(*arguments)
    return result, time.perf_counter() - began


def measured(run, seconds):
    """The first run is not counted; at least one other is."""
    clock, samples = time.perf_counter, []
    end = clock() + seconds
    run()
    while True:
        began = clock()
        run()
        now = clock()
        samples.append(now - began)
        if now >= end:
            break
    samples.sort()
    quantile = lambda share: samples[round((len(samples) - 1) * share)]
    mean = sum(samples) / len(samples)
    return {
        "iterations": len(samples), "min": samples[0], "median": quantile(0.5), "p95": quantile(0.95), "mean": mean,
    }


def field(file, key):
    try:
        with open(f"/proc/self/{file}") as lines:
            return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(key)), None)
    except OSError:
        return None


def memory(base):
    return {
        "base": base,
        "resident": field("status", "VmRSS:"),
        "peak": field("status", "VmHWM:"),
        "proportional": field("smaps_rollup", "Pss:"),
    }


def written(outputs, path):
    with open(path, "wb") as file:
        for output in outputs:
            file.write(numpy.ascontiguousarray(output).tobytes())
    return {"outputs": [{"shape": list(output.shape), "datatype": str(output.dtype)} for output in outputs]}


def inputs_of(specs):
    made = {}
    for position, spec in enumerate(specs):
        name, kind, shape, first, end = spec.rsplit(":", 4)
        shape = [int(length) for length in shape.split("x")]
        made[name] = drawn(position, kind, shape, int(first), int(end))
    return made


def say(value):
    print(json.dumps(value), flush=True)


def main(name, path, threads, *specs):
    inputs = inputs_of(specs)
    runtime = RUNTIMES[name]()
    base = field("status", "VmRSS:")
    try:
        _, engine = timed(runtime.load, path, int(threads), inputs)
        outputs, first = timed(runtime.first)
    except Exception as error:  # each runtime has errors of its own
        return say({"error": " ".join(str(error).split("Stack backtrace")[0].split())})
    load = {"open": 0.0, "engine": engine, "first": first}
    say({"name": name, "version": runtime.version, "load": load, "memory": memory(base)})
    runtime.bind(outputs)
    gc.disable()
    for line in sys.stdin:
        verb, *rest = line.split()
        if verb == "round":
            say(measured(runtime.run, float(rest[0])))
        elif verb == "memory":
            say(memory(base))
        elif verb == "outputs":
            runtime.run()
            say(written(runtime.outputs(), rest[0]))


if __name__ == "__main__":
    main(*sys.argv[1:])
