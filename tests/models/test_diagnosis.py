"""Traces, errors by step, use of ranges, and sources one at a time."""

import numpy as np
import pytest
from networks import IDEAL, NETWORKS, NOISY, crossbar, random_checkpoint, random_features, random_network

from memramp.devices import ConstantNoise
from memramp.errors import InputError
from memramp.models.analog_network import program_network
from memramp.models.cell_trace import CellTrace
from memramp.models.checkpoint import Checkpoint
from memramp.models.gates import GateConfig
from memramp.models.hardware import HardwareConfig, LinearAdcConfig
from memramp.models.language_model import LanguageModel
from memramp.models.probe import Probe, run_chip, run_twin
from memramp.models.range_use import RangeUses, converted
from memramp.models.source_study import SourceStudy
from memramp.models.spec import stacked_spec
from memramp.models.step_errors import StepErrorSums, chip_traces, open_trace
from memramp.peripherals import ActivationConfig
from memramp.streams import Streams

SMALL = HardwareConfig(  # converters whose quantisation is far below a noise that the network is linear in
    device=IDEAL.model_copy(update={"prog_noise": ConstantNoise(sigma=0.5), "read_noise": ConstantNoise(sigma=0.5)}),
    activation=ActivationConfig(kind="uniform_adc", bits=12, range=8.0),
)


def probe_for(checkpoint, n=8, steps=6):
    shape = (n,) if checkpoint.network.read == "last" else (n, steps)
    labels = np.random.default_rng(7).integers(0, len(checkpoint.classes), shape)
    return Probe.of_features(checkpoint, np.tanh(random_features(n, steps)), labels)


def language_model(seed=0):
    spec = stacked_spec("lstm", 6, (8,), 5, projection=4, symbols=5, read="all")
    rng = np.random.default_rng(seed)
    tensors = {name: rng.normal(0.0, 0.4, shape).astype(np.float32) for name, shape in spec.shapes().items()}
    return Checkpoint(tensors, tuple("abcde"), spec=spec)


def errors_of(probe, hardware, chips=2):
    twin = run_twin(probe)
    sums = StepErrorSums(twin)
    for traces in chip_traces(probe, twin, hardware, Streams(3), chips):
        sums.add(traces)
    return {(e.direction, e.loop, e.kind, e.name): e for e in sums.errors()}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_trace_changes_nothing_and_holds_what_the_network_does(name):
    checkpoint = random_network(name)
    probe = probe_for(checkpoint)
    hardware = HardwareConfig(device=NOISY, projection="analog", tanh_c="nladc")
    chip, traces = program_network(checkpoint, hardware, Streams(0)), {}
    seen, plain = run_chip(chip, probe, traces), run_chip(chip, probe)
    np.testing.assert_array_equal(seen.outputs, plain.outputs)
    assert seen.metric == plain.metric
    last = checkpoint.network.recurrent[-1]
    found = {direction: traces[direction].stacked("state", "h") for direction in last.directions}
    in_order = [found[key] if key == last.name else found[key][:, ::-1] for key in last.directions]
    np.testing.assert_array_equal(np.concatenate(in_order, axis=2), plain.outputs)
    assert seen.metric == 100.0 * np.mean(chip.logits(probe.inputs).argmax(axis=-1) == probe.labels)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_twin_is_the_network_in_floating_point(name):
    checkpoint = random_network(name)
    probe = probe_for(checkpoint)
    twin = run_twin(probe)
    states = checkpoint.float_states(probe.inputs)
    outputs = twin.outputs if checkpoint.network.read == "all" else None
    if outputs is None and not checkpoint.network.recurrent[-1].bidirectional:
        outputs = twin.outputs[:, -1]
    if outputs is not None:
        np.testing.assert_array_equal(outputs, states)
    for direction, trace in twin.traces.items():
        weights, h = checkpoint.cells[direction], trace.state["h"]
        if "i" in trace.gate:
            c = trace.gate["f"][2] * trace.state["c"][1] + trace.gate["i"][2] * trace.gate["g"][2]
            np.testing.assert_allclose(c, trace.state["c"][2], atol=1e-12)
            m = trace.gate["o"][2] * trace.gate["tanh_c"][2]
            np.testing.assert_allclose(m if weights.projection is None else m @ weights.projection, h[2], atol=1e-7)
        elif "z" in trace.gate:
            z = trace.gate["z"][2]
            np.testing.assert_allclose((1 - z) * trace.gate["n"][2] + z * h[1], h[2], atol=1e-12)
        else:
            np.testing.assert_array_equal(trace.gate["h"][2], h[2])


