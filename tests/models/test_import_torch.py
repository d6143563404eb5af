"""State dicts of PyTorch's own modules: the imported network gives what the module gives."""

import io
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
from safetensors.numpy import save_file

torch = pytest.importorskip("torch", reason="needs memramp[train]")

from memramp.errors import InputError  # noqa: E402
from memramp.models.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from memramp.models.float_network import dense  # noqa: E402
from memramp.models.import_state import StateOptions  # noqa: E402
from memramp.models.importing import import_network  # noqa: E402

# Weights are float32 in the file and both networks compute in float64: what is left is the sum of the two biases, which
# is rounded to float32 once (2**-25 of up to 2/sqrt(hidden)), grown by at most the length of the sequence.
TOLERANCE = 1e-6


class Network(torch.nn.Module):
    def __init__(self, cell, *, embedding=False, bias=True, **options):
        super().__init__()
        self.emb = torch.nn.Embedding(11, 6) if embedding else None
        self.rnn = getattr(torch.nn, cell)(6, 8, batch_first=True, bias=bias, **options)
        width = (options.get("proj_size") or 8) * (2 if options.get("bidirectional") else 1)
        self.head = torch.nn.Linear(width, 5, bias=bias)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.normal_(0.0, 0.6)

    def forward(self, x, read):
        x = x if self.emb is None else self.emb(x)
        states, last = self.rnn(x)
        if read == "last":
            h = last[0] if isinstance(last, tuple) else last
            states = torch.cat([h[-2], h[-1]], 1) if self.rnn.bidirectional else h[-1]
        return self.head(states)


CASES = {
    "lstm": ("LSTM", {}),
    "gru": ("GRU", {}),
    "rnn": ("RNN", {}),
    "rnn relu": ("RNN", {"nonlinearity": "relu"}),
    "stacked lstm": ("LSTM", {"num_layers": 3}),
    "stacked gru": ("GRU", {"num_layers": 2}),
    "bidirectional lstm": ("LSTM", {"bidirectional": True}),
    "bidirectional stacked gru": ("GRU", {"bidirectional": True, "num_layers": 2}),
    "bidirectional rnn": ("RNN", {"bidirectional": True}),
    "projection": ("LSTM", {"proj_size": 3}),
    "projection, stacked, bidirectional": ("LSTM", {"proj_size": 3, "num_layers": 2, "bidirectional": True}),
    "no biases": ("GRU", {"bias": False}),
    "embedding": ("LSTM", {"embedding": True}),
}


def outputs(checkpoint, features):
    states = checkpoint.float_states(checkpoint.normalise(features)).reshape(-1, checkpoint.dense.weight.shape[0])
    return dense(states, checkpoint.dense)


def written(network, tmp_path, suffix):
    path = tmp_path / f"net{suffix}"
    if suffix == ".safetensors":
        save_file({name: tensor.numpy() for name, tensor in network.state_dict().items()}, path)
    else:
        torch.save(network.state_dict(), path)
    return path


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("read", ["last", "all"])
@pytest.mark.parametrize("case", CASES)
def test_imported_network_gives_what_the_module_gives(case, read, suffix, tmp_path):
    torch.manual_seed(3)
    cell, options = CASES[case]
    network = Network(cell, **options)
    choice = StateOptions(nonlinearity=options.get("nonlinearity"), read=read)
    save_checkpoint(import_network(written(network, tmp_path, suffix), choice), tmp_path / "out.safetensors")
    checkpoint = load_checkpoint(str(tmp_path / "out.safetensors"))
    x = torch.randint(0, 11, (3, 9)) if network.emb else torch.rand(3, 9, 6) * 2 - 1
    features = checkpoint.tensors["embedding.weight"][x.numpy()] if network.emb else x.numpy()
    expected = network.double()(x if network.emb else x.double(), read).detach().numpy()
    np.testing.assert_allclose(outputs(checkpoint, features), expected.reshape(-1, 5), rtol=0, atol=TOLERANCE)
    if read == "last":
        np.testing.assert_allclose(checkpoint.float_logits(features), expected, rtol=0, atol=TOLERANCE)


def test_cells_of_torch_are_layers_too(tmp_path):
    torch.manual_seed(4)
    cell, head = torch.nn.GRUCell(4, 3), torch.nn.Linear(3, 2)
    tensors = {f"cell.{name}": tensor for name, tensor in cell.state_dict().items()} | {
        f"head.{name}": tensor for name, tensor in head.state_dict().items()
    }
    torch.save(tensors, tmp_path / "net.pth")
    x = torch.rand(2, 5, 4)
    h = torch.zeros(2, 3)
    for t in range(5):
        h = cell(x[:, t], h)
    found = import_network(tmp_path / "net.pth").float_logits(x.numpy())
    np.testing.assert_allclose(found, head(h).detach().numpy(), atol=TOLERANCE)


