"""Training of language models on small texts, and trainings that diverge."""

import random
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs memramp[train]")

from networks import random_checkpoint  # noqa: E402

from memramp.errors import InputError  # noqa: E402
from memramp.models.character_training import CharacterTraining  # noqa: E402
from memramp.models.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from memramp.models.spec import stacked_spec  # noqa: E402
from memramp.models.text import load_characters  # noqa: E402
from memramp.models.torch_network import TrainableNetwork  # noqa: E402
from memramp.models.training import Trainer  # noqa: E402
from memramp.models.training_config import TrainingConfig  # noqa: E402

DEVICE = {"preset": "yang2025_150us", "prog_noise": {"sigma": "5 uS"}, "read_noise": {"kind": "constant", "sigma": 2.0}}
GUESSING = np.log2(16)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    words, chosen = "the cat sat on a mat and then ran off to find more food", random.Random(0)
    path = tmp_path_factory.mktemp("text") / "cats.txt"
    path.write_text(" ".join(chosen.choice(words.split()) for _ in range(600)))
    return path


def config(text, device=None, model=None, **training):
    settings = {
        "epochs": 4, "batch": 8, "slice": 16, "learning_rate": 0.05, "warmup_steps": 0, "evaluate_every": 1,
        "evaluation_symbols": 1000, "evaluation_chips": 1, **training,
    }  # fmt: skip
    return TrainingConfig.model_validate(
        {
            "memramp": 1,
            "name": "cats",
            "task": {"kind": "text", "file": str(text)},
            "model": {"hidden": 12, "embedding": 8, **(model or {})},
            "device": device,
            "training": settings,
        }
    )


def trainer(settings, out):
    return Trainer(settings, CharacterTraining(settings, load_characters(settings.task)), out)


@pytest.mark.parametrize(
    ("device", "changes"),
    [
        (None, {}),
        (None, {"precision": "bfloat16", "weight_drop": 0.2, "dropout": 0.1, "model": {"projection": 6}}),
        (DEVICE, {"rounds": 2, "dropout": 0.1}),
        (DEVICE, {"precision": "bfloat16", "model": {"projection": 6, "learn": ["range_h", "clip"]}}),
        (DEVICE, {"gradient": "blurred", "model": {"cell": "gru"}}),
    ],
    ids=["float", "bfloat16, dropped weights", "noisy, in rounds", "bfloat16, learned ranges", "gru, blurred"],
)
def test_a_cut_training_goes_on_bit_for_bit_and_learns(device, changes, text, tmp_path):
    class CutError(Exception):
        pass

    def cut(progress):
        if progress.done == 3:
            raise CutError

    settings = config(text, device, **changes)
    whole = trainer(settings, tmp_path / "whole").run(lambda _: None)
    with pytest.raises(CutError):
        trainer(settings, tmp_path / "cut").run(cut)
    resumed = trainer(settings, tmp_path / "cut")
    assert resumed.state.round == 3
    found = resumed.run(lambda _: None)
    assert whole.tensors.keys() == found.tensors.keys()
    for name, tensor in whole.tensors.items():
        np.testing.assert_array_equal(found.tensors[name], tensor, err_msg=name)
    assert whole.metrics["selection_bpc"] < 0.9 * GUESSING


def test_a_taught_language_model_learns(text, tmp_path):
    trainer(config(text), tmp_path / "teacher").run(lambda _: None)
    path = str(tmp_path / "teacher" / "checkpoint.safetensors")
    settings = config(text, teacher=path, teacher_weight=1.0, model={"hidden": 10})
    taught = trainer(settings, tmp_path / "taught").run(lambda _: None)
    assert taught.metrics["selection_bpc"] < 0.9 * GUESSING


@pytest.fixture(scope="module")
def first(text, tmp_path_factory):
    out = tmp_path_factory.mktemp("first")
    return trainer(config(text, epochs=1), out).run(lambda _: None)


@pytest.mark.parametrize("role", ["init", "teacher"])
def test_a_checkpoint_of_another_vocabulary_is_refused(role, text, first, tmp_path):
    other = replace(first, classes=tuple("0123456789ABCDEFGHIJKLMNO"[: len(first.classes)]))
    save_checkpoint(other, tmp_path / "other.safetensors")
    block = {"init": str(tmp_path / "other.safetensors")} if role == "init" else {}
    settings = config(text, model=block, **({} if block else {"teacher": str(tmp_path / "other.safetensors")}))
    with pytest.raises(InputError, match=r"other\.safetensors: has .* classes .*the task has .* \(' acd"):
        trainer(settings, tmp_path / "out")
    assert not (tmp_path / "out" / "state.safetensors").exists()