@pytest.mark.parametrize("name", NETWORKS)
def test_ideal_devices_and_more_bits_leave_no_error(name):
    # the states of relu have no bound; small inputs keep them within a full pulse
    checkpoint = random_network(name)
    probe = Probe.of_features(checkpoint, np.tanh(random_features(6, 5)) / 4.0)
    rms = []
    for bits in (4, 8, 12):
        hardware = HardwareConfig(
            device=IDEAL, activation=ActivationConfig(bits=bits), linear_adc=LinearAdcConfig(bits=bits), tanh_c="nladc"
        )
        found = errors_of(probe, hardware, chips=1)
        assert all(np.isfinite(error.mean).all() for error in found.values())
        rms.append(max(error.rms.max() for error in found.values()))
    assert rms[2] < 0.02
    assert rms[2] < rms[1] / 3.0 < rms[0] / 9.0


def test_both_loops_begin_alike_and_only_one_accumulates():
    checkpoint = random_checkpoint(hidden=24)
    probe = probe_for(checkpoint, n=40, steps=20)
    found = errors_of(probe, HardwareConfig(device=NOISY), chips=4)
    for key, error in found.items():
        assert error.rms.shape == error.mean.shape == error.twin_rms.shape == (20,)
        assert error.chips_rms.shape == (4, 20)
        np.testing.assert_allclose(np.sqrt((error.chips_rms**2).mean(axis=0)), error.rms)
        opened = found[key[0], "open", *key[2:]]
        assert opened.rms[0] == error.rms[0]
    closed, opened = (found["lstm", loop, "state", "h"] for loop in ("closed", "open"))
    # Inputs are stationary, so that from the third step on a step's own error is as large early as late.
    early, late = opened.rms[2:8].mean(), opened.rms[14:].mean()
    assert 0.8 < late / early < 1.25
    assert closed.rms[5:].min() > opened.rms[5:].max()


def test_a_later_layer_reads_the_twin_in_open_loop():
    checkpoint = random_network("stacked lstm")
    probe = probe_for(checkpoint)
    twin, hardware = run_twin(probe), HardwareConfig(device=NOISY)
    (traces,) = chip_traces(probe, twin, hardware, Streams(1), 1)
    np.testing.assert_array_equal(twin.inputs["lstm2"], twin.traces["lstm"].stacked("state", "h"))
    # the second layer alone, given what the twin's first one gives
    again = open_trace(traces.chip.cells["lstm2"], twin.inputs["lstm2"], twin.traces["lstm2"])
    np.testing.assert_array_equal(again.stacked("state", "h"), traces.open["lstm2"].stacked("state", "h"))
    assert not np.array_equal(traces.open["lstm2"].state["h"][0], traces.closed["lstm2"].state["h"][0])


def test_open_loop_is_a_step_from_the_twins_state():
    checkpoint = random_checkpoint()
    probe = probe_for(checkpoint)
    twin = run_twin(probe)
    (traces,) = chip_traces(probe, twin, HardwareConfig(device=NOISY), Streams(1), 1)
    cell, state, trace = traces.chip.layer, traces.chip.layer.zeros(8), CellTrace()
    state.h, state.c = (twin.traces["lstm"].state[key][2].astype(np.float32) for key in "hc")
    cell.sequence(probe.inputs[:, 3:4], state, first_step=3, trace=trace)
    for kind in ("pre", "gate", "state"):
        for name, (own,) in getattr(trace, kind).items():
            np.testing.assert_array_equal(own, getattr(traces.open["lstm"], kind)[name][3])


def test_more_samples_than_memory_are_refused(monkeypatch):
    checkpoint = random_checkpoint()
    monkeypatch.setattr("memramp.memory.available_bytes", lambda: 1000)
    with pytest.raises(InputError, match="keeping what the network does in 8 sequences of 6 steps needs"):
        errors_of(probe_for(checkpoint), HardwareConfig(device=IDEAL))


