import numpy as np
import pytest
from networks import IDEAL, NETWORKS, NOISY, random_features, random_network
from scipy.special import log_softmax

from memramp.errors import InputError
from memramp.models.analog_network import program_network
from memramp.models.checkpoint import Checkpoint
from memramp.models.fast_float import fast_cells
from memramp.models.float_network import run_cell
from memramp.models.hardware import HardwareConfig
from memramp.models.language_model import LanguageModel, score_text
from memramp.models.spec import stacked_spec
from memramp.peripherals import ActivationConfig
from memramp.streams import Streams

SYMBOLS = np.random.default_rng(4).integers(0, 9, 700)


def language_network(cell="lstm", layers=1, projection=None):
    spec = stacked_spec(cell, 6, (8,) * layers, 9, projection=projection, symbols=9, read="all")
    rng = np.random.default_rng(0)
    tensors = {name: rng.normal(0.0, 0.4, shape).astype(np.float32) for name, shape in spec.shapes().items()}
    return Checkpoint(tensors, tuple("abcdefghi"), spec=spec)


KINDS = {
    "lstm": language_network(),
    "with a projection": language_network(projection=5),
    "two layers": language_network(layers=2),
    "gru": language_network("gru"),
    "rnn": language_network("rnn"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_compiled_floating_point_equals_the_reference(name):
    checkpoint, cells = random_network(name), fast_cells(random_network(name))
    for layer, direction in checkpoint.network.directions():
        x = np.tanh(random_features(5, 7, layer.inputs))
        expected = run_cell(x, layer, checkpoint.cells[direction])[0]
        found = cells[direction].sequence(x, cells[direction].zeros(5))
        np.testing.assert_allclose(found, expected, atol=3e-6)  # some 20 roundings of float32 a step


@pytest.mark.parametrize("name", KINDS)
def test_the_score_is_the_sum_of_the_surprises_of_one_pass(name):
    checkpoint = KINDS[name]
    x = checkpoint.tensors["embedding.weight"][SYMBOLS[np.newaxis, :-1]]
    for layer in checkpoint.network.recurrent:
        x = run_cell(x, layer, checkpoint.cells[layer.name])[0]
    told = log_softmax(x[0] @ checkpoint.dense.weight + checkpoint.dense.bias, axis=1)
    expected = -told[np.arange(len(SYMBOLS) - 1), SYMBOLS[1:]].sum() / np.log(2.0)
    scored = score_text(LanguageModel.floating(checkpoint), SYMBOLS)
    assert scored.symbols == len(SYMBOLS) - 1
    assert scored.bits == pytest.approx(expected, rel=1e-5)
    assert scored.bpc == scored.bits / scored.symbols


def test_streams_side_by_side_come_close_to_one_pass_and_count_every_symbol_once():
    model = LanguageModel.floating(KINDS["lstm"])
    whole = score_text(model, SYMBOLS)
    for streams in (2, 3, 7):
        parts = score_text(model, SYMBOLS, streams=streams, warm_up=100)
        assert parts.symbols == whole.symbols
        assert parts.bpc == pytest.approx(whole.bpc, rel=1e-4)
    cold = score_text(model, SYMBOLS, streams=7, warm_up=0)
    assert abs(cold.bpc - whole.bpc) > abs(parts.bpc - whole.bpc)


@pytest.mark.parametrize("name", KINDS)
def test_a_chip_with_fine_converters_comes_close_to_floating_point(name):
    fine = HardwareConfig(device=IDEAL, activation=ActivationConfig(bits=12))
    chip = program_network(KINDS[name], fine, Streams(0))
    floating = score_text(LanguageModel.floating(KINDS[name]), SYMBOLS)
    assert score_text(LanguageModel.on_chip(chip), SYMBOLS).bpc == pytest.approx(floating.bpc, abs=5e-3)


@pytest.mark.parametrize("readout", ["digital", "analog"])
def test_a_noisy_chip_scores_alike_on_any_number_of_threads(readout):
    import numba

    hardware = HardwareConfig(device=NOISY, readout=readout)
    model = LanguageModel.on_chip(program_network(KINDS["with a projection"], hardware, Streams(0)))
    bits = []
    for threads in (1, 2):
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
        bits.append(score_text(model, SYMBOLS).bits)
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    assert bits[0] == bits[1]
    # Far from floating point: 10 % of the weights' reach is noise; but still a distribution over the symbols.
    assert 0.0 < bits[0] / (len(SYMBOLS) - 1) < 10.0


def test_progress_is_told():
    told = []
    score_text(LanguageModel.floating(KINDS["lstm"]), SYMBOLS, report=lambda done, bits: told.append((done, bits)))
    assert [done for done, _ in told] == [256, 512, 699]
    assert sorted(bits for _, bits in told) == [bits for _, bits in told]


def test_other_networks_and_short_texts_are_told():
    with pytest.raises(InputError, match="is no language model"):
        LanguageModel.floating(random_network("lstm"))
    with pytest.raises(InputError, match="too short"):
        score_text(LanguageModel.floating(KINDS["lstm"]), SYMBOLS[:1])
