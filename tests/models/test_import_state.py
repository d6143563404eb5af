"""Layers found in the names and shapes of a state dict; no PyTorch needed."""

import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from memramp.errors import InputError
from memramp.models.checkpoint import save_checkpoint
from memramp.models.import_state import StateOptions
from memramp.models.importing import CheckpointOptions, import_network

RNG = np.random.default_rng(0)


def draw(*shape):
    return RNG.normal(0.0, 0.5, shape).astype(np.float32)


def module(prefix, gates, inputs, hidden, *, layer=0, reverse=False, projection=None):
    end = f"_l{layer}" + ("_reverse" if reverse else "")
    state = projection or hidden
    found = {
        f"{prefix}.weight_ih{end}": draw(gates * hidden, inputs),
        f"{prefix}.weight_hh{end}": draw(gates * hidden, state),
        f"{prefix}.bias_ih{end}": draw(gates * hidden),
        f"{prefix}.bias_hh{end}": draw(gates * hidden),
    }
    return found | ({f"{prefix}.weight_hr{end}": draw(projection, hidden)} if projection else {})


def linear(prefix, outputs, inputs):
    return {f"{prefix}.weight": draw(outputs, inputs), f"{prefix}.bias": draw(outputs)}


@pytest.fixture
def load(tmp_path):
    def run(tensors, about=None, **options):
        save_file(tensors, tmp_path / "net.safetensors")
        return import_network(tmp_path / "net.safetensors", StateOptions(**options), about)

    return run


@pytest.fixture
def refused(load):
    def run(tensors, match, about=None, **options):
        with pytest.raises(InputError, match=match) as caught:
            load(tensors, about, **options)
        assert "\n" not in str(caught.value)

    return run


NET = module("lstm", 4, 6, 8) | linear("fc", 3, 8)


def test_biases_of_a_gru_add_up_except_inside_the_reset(load):
    tensors = module("rnn", 3, 2, 4) | linear("fc", 3, 4)
    found = load(tensors).tensors
    inner, outer = tensors["rnn.bias_hh_l0"], tensors["rnn.bias_ih_l0"]
    np.testing.assert_allclose(found["gru.bias"][:8], (inner + outer)[:8], rtol=1e-6)
    np.testing.assert_array_equal(found["gru.bias"][8:], outer[8:])
    np.testing.assert_array_equal(found["gru.bias_h"], inner[8:])


def test_missing_bias_of_the_dense_layer_is_zero(load):
    tensors = {name: tensor for name, tensor in NET.items() if name != "fc.bias"}
    np.testing.assert_array_equal(load(tensors).tensors["dense.bias"], np.zeros(3, np.float32))


def test_without_a_dense_layer_the_states_are_the_scores(load, refused):
    tensors = {name: tensor for name, tensor in NET.items() if not name.startswith("fc")}
    refused(tensors, "no dense layer, a weight .outputs, 8., among the other tensors .none.; with --dense none")
    checkpoint, x = load(tensors, dense="none"), draw(2, 5, 6)
    np.testing.assert_array_equal(checkpoint.float_logits(x), checkpoint.float_states(x))


def test_parameters_without_any_prefix(load):
    tensors = {name.removeprefix("lstm."): tensor for name, tensor in NET.items()}
    assert load(tensors).network.recurrent[0].hidden == 8


def test_modules_behind_each_other(load, refused):
    tensors = module("b", 4, 6, 8) | module("a", 3, 8, 5) | linear("fc", 3, 5)
    refused(tensors, "has 2 recurrent modules, 'a', 'b'; choose one with --recurrent PREFIX")
    layers = load(tensors, recurrent=("b", "a")).network.recurrent
    assert [(layer.kind, layer.name, layer.inputs) for layer in layers] == [("lstm", "lstm", 6), ("gru", "gru2", 8)]
    refused(tensors, "layer 'lstm2' takes 6 inputs, but 'gru' gives 5", recurrent=("a", "b"), dense="none",
            ignore=("fc.*",))
    refused(tensors, "no layer takes the tensors 'a.*--ignore PATTERN leaves them out", recurrent=("b",), dense="none")
    refused(tensors, "expected one of 'a', 'b', found 'c'", recurrent=("c",))
    refused(tensors, "the same module stands twice", recurrent=("a", "a"))