def test_use_of_ranges_counts_every_pre_activation():
    checkpoint = random_checkpoint()
    probe = probe_for(checkpoint, n=30)
    hardware = HardwareConfig(device=NOISY, activation=ActivationConfig(bits=3), tanh_c="nladc")
    twin = run_twin(probe)
    uses = RangeUses(program_network(checkpoint, hardware.ideal(), Streams(0)), twin)
    collected = []
    for traces in chip_traces(probe, twin, hardware, Streams(2), 2):
        uses.add(traces.chip, traces.closed)
        collected.append((traces.chip.layer.sigmoid.thresholds, traces.closed["lstm"].stacked("pre", "o").ravel()))
    found = {use.gate: use for use in uses.uses()}
    assert list(found) == ["i", "f", "o", "g", "tanh_c"]
    for use in found.values():
        assert use.counts.sum() == use.codes.sum() == 30 * 6 * 8 * 2
        assert use.codes.size == 8
        assert 0.0 < use.entropy <= 3.0
    use = found["o"]
    assert use.below == np.mean([np.mean(pre < thresholds[0]) for thresholds, pre in collected])
    assert use.above == np.mean([np.mean(pre >= thresholds[-1]) for thresholds, pre in collected])
    assert use.used == np.mean(use.codes > 0)
    assert (use.edges[0], use.edges[-1]) < (use.thresholds[0], np.inf)
    codes = np.concatenate([np.searchsorted(thresholds, pre, side="right") for thresholds, pre in collected])
    np.testing.assert_array_equal(use.codes, np.bincount(codes, minlength=8))


def test_offsets_of_comparators_move_the_thresholds_of_their_columns():
    from memramp.config import validate
    from memramp.peripherals.circuit import CircuitConfig

    circuit = validate(CircuitConfig, {"comparator": {"offset_std": "20 mV"}}, "circuit")
    hardware = HardwareConfig(device=IDEAL, circuit=circuit, activation=ActivationConfig(bits=3))
    checkpoint = random_checkpoint()
    probe, twin = probe_for(checkpoint), run_twin(probe_for(checkpoint))
    uses = RangeUses(program_network(checkpoint, hardware.ideal(), Streams(0)), twin)
    (traces,) = chip_traces(probe, twin, hardware, Streams(2), 1)
    uses.add(traces.chip, traces.closed)
    trace, cell = traces.closed["lstm"], traces.chip.layer
    found = next(use for use in uses.uses() if use.gate == "f")
    values = cell.sigmoid.outputs[np.repeat(np.arange(8), found.codes)]
    np.testing.assert_array_equal(np.sort(values), np.sort(trace.stacked("gate", "f").ravel()))


def test_which_gates_have_a_converter():
    def gates(network, **settings):
        chip = program_network(random_network(network), HardwareConfig(device=IDEAL, **settings), Streams(0))
        return set(converted(chip.layer))

    assert gates("lstm") == {"i", "f", "g", "o"}
    assert gates("lstm", gates={"f": GateConfig(kind="digital")}) == {"i", "g", "o"}
    assert gates("lstm with a projection", projection="analog") == {"i", "f", "g", "o", "projection"}
    assert gates("gru") == {"r", "z", "candidate_x", "candidate_h"}
    assert gates("gru with the reset before") == {"r", "z", "n"}
    assert gates("rnn") == {"h"}
    assert gates("lstm", crossbar=crossbar(tile={"rows": 6, "tall": "digital"})) == set()


def study_of(probe, hardware, chips=3, **more):
    return SourceStudy(probe, run_twin(probe), hardware, Streams(1), chips, **more)


def test_small_errors_add_in_squares():
    found = study_of(probe_for(random_checkpoint(), n=60, steps=10), SMALL, chips=6).one_at_a_time()
    assert [effect.source.name for effect in found.effects] == ["weight_programming", "weight_reading"]
    shares = np.array([found.shares(effect) for effect in found.effects])
    np.testing.assert_allclose(shares[:, 0], shares[:, 1], atol=0.05)
    np.testing.assert_allclose(shares.sum(axis=0), 1.0, atol=0.05)
    assert shares.min() > 0.1


def test_one_at_a_time_is_what_each_hardware_gives():
    checkpoint = random_checkpoint()
    probe, told = probe_for(checkpoint), []
    hardware = HardwareConfig(device=NOISY.model_copy(update={"stuck_off_rate": 0.0}), readout="analog")
    study = study_of(probe, hardware, report=told.append)
    found = study.one_at_a_time()
    assert len(told) == study.one_at_a_time_chips == 3 * (2 + 2 * 4)
    for number in range(3):
        chip = program_network(checkpoint, hardware, Streams(1).child("chip", number + 1))
        seen = run_chip(chip, probe)
        assert found.whole.square[number] == np.square(seen.outputs - study.twin.outputs).mean()
        assert found.whole.metric[number] == seen.metric
    assert np.ptp(found.quantisation.square) == 0.0
    for effect in found.effects:
        assert found.quantisation.rms < effect.alone.rms
    again = study_of(probe, hardware).one_at_a_time()
    for one, two in zip(found.effects, again.effects, strict=True):
        np.testing.assert_array_equal(one.alone.square, two.alone.square)
        np.testing.assert_array_equal(one.left_out.metric, two.left_out.metric)