@pytest.mark.parametrize(
    "model", [{"hidden": 13}, {"embedding": 9}, {"layers": 2}, {"cell": "gru"}, {"projection": 5}], ids=str
)
def test_a_checkpoint_of_another_shape_is_refused(model, text, first, tmp_path):
    save_checkpoint(first, tmp_path / "first.safetensors")
    with pytest.raises(InputError, match="is another network"):
        trainer(config(text, model=model | {"init": str(tmp_path / "first.safetensors")}), tmp_path / "out")


def test_a_teacher_that_is_no_language_model_is_refused(text, first, tmp_path):
    keyword = random_checkpoint(classes=len(first.classes))
    save_checkpoint(replace(keyword, classes=first.classes), tmp_path / "keyword.safetensors")
    with pytest.raises(InputError, match="is no language model"):
        trainer(config(text, teacher=str(tmp_path / "keyword.safetensors")), tmp_path / "out")


@pytest.mark.parametrize("content", ["", "abc"])
def test_an_empty_text_is_told(content, tmp_path):
    path = tmp_path / "empty.txt"
    path.write_text(content)
    with pytest.raises(InputError, match=r"empty\.txt"):
        trainer(config(path), tmp_path / "out")


def test_a_text_that_fills_no_slice_is_told(text, tmp_path):
    with pytest.raises(InputError, match="need more than the text's"):
        trainer(config(text, batch=500, slice=100), tmp_path / "out").run(lambda _: None)


def test_a_language_model_that_diverges_stops_and_keeps_its_best(text, tmp_path):
    settings = config(
        text, model={"hidden": 64}, epochs=40, learning_rate=1.0, warmup_steps=800, gradient_clip=1e30,
        schedule="constant",
    )  # fmt: skip
    with pytest.raises(InputError, match=r"the loss has risen to .*the checkpoint of epoch \d+ is kept"):
        trainer(settings, tmp_path).run(lambda _: None)
    kept = load_checkpoint(str(tmp_path / "checkpoint.safetensors"))
    assert kept.metrics["selection_bpc"] < 0.9 * GUESSING


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_dropped_weights_have_no_gradient_and_the_others_count_for_more(cell):
    spec = stacked_spec(cell, 6, (20,), 4)
    network = TrainableNetwork(spec, weight_drop=0.25)
    network.initialise(torch.Generator().manual_seed(0))
    x, weight = torch.randn(8, 5, 6), network.tensor(f"{cell}.weight_h")
    outputs, zeros = [], []
    for seed in (1, 2):
        network.zero_grad()
        scores = network(x, None, generator=torch.Generator().manual_seed(seed))
        scores.square().sum().backward()
        outputs.append(scores.detach())
        zeros.append(weight.grad == 0)
    part = zeros[0].float().mean()
    assert abs(float(part) - 0.25) < 4 * (0.25 * 0.75 / weight.numel()) ** 0.5
    assert not torch.equal(*zeros)
    assert not torch.equal(*outputs)
    # By hand: the same weights, dropped beforehand.
    kept = TrainableNetwork(spec)
    with torch.no_grad():
        for name, tensor in network.named_tensors():
            kept.tensor(name).copy_(torch.where(zeros[1], 0.0, tensor / 0.75) if name.endswith("weight_h") else tensor)
    torch.testing.assert_close(kept(x, None), outputs[1])


def test_evaluations_drop_no_weights(text, tmp_path):
    settings = config(text, epochs=1, weight_drop=0.5)
    trained = trainer(settings, tmp_path / "out")
    found = trained.run(lambda _: None)
    score = trained.task.evaluate(found, None, {})
    assert score == trained.task.evaluate(found, None, {}) == pytest.approx(trained.state.best, abs=1e-6)


def test_dropping_weights_is_for_floating_point(text):
    with pytest.raises(ValueError, match=r"training\.weight_drop is for floating point"):
        config(text, DEVICE, weight_drop=0.1)