@pytest.mark.parametrize("kind", ["float64", "float16", "bfloat16"])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_other_precisions_become_float32(kind, suffix, tmp_path):
    network = Network("LSTM").to(getattr(torch, kind))
    path = tmp_path / f"net{suffix}"
    if suffix == ".pt":
        torch.save(network.state_dict(), path)
    else:
        pytest.importorskip("safetensors.torch").save_file(network.state_dict(), path)
    checkpoint = import_network(path)
    expected = network.state_dict()["rnn.weight_hh_l0"].float().numpy().T
    np.testing.assert_array_equal(checkpoint.tensors["lstm.weight_h"], expected)
    assert {tensor.dtype for tensor in checkpoint.tensors.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model"])
def test_state_dict_inside_a_training_s_checkpoint_is_found(key, tmp_path):
    network = Network("LSTM")
    torch.save({"epoch": 3, key: network.state_dict(), "lr": [0.1]}, tmp_path / "net.ckpt")
    assert import_network(tmp_path / "net.ckpt").network.recurrent[0].hidden == 8


def refused(path, match, options=None):
    with pytest.raises(InputError, match=match) as caught:
        import_network(path, options)
    assert "\n" not in str(caught.value)


class Trap:
    """Runs a command when it is unpickled."""

    def __init__(self, path):
        self._path = path

    def __reduce__(self):
        return (open, (str(self._path), "w"))


def test_pickled_objects_are_never_loaded(tmp_path):
    torch.save({"a": Trap(tmp_path / "ran")}, tmp_path / "trap.pt")
    refused(tmp_path / "trap.pt", r"holds pickled objects \(.*open\), which are never loaded")
    torch.save(torch.nn.LSTM(2, 3), tmp_path / "whole.pt")
    refused(tmp_path / "whole.pt", r"holds pickled objects \(torch\.nn\..*LSTM\)")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps({"a": Trap(tmp_path / "ran")}))
    refused(tmp_path / "plain.pt", "zip archives")
    assert not (tmp_path / "ran").exists()


def test_damaged_files_are_told(tmp_path):
    content = io.BytesIO()
    torch.save(Network("LSTM").state_dict(), content)
    for length in (0, 10, len(content.getvalue()) // 2, len(content.getvalue()) - 40):
        (tmp_path / "net.pt").write_bytes(content.getvalue()[:length])
        refused(tmp_path / "net.pt", "damaged or no file of torch.save")


@pytest.mark.parametrize(
    ("loaded", "match"),
    [
        ([1, 2], "expected a state dict"),
        ({}, "holds no tensors"),
        ({"epoch": 3, "net": {"a": torch.zeros(2)}}, "holds no tensors, neither itself nor under"),
        ({3: torch.zeros(2)}, "names of tensors are text, found 3"),
        (OrderedDict(a=torch.zeros(2)), "no recurrent layer"),
        ({"rnn.weight_ih_l0": torch.zeros(8, 3, dtype=torch.int64)}, "must hold floating point numbers"),
        ({"rnn.weight_ih_l0": torch.zeros(8, 3).to_sparse()}, "must hold floating point numbers"),
        ({"rnn.weight_ih_l0": torch.zeros(1).expand(400_000_000)}, "more than 250000000 numbers"),
    ],
)
def test_what_is_no_state_dict_is_told(loaded, match, tmp_path):
    torch.save(loaded, tmp_path / "net.pt")
    refused(tmp_path / "net.pt", match)


def test_archives_that_grow_are_refused(tmp_path):
    torch.save({"a": torch.zeros(1000)}, tmp_path / "net.pt")
    with (
        zipfile.ZipFile(tmp_path / "net.pt") as archive,
        zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for name in archive.namelist():
            bomb.writestr(name, archive.read(name))
    refused(tmp_path / "bomb.pt", "is compressed, which torch.save never does")


def test_mutated_files_never_raise_anything_else(tmp_path):
    rng, content = np.random.default_rng(5), io.BytesIO()
    torch.save(Network("GRU").state_dict(), content)
    path, survived = tmp_path / "net.pt", 0
    for _ in range(150):
        damaged = np.frombuffer(content.getvalue(), np.uint8).copy()
        damaged[rng.integers(0, 3000, 1 + rng.integers(4))] = rng.integers(0, 256)
        path.write_bytes(damaged.tobytes())
        try:
            import_network(path)
            survived += 1
        except InputError:
            pass
    assert survived < 150