def test_without_sources_nothing_is_shared_out():
    found = study_of(probe_for(random_checkpoint()), HardwareConfig(device=IDEAL)).one_at_a_time()
    assert found.effects == ()
    np.testing.assert_array_equal(found.quantisation.square, found.whole.square)


@pytest.mark.statistics
def test_sobol_indices_of_small_errors_are_those_of_a_sum_of_squares():
    study = study_of(probe_for(random_checkpoint(), n=30, steps=6), SMALL, chips=2)
    found = study.sobol(32)
    assert found.evaluations == 32 * 4
    shares = np.array([effect.alone.square.mean() for effect in study.one_at_a_time().effects])
    expected = shares**2 / (shares**2).sum()  # the variance of s u^2 goes with s^2
    # as tight as the bootstrap says
    assert np.all((found.total.low[0] <= expected) & (expected <= found.total.high[0]))
    assert np.all((found.first.low[0] <= expected) & (expected <= found.first.high[0]))


def test_the_same_seed_gives_the_same_sobol_indices():
    probe, chips = probe_for(random_checkpoint()), []
    one, two = (study_of(probe, HardwareConfig(device=NOISY), 1, report=chips.append) for _ in range(2))
    first, again = one.sobol(2), two.sobol(2)
    np.testing.assert_array_equal(again.total.estimate, first.total.estimate)
    np.testing.assert_array_equal(again.first.high, first.first.high)
    assert len(chips) == 2 * one.sobol_chips(2) == 2 * first.evaluations == 2 * 2 * (6 + 2)


def test_bits_per_character_of_a_probe_are_those_of_the_language_model():
    checkpoint = language_model()
    symbols = np.random.default_rng(2).integers(0, 5, (4, 13))
    probe = Probe.of_symbols(checkpoint, symbols, warm_up=3)
    hardware = HardwareConfig(device=NOISY, projection="analog", readout="analog")
    chip = program_network(checkpoint, hardware, Streams(0))
    for model, found in (
        (LanguageModel.floating(checkpoint), run_twin(probe).metric),
        (LanguageModel.on_chip(chip), run_chip(chip, probe).metric),
    ):
        told = model.run(symbols[:, :-1], model.states(4))
        likely = np.take_along_axis(told, symbols[:, 1:, np.newaxis], axis=2)[:, 3:]
        assert found == pytest.approx(-likely.mean() / np.log(2.0), rel=1e-5)
    assert probe.metric == "bpc"


def test_stretches_of_a_text():
    symbols = np.arange(1001) % 5
    probe = Probe.of_text(language_model(), symbols, samples=3, steps=10)
    assert probe.shape == (3, 10)
    assert probe.warm_up == 5
    np.testing.assert_array_equal(probe.labels[0], symbols[1:11])
    np.testing.assert_array_equal(probe.labels[-1], symbols[-10:])
    assert Probe.of_text(language_model(), symbols, samples=1, steps=1000).shape == (1, 1000)
    with pytest.raises(InputError, match="a text of 1001 symbols has no stretch of 1001 steps and one symbol more"):
        Probe.of_text(language_model(), symbols, samples=1, steps=1001)


def test_a_sample_is_spread_over_the_data():
    probe = probe_for(random_checkpoint(), n=10)
    np.testing.assert_array_equal(probe.sample(3).inputs, probe.inputs[[0, 3, 6]])
    np.testing.assert_array_equal(probe.sample(3).labels, probe.labels[[0, 3, 6]])
    np.testing.assert_array_equal(probe.sample(99).inputs, probe.inputs)


def test_without_labels_there_is_no_metric():
    checkpoint = random_checkpoint()
    probe = Probe.of_features(checkpoint, random_features(3))
    assert np.isnan(run_twin(probe).metric)
    assert probe.sample(2).labels is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Probe.of_features(random_checkpoint(), np.zeros((0, 3, 6))), "at least one sequence"),
        (lambda: Probe.of_features(random_checkpoint(), np.zeros((2, 3, 5))), "made for 6 features"),
        (lambda: Probe.of_features(random_checkpoint(), np.zeros((2, 3, 6)), np.zeros(3)), "shape \\(2,\\), found"),
        (lambda: Probe.of_symbols(random_checkpoint(), np.zeros((2, 3), int)), "is no language model"),
        (lambda: Probe.of_symbols(language_model(), np.zeros((2, 3), int), 2), "longer than the warm-up"),
        (lambda: Probe.of_symbols(language_model(), np.zeros(3, int)), "shape \\(3,\\)"),
    ],
)
def test_a_probe_that_does_not_fit_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