def test_several_dense_layers_are_settled_by_an_option(load, refused):
    tensors = NET | linear("aux", 4, 8)
    refused(tensors, "'aux', 'fc' may all be the dense layer, of 8 inputs; choose with --dense PREFIX")
    refused(tensors, r"no layer takes the tensors 'aux.bias \[4\]', 'aux.weight \[4, 8\]'", dense="fc")
    assert load(tensors, dense="fc", ignore=("aux.*",)).network.outputs == 3
    assert load(tensors, ignore=("fc.*",)).network.outputs == 4
    refused(tensors, "no tensor 'nonesuch.weight' among those", dense="nonesuch")
    refused(tensors, "no tensor of .* is called 'xyz", ignore=("xyz*",))


def test_embedding_is_found_by_its_name_only(load, refused):
    table = draw(20, 6)
    checkpoint = load(NET | {"char_emb.weight": table})
    np.testing.assert_array_equal(checkpoint.tensors["embedding.weight"], table)
    refused(NET | {"encoder.weight": table}, r"no layer takes the tensors 'encoder.weight \[20, 6\]'; --embedding")
    assert load(NET | {"encoder.weight": table}, embedding="encoder").network.embedding.symbols == 20
    refused(NET | {"encoder.weight": draw(20, 5)}, "has shape .20, 5., but the first .* 6 inputs", embedding="encoder")
    refused(NET | {"a_emb.weight": table, "b_emb.weight": table}, "'a_emb', 'b_emb' may all be the embedding")


def test_a_weight_of_an_embedding_as_wide_as_the_states_is_no_dense_layer(load):
    tensors = module("lstm", 4, 8, 8) | linear("fc", 20, 8) | {"emb.weight": draw(20, 8)}
    checkpoint = load(tensors)
    np.testing.assert_array_equal(checkpoint.tensors["dense.weight"], tensors["fc.weight"].T)
    np.testing.assert_array_equal(checkpoint.tensors["embedding.weight"], tensors["emb.weight"])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"lstm.weight_hh_l0": draw(32, 7)}, "fit no cell"),
        ({"lstm.weight_hh_l0": draw(31, 8)}, "fit no cell"),
        ({"lstm.weight_ih_l0": draw(32)}, "weight_ih must have two dimensions"),
        ({"lstm.bias_hh_l0": draw(8)}, r"bias_hh must have shape \[32\], found \[8\]"),
        ({"lstm.weight_hr_l0": draw(3, 8)}, r"weight_hr must have shape \[8, hidden\], found \[3, 8\]"),
        ({"lstm.weight_ih_l2": draw(32, 8)}, "has no tensors of layer 1"),
        ({"lstm.weight_ih_l9999": draw(32, 8)}, "has no tensors of layer 1"),
        ({"lstm.weight_ih_l0_reverse": draw(32, 6)}, "'lstm' has no weight_hh"),
        ({"lstm.weight_ih": draw(32, 6)}, "stands for the same tensor"),
        ({"lstm.weight_ih_l1": draw(32, 7), "lstm.weight_hh_l1": draw(32, 8)}, "takes 7 inputs, but 'lstm' gives 8"),
        ({"fc.bias": draw(4)}, r"'fc.bias' must have shape \[3\], found \[4\]"),
        ({"fc.weight": draw(3, 9)}, "no dense layer"),
        ({"fc.weight": np.full((3, 8), np.nan, np.float32)}, "'fc.weight': 24 of its 24 numbers are not finite"),
        ({"fc.weight": np.full((3, 8), 1e300)}, "not finite in float32"),
        ({"fc.weight": np.zeros((3, 8), np.int32)}, "must hold floating point numbers, found int32"),
        ({"norm.running_mean": draw(6)}, r"no layer takes the tensors 'norm.running_mean \[6\]'"),
    ],
)  # fmt: skip
def test_tensors_that_do_not_fit_are_told(refused, change, match):
    refused(NET | change, match)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"cell": "gru"}, "--cell: expected lstm, as the shapes of 'lstm' say, found gru"),
        ({"nonlinearity": "relu"}, "--nonlinearity: belongs to a plain RNN, 'lstm' is of the kind lstm"),
    ],
)
def test_options_that_contradict_the_tensors_are_told(refused, options, match):
    refused(NET, match, **options)


