"""IBM's Analog Hardware Acceleration Kit, https://github.com/IBM/aihwkit: the same work by its analog tiles.

Read noise of every device at every read is its output-referred weight noise ``w_noise`` of the type ADDITIVE_CONSTANT:
one draw an output with the deviation ``w_noise * |x|``, which is exact for it as it is for memramp. (Only its compiled
tile has it; its tile in plain torch refuses it, and its weight modifier draws once a batch.) Everything else that its
defaults add (output noise, input noise, bound and noise management) is switched off, so that it does no more work than
was asked for.

Run by `benchmarks.workers`, see `benchmarks.protocol`; imports nothing of memramp.
"""

import os
from typing import Any

from benchmarks.protocol import Work, serve


def load() -> dict[str, str]:
    """Import aihwkit, set torch's threads, return versions."""
    import aihwkit
    import torch
    from aihwkit.nn import AnalogLinear  # noqa: F401  (the compiled part must load, too)

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(1)
    return {"aihwkit": aihwkit.__version__, "torch of aihwkit": torch.__version__}


def _config(bits: int | None) -> Any:
    from aihwkit.simulator.configs import InferenceRPUConfig
    from aihwkit.simulator.parameters.enums import BoundManagementType, NoiseManagementType, WeightNoiseType

    config = InferenceRPUConfig()
    step = -1.0 if bits is None else 1.0 / (2**bits - 2)
    config.mapping.max_input_size = config.mapping.max_output_size = 0  # one tile, whatever the size
    io = config.forward
    io.is_perfect, io.inp_noise, io.out_noise = False, 0.0, 0.0
    io.inp_res, io.out_res = step, step
    io.w_noise, io.w_noise_type = 0.02, WeightNoiseType.ADDITIVE_CONSTANT
    io.bound_management, io.noise_management = BoundManagementType.NONE, NoiseManagementType.NONE
    return config


def noisy_product(rows: int, cols: int, batch: int) -> Work:
    """Return a batch through a tile: 8-bit inputs and outputs, read noise of the weights at each read."""
    import torch
    from aihwkit.nn import AnalogLinear

    layer = AnalogLinear(rows, cols, bias=False, rpu_config=_config(8)).eval()
    x = torch.rand(batch, rows) * 2 - 1

    def run() -> None:
        with torch.no_grad():
            layer(x)

    return run


def lstm(inputs: int, hidden: int, steps: int, batch: int) -> Work:
    """Return a batch of sequences through an analog LSTM, inputs and hidden state in one tile; floating activations."""
    import torch
    from aihwkit.nn import AnalogRNN
    from aihwkit.nn.modules.rnn.cells import AnalogLSTMCellCombinedWeight

    network = AnalogRNN(AnalogLSTMCellCombinedWeight, inputs, hidden, bias=True, rpu_config=_config(None)).eval()
    x = torch.rand(steps, batch, inputs) * 2 - 1

    def run() -> None:
        with torch.no_grad():
            network(x, network.get_zero_state(batch))

    return run


def programming(rows: int, cols: int, times: int) -> Work:
    """Return: write a tile again and again with the PCM-like noise of its pairs, and tell the error of each."""
    import torch
    from aihwkit.inference import PCMLikeNoiseModel
    from aihwkit.nn import AnalogLinear

    config = _config(None)
    config.noise_model = PCMLikeNoiseModel(g_max=25.0)
    tile = next(AnalogLinear(rows, cols, bias=False, rpu_config=config).eval().analog_tiles())
    target = tile.get_weights()[0].clone()

    def run() -> dict[str, float]:
        errors = []
        for _ in range(times):
            tile.program_weights()
            errors.append(float((tile.programmed_weights - target).std()))
        return {"relative error": float(torch.tensor(errors).mean() / target.abs().max())}

    return run


if __name__ == "__main__":
    serve({"noisy_product": noisy_product, "lstm": lstm, "programming": programming}, load)
