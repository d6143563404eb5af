"""Work on whole networks: the keyword LSTM, from features to scores, and one step of a large one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.protocol import Work
from memramp.crossbar import CrossbarConfig, ProgrammedArray, program_array
from memramp.devices import load_preset
from memramp.models.analog_network import ProgrammedNetwork, program_network
from memramp.models.checkpoint import Checkpoint, load_checkpoint
from memramp.models.hardware import HardwareConfig
from memramp.models.language_model import LanguageModel, score_text
from memramp.models.spec import stacked_spec
from memramp.peripherals import ActivationConfig, Converter, InputConfig, build_converter, quantise_inputs
from memramp.streams import Streams

Floats = NDArray[np.float32]

CHECKPOINT = "speech_commands_midpoint_5bit"
SYMBOLS = tuple(map(chr, range(60, 110)))


def keyword_network() -> ProgrammedNetwork:
    """Return a chip: 40 inputs, 32 units, 73 x 128 pairs, 5-bit ramps on four gates, read noise in all of it."""
    hardware = HardwareConfig(device=load_preset("yang2025_150us"))
    return program_network(load_checkpoint(CHECKPOINT), hardware, Streams(1).child("chip", 1))


def random_features(network: ProgrammedNetwork, batch: int, steps: int) -> Floats:
    """Return features [batch, steps, inputs] as the network expects them, spread over its whole range."""
    tensors = network.checkpoint.tensors
    unit = np.random.default_rng(3).uniform(-1.0, 1.0, (batch, steps, network.checkpoint.lstm.inputs))
    return (unit * tensors["features.scale"] + tensors["features.mean"]).astype(np.float32)


def keyword_lstm(batch: int, steps: int) -> Work:
    """Return one pass of a batch of sequences through the analog LSTM."""
    network = keyword_network()
    x = network.checkpoint.normalise(random_features(network, batch, steps))
    return lambda: network.layer.run(x)


def keyword_scores(batch: int, steps: int) -> Work:
    """Return the way from features to the scores of the classes."""
    network = keyword_network()
    features = random_features(network, batch, steps)
    return lambda: network.logits(features)


@dataclass(frozen=True, eq=False)
class LargeStep:
    """One step of a large LSTM for a small batch: one array for all gates, read once a sample."""

    array: ProgrammedArray
    sigmoid: Converter
    tanh: Converter
    x: Floats
    """Features, hidden state and bias, [batch, rows]."""
    c: Floats
    """Cell state, [batch, cols / 4]."""

    @classmethod
    def build(cls, rows: int, cols: int, batch: int) -> "LargeStep":
        """Program an array with random weights, and a sigmoid and a tanh ramp of 5 bit."""
        device, rng = load_preset("yang2025_150us"), np.random.default_rng(1)
        w = rng.normal(0.0, 0.1, (rows, cols))
        ramps = ActivationConfig(bits=5)
        return cls(
            array=program_array(w, CrossbarConfig(), device, np.random.default_rng(2)),
            sigmoid=build_converter(ramps, "sigmoid", device, np.random.default_rng(3)),
            tanh=build_converter(ramps, "tanh", device, np.random.default_rng(4)),
            x=rng.uniform(-1.0, 1.0, (batch, rows)).astype(np.float32),
            c=rng.uniform(-1.0, 1.0, (batch, cols // 4)).astype(np.float32),
        )

    def pre_activations(self) -> Floats:
        """Return the noisy outputs of the array, [batch, cols], columns in the order i, f, g, o."""
        return self.array.multiply(quantise_inputs(self.x, InputConfig()), np.uint64(5))

    def __call__(self) -> Floats:
        """Return the next hidden state, [batch, cols / 4]."""
        i, f, g, o = np.split(self.pre_activations(), 4, axis=1)
        gates = self.sigmoid.decode(self.sigmoid.convert(np.concatenate([i, f, o], axis=1), 6))
        candidate = self.tanh.decode(self.tanh.convert(g, 7))
        i, f, o = np.split(gates, 3, axis=1)
        return np.asarray(o * np.tanh(f * self.c + i * candidate))


def large_step(rows: int, cols: int, batch: int) -> Work:
    """Return one step, product to hidden state."""
    return LargeStep.build(rows, cols, batch)


def language_chip(hidden: int, projection: int) -> ProgrammedNetwork:
    """Return a chip with a language model of 50 symbols: an LSTM with a projection, read noise in all of it."""
    spec = stacked_spec("lstm", 128, (hidden,), 50, projection=projection, symbols=50, read="all")
    rng = np.random.default_rng(2)
    tensors = {name: rng.normal(0.0, 0.05, shape).astype(np.float32) for name, shape in spec.shapes().items()}
    hardware = HardwareConfig(device=load_preset("yang2025_150us"))
    return program_network(Checkpoint(tensors, SYMBOLS, spec=spec), hardware, Streams(1).child("chip", 1))


def language_model(hidden: int, projection: int, symbols: int, streams: int = 1) -> Work:
    """Return one pass over a text, the states carried from symbol to symbol, to its bits per character."""
    model = LanguageModel.on_chip(language_chip(hidden, projection))
    text = np.random.default_rng(5).integers(0, len(SYMBOLS), symbols + 1)
    return lambda: score_text(model, text, streams=streams, warm_up=0)


def language_model_floating(hidden: int, projection: int, symbols: int) -> Work:
    """Return the same in floating point."""
    model = LanguageModel.floating(language_chip(hidden, projection).checkpoint)
    text = np.random.default_rng(5).integers(0, len(SYMBOLS), symbols + 1)
    return lambda: score_text(model, text)