def test_normalisation_range_classes_and_name_go_into_the_checkpoint(load):
    about = CheckpointOptions(("a", "b", "c"), np.arange(6.0), np.array([2.0]), 1.5, "mine")
    checkpoint = load(NET, about)
    np.testing.assert_array_equal(checkpoint.tensors["features.mean"], np.arange(6.0))
    np.testing.assert_array_equal(checkpoint.tensors["features.scale"], np.full(6, 2.0))
    assert checkpoint.scalar("lstm", "range_x") == 1.5
    assert (checkpoint.classes, checkpoint.config["name"]) == (("a", "b", "c"), "mine")


@pytest.mark.parametrize(
    ("about", "match"),
    [
        ({"classes": ("a", "b")}, "--classes: the network has 3 outputs, found 2 names"),
        ({"classes": ("a", "b", "a")}, "--classes: the name 'a' stands twice"),
        ({"mean": np.zeros(5)}, "--mean: expected one number or 6, one for each feature, found 5"),
        ({"scale": np.zeros(6)}, "--scale: expected positive numbers, found 0"),
        ({"mean": np.array([1e300])}, "--mean: expected numbers that are finite in float32"),
    ],
)
def test_options_of_the_checkpoint_that_do_not_fit_are_told(refused, about, match):
    refused(NET, match, CheckpointOptions(**about))


def test_symbols_have_no_normalisation(refused):
    refused(NET | {"emb.weight": draw(9, 6)}, "the network takes symbols", CheckpointOptions(mean=np.zeros(1)))


def test_a_network_too_large_for_a_checkpoint_is_told(refused):
    tensors = {"rnn.weight_ih_l0": draw(1, 70_000), "rnn.weight_hh_l0": draw(1, 1)}
    match = "'layers.0.inputs': input should be less than or equal to 65536, found 70000"
    refused(tensors | linear("fc", 2, 1), match)


def test_files_of_other_kinds_are_told(tmp_path, load):
    for name, match in (("net.h5", "must end in .pt, "), ("absent.safetensors", "no such file")):
        with pytest.raises(InputError, match=match):
            import_network(tmp_path / name)
    (tmp_path / "x.safetensors").write_bytes(b"\x10" + bytes(7) + b"[" * 16)
    with pytest.raises(InputError, match="damaged or no safetensors file"):
        import_network(tmp_path / "x.safetensors")
    save_checkpoint(load(NET), tmp_path / "own.safetensors")
    with pytest.raises(InputError, match="is a checkpoint of memramp already"):
        import_network(tmp_path / "own.safetensors")


@pytest.mark.parametrize(
    ("package", "name", "match"),
    [
        ("torch", "net.pt", r"needs PyTorch: pip install 'memramp\[train\]'"),
        ("onnx", "net.onnx", r"needs the package onnx: pip install 'memramp\[onnx\]'"),
    ],
)
def test_missing_packages_are_told(package, name, match, tmp_path, monkeypatch):
    for loaded in list(sys.modules):
        if loaded.split(".")[0] == package or loaded.startswith(f"memramp.models.import_{package}"):
            monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match=match):
        import_network(tmp_path / name)
