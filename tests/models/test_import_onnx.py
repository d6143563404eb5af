"""ONNX models: the imported network gives what ONNX's own reference evaluator gives."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs memramp[onnx]")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402

from memramp.errors import InputError  # noqa: E402
from memramp.models.float_network import dense  # noqa: E402
from memramp.models.import_state import StateOptions  # noqa: E402
from memramp.models.importing import import_network  # noqa: E402

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
STEPS, BATCH, INPUTS, HIDDEN, OUTPUTS = 7, 3, 5, 6, 4
# The evaluator computes in the graph's float32, we in float64: 7 steps of sums of about 10 products of order one, each
# rounded to 2**-24, which gates with slopes below one pass on.
TOLERANCE = 3e-6
GRAPH = 800  # bytes at the beginning of a file, with the nodes; weights come behind them


class Model:
    """Collects the nodes and constants of a graph."""

    def __init__(self, seed=0):
        self.rng, self.nodes, self.constants, self.count = np.random.default_rng(seed), [], [], 0

    def draw(self, *shape):
        return self.constant(self.rng.normal(0.0, 0.5, shape).astype(np.float32))

    def constant(self, array):
        self.count += 1
        self.constants.append(numpy_helper.from_array(np.asarray(array), f"c{self.count}"))
        return f"c{self.count}"

    def add(self, op, inputs, outputs=1, **attributes):
        self.count += 1
        names = [f"t{self.count}_{number}" for number in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, name=f"n{self.count}", **attributes))
        return names[0] if outputs == 1 else names

    def recurrent(self, op, x, inputs=INPUTS, *, bias=True, more=(), **attributes):
        """Add a recurrent node and return its outputs Y and Y_h."""
        sides = 2 if attributes.get("direction") == "bidirectional" else 1
        rows = GATES[op] * HIDDEN
        weights = [self.draw(sides, rows, inputs), self.draw(sides, rows, HIDDEN)]
        biases = [self.draw(sides, 2 * rows)] if bias else []
        return self.add(op, [x, *weights, *biases, *more], 2, hidden_size=HIDDEN, **attributes)

    def head(self, states, width=HIDDEN):
        product = self.add("MatMul", [states, self.draw(width, OUTPUTS)])
        return self.add("Add", [product, self.draw(OUTPUTS)])

    def content(self, output, shape=(STEPS, BATCH, INPUTS), kind=TensorProto.FLOAT, opset=17, inputs=()):
        graph = helper.make_graph(
            self.nodes,
            "g",
            [helper.make_tensor_value_info("x", kind, shape), *inputs],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
            self.constants,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


@pytest.fixture
def load(tmp_path):
    def run(model, **options):
        (tmp_path / "net.onnx").write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
        return import_network(tmp_path / "net.onnx", StateOptions(**options))

    return run


@pytest.fixture
def refused(load):
    def run(model, match, **options):
        with pytest.raises(InputError, match=match) as caught:
            load(model, **options)
        assert "\n" not in str(caught.value)

    return run


def agrees(checkpoint, model, x, batch_first=False):
    """Compare with the evaluator; x is [steps, batch, ...] unless the model takes it otherwise."""
    try:
        expected = ReferenceEvaluator(model).run(None, {"x": x})[0]
    except NotImplementedError:
        pytest.skip(f"the evaluator of onnx {onnx.__version__} does not know two directions")
    features = checkpoint.tensors["embedding.weight"][x] if "embedding.weight" in checkpoint.tensors else x
    features = features if batch_first else features.swapaxes(0, 1)
    states = checkpoint.float_states(features)
    scores = dense(states.reshape(-1, states.shape[-1]), checkpoint.dense).reshape(*states.shape[:-1], -1)
    if checkpoint.network.read == "all" and not batch_first:
        scores = scores.swapaxes(0, 1)
    np.testing.assert_allclose(scores.reshape(expected.shape), expected, rtol=0, atol=TOLERANCE)


def features(*shape):
    return np.random.default_rng(1).uniform(-1.0, 1.0, shape or (STEPS, BATCH, INPUTS)).astype(np.float32)


CELLS = {
    "lstm": ("LSTM", {}),
    "gru, reset before": ("GRU", {"linear_before_reset": 0}),
    "gru, reset after": ("GRU", {"linear_before_reset": 1}),
    "rnn": ("RNN", {}),
    "lstm, defaults said": ("LSTM", {"activations": ["Sigmoid", "Tanh", "Tanh"], "direction": "forward"}),
    "without biases": ("GRU", {"bias": False}),
}


@pytest.mark.parametrize("read", ["all", "last of Y", "Y_h"])
@pytest.mark.parametrize("case", CELLS)
def test_cells_and_what_is_read(case, read, load):
    model = Model()
    op, options = CELLS[case]
    y, y_h = model.recurrent(op, "x", **options)
    if read == "Y_h":
        states = model.add("Squeeze", [y_h, model.constant([0])])
    else:
        states = model.add("Squeeze", [y, model.constant([1])])
    if read == "last of Y":
        states = model.add("Gather", [states, model.constant(-1)], axis=0)
    made = model.content(model.head(states))
    checkpoint = load(made)
    assert checkpoint.network.read == ("all" if read == "all" else "last")
    agrees(checkpoint, made, features())


def test_relu_rnn(load):  # which the evaluator does not know
    model = Model()
    _, y_h = model.recurrent("RNN", "x", activations=["Relu"])
    checkpoint = load(model.content(model.head(model.add("Squeeze", [y_h, model.constant([0])]))))
    w, r, b, _, weight, bias = [numpy_helper.to_array(tensor).astype(float) for tensor in model.constants]
    x, h = features(), np.zeros((BATCH, HIDDEN))
    for step in x:
        h = np.maximum(step @ w[0].T + h @ r[0].T + b[0, :HIDDEN] + b[0, HIDDEN:], 0.0)
    np.testing.assert_allclose(checkpoint.float_logits(x.swapaxes(0, 1)), h @ weight + bias, rtol=0, atol=1e-6)


@pytest.mark.parametrize("op", ["LSTM", "GRU", "RNN"])
def test_bidirectional_layers_behind_each_other(op, load):
    model, x = Model(), "x"
    for inputs in (INPUTS, 2 * HIDDEN):
        y, y_h = model.recurrent(op, x, inputs, direction="bidirectional", activations={
            "LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}[op] * 2)
        turned = model.add("Transpose", [y], perm=[0, 2, 1, 3])
        x = model.add("Reshape", [turned, model.constant([0, 0, -1])])
    made = model.content(model.head(x, 2 * HIDDEN))
    agrees(load(made), made, features())
    sides = [model.add("Gather", [y_h, model.constant(side)], axis=0) for side in (0, 1)]
    made = model.content(model.head(model.add("Concat", sides, axis=-1), 2 * HIDDEN))
    model.nodes[:] = [node for node in model.nodes if node.output[0] in used(model.nodes, made.graph.output[0].name)]
    made = model.content(made.graph.output[0].name)
    agrees(load(made), made, features())


def used(nodes, output):
    """Return the names that an output depends on."""
    found, makers = {output}, {name: node for node in nodes for name in node.output}
    waiting = [output]
    while waiting:
        node = makers.get(waiting.pop())
        fresh = [] if node is None else [name for name in (*node.input, *node.output) if name not in found]
        found.update(fresh)
        waiting += fresh
    return found


def test_batch_first_by_transposing_and_by_layout(load):
    model = Model()
    y, _ = model.recurrent("LSTM", model.add("Transpose", ["x"], perm=[1, 0, 2]))
    back = model.add("Transpose", [model.add("Squeeze", [y, model.constant([1])])], perm=[1, 0, 2])
    made = model.content(model.head(back), (BATCH, STEPS, INPUTS))
    agrees(load(made), made, features(BATCH, STEPS, INPUTS), batch_first=True)
    model = Model()
    y, _ = model.recurrent("GRU", "x", layout=1)
    last = model.add("Slice", [y, *map(model.constant, ([-1], [2**62], [1]))])
    states = model.add("Squeeze", [last, model.constant([1, 2])])
    made = model.content(model.head(states), (BATCH, STEPS, INPUTS))
    checkpoint = load(made)
    expected = checkpoint.float_logits(features(BATCH, STEPS, INPUTS))
    assert (checkpoint.network.read, expected.shape) == ("last", (BATCH, OUTPUTS))


def test_embedding_gemm_and_softmax(load):
    model = Model()
    vectors = model.add("Gather", [model.draw(9, INPUTS), "x"])
    _, y_h = model.recurrent("LSTM", vectors)
    states = model.add("Squeeze", [y_h, model.constant([0])])
    gemm = [states, model.draw(OUTPUTS, HIDDEN), model.draw(OUTPUTS)]
    scores = model.add("Gemm", gemm, transB=1, alpha=2.0, beta=0.5)
    made = model.content(scores, (STEPS, BATCH), TensorProto.INT64)
    symbols = np.random.default_rng(2).integers(0, 9, (STEPS, BATCH))
    checkpoint = load(made)
    assert (checkpoint.network.embedding.symbols, checkpoint.network.embedding.outputs) == (9, INPUTS)
    agrees(checkpoint, made, symbols)
    soft = model.content(model.add("LogSoftmax", [scores]), (STEPS, BATCH), TensorProto.INT64)
    np.testing.assert_array_equal(load(soft).tensors["dense.weight"], checkpoint.tensors["dense.weight"])


def test_zero_states_and_weights_that_the_graph_computes(load):
    """As exporters write it: states are made to fit the batch, weights are sliced and joined in the graph."""
    model = Model()
    shape = model.add("Shape", ["x"])
    batch = model.add("Slice", [shape, *map(model.constant, ([1], [2], [0]))])
    sizes = model.add("Concat", [model.constant([1]), batch, model.constant([HIDDEN])], axis=0)
    zeros = [model.add("ConstantOfShape", [sizes]), model.add("Expand", [model.constant(np.float32(0)), sizes])]
    halves = [model.draw(2 * HIDDEN, INPUTS) for _ in range(2)]
    w = model.add("Unsqueeze", [model.add("Concat", halves, axis=0), model.constant([0])])
    r = model.add("Transpose", [model.draw(1, HIDDEN, 4 * HIDDEN)], perm=[0, 2, 1])
    y, _ = model.add("LSTM", ["x", w, r, "", "", *zeros], 2, hidden_size=HIDDEN)
    given = model.add("Shape", [y])
    parts = [model.add("Slice", [given, *map(model.constant, ([n], [n + 1], [0]))]) for n in (0, 2, 3)]
    states = model.add("Reshape", [y, model.add("Concat", parts, axis=0)])
    made = model.content(model.head(states), (None, None, INPUTS))
    agrees(load(made), made, features())


def test_states_are_scores_without_a_dense_layer(load, refused):
    model = Model()
    y, _ = model.recurrent("LSTM", "x")
    made = model.content(model.add("Squeeze", [y, model.constant([1])]))
    refused(made, "no dense layer .*with --dense none")
    agrees(load(made, dense="none"), made, features())
    refused(made, "--dense: of an ONNX file, only 'none' can be said, found 'fc'", dense="fc")
    refused(made, "--read: belongs to state dicts", read="all")


def simple(op="LSTM", **options):
    model = Model()
    _, y_h = model.recurrent(op, "x", **options)
    return model, model.head(model.add("Squeeze", [y_h, model.constant([0])]))


@pytest.mark.parametrize(
    ("op", "options", "match"),
    [
        ("LSTM", {"activations": ["Sigmoid", "Tanh", "Softsign"]}, "activations must be Sigmoid, Tanh, Tanh.*Softsign"),
        ("RNN", {"activations": ["Affine"]}, "activations must be Tanh or Relu in each direction, found 'Affine'"),
        ("LSTM", {"activations": ["Tanh"]}, "activations must be"),
        ("LSTM", {"activations": [1, 2]}, "the attribute activations is of a wrong kind"),
        ("LSTM", {"direction": "reverse"}, "direction must be forward or bidirectional, found 'reverse'"),
        ("LSTM", {"direction": "bidirectional"}, "none"),
        ("LSTM", {"clip": 3.0}, "the attribute clip is not supported, found 3.0"),
        ("RNN", {"activation_alpha": [0.5]}, "the attribute activation_alpha is not supported"),
        ("LSTM", {"input_forget": 1}, "the attribute input_forget is not supported"),
        ("LSTM", {"layout": "x"}, "the attribute layout is of a wrong kind"),
    ],
)
def test_what_our_cells_do_not_have_is_told_by_name(op, options, match, refused):
    if match != "none":
        model, scores = simple(op, **options)
        refused(model.content(scores), match)
        return
    model, scores = simple(op, **options)  # one direction of two is squeezed away
    refused(model.content(scores), "Squeeze node .* is not known at this place")


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ([np.full(BATCH, STEPS, np.int32)], "sequence_lens is not supported"),
        (["", np.ones((1, BATCH, HIDDEN), np.float32)], "initial_h must be zero .*not known to be zero"),
        (["", "h"], "initial_h must be zero or left out, it is an input of the graph"),
        (["", "", np.full((1, BATCH, HIDDEN), 0.1, np.float32)], "initial_c must be zero"),
        (["", "", "", np.zeros((1, 3 * HIDDEN), np.float32)], "the peepholes P are not supported"),
    ],
)
def test_inputs_that_our_cells_do_not_have_are_told(more, match, refused):
    model = Model()
    given = [each if isinstance(each, str) else model.constant(each) for each in more]
    _, y_h = model.recurrent("LSTM", "x", more=given)
    scores = model.head(model.add("Squeeze", [y_h, model.constant([0])]))
    states = [helper.make_tensor_value_info("h", TensorProto.FLOAT, (1, BATCH, HIDDEN))]
    refused(model.content(scores, inputs=states), match)


def test_zero_constants_as_initial_states_are_fine(load):
    model = Model()
    zeros = model.constant(np.zeros((1, BATCH, HIDDEN), np.float32))
    _, y_h = model.recurrent("LSTM", "x", more=["", zeros, zeros])
    made = model.content(model.head(model.add("Squeeze", [y_h, model.constant([0])])))
    agrees(load(made), made, features())


def last_of_both_sides(model):
    y, _ = model.recurrent("LSTM", "x", direction="bidirectional")
    joined = model.add("Transpose", [y], perm=[0, 2, 1, 3])
    joined = model.add("Reshape", [joined, model.constant([STEPS, BATCH, 2 * HIDDEN])])
    return model.head(model.add("Gather", [joined, model.constant(-1)]), 2 * HIDDEN)


def one_side_only(model):
    _, y_h = model.recurrent("LSTM", "x", direction="bidirectional")
    return model.head(model.add("Gather", [y_h, model.constant(0)]))


def squeezed(model, x="x"):
    """Return all states of a layer, [steps, batch, hidden]."""
    y, _ = model.recurrent("LSTM", x)
    return model.add("Squeeze", [y, model.constant([1])])


def recurrent_behind_dense(model):
    states = squeezed(model)
    scores = model.head(states)
    model.recurrent("LSTM", states, HIDDEN)
    return scores


def recurrent_beside_recurrent(model):
    states = squeezed(model)
    model.recurrent("LSTM", "x")
    return model.head(states)


def bias_behind_softmax(model):
    scores = model.add("Softmax", [model.add("MatMul", [squeezed(model), model.draw(HIDDEN, OUTPUTS)])])
    return model.add("Add", [scores, model.draw(OUTPUTS)])


def other_domain(model):
    scores = model.head(squeezed(model))
    model.nodes[-1].domain = "com.example"
    return scores


def not_in_order(model):
    scores = model.head(squeezed(model))
    model.nodes.reverse()
    return scores


REFUSED = {
    "a scaled input": (
        lambda model: model.head(squeezed(model, model.add("Mul", ["x", model.constant(np.float32(2))]))),
        "Mul node 'n.' is not known at this place; an input goes",
    ),
    "the last step of both sides": (last_of_both_sides, "with two directions: all or Y_h"),
    "one side of two": (one_side_only, "MatMul node .* is not known at this place; states go"),
    "the first step": (
        lambda model: model.head(model.add("Gather", [squeezed(model), model.constant(0)])),
        "Gather node .* is not known",
    ),
    "a function before": (lambda model: model.head(model.add("Relu", [squeezed(model)])), "Relu node .* is not known"),
    "a function behind": (lambda model: model.add("Sigmoid", [model.head(squeezed(model))]), "Sigmoid node .* the end"),
    "time taken for batch": (
        lambda model: model.head(model.add("Reshape", [squeezed(model), model.constant([BATCH, STEPS, HIDDEN])])),
        "Reshape node .* is not known",
    ),
    "two dense layers": (
        lambda model: model.head(model.head(squeezed(model)), OUTPUTS),
        "MatMul node .* is not known at this place; the scores are the end",
    ),
    "softmax over time": (
        lambda model: model.add("Softmax", [model.head(squeezed(model))], axis=0),
        "Softmax node .* is not known",
    ),
    "a bias behind softmax": (bias_behind_softmax, "Add node .* is not known at this place; the scores are the end"),
    "another domain": (other_domain, "com.example.Add"),
    "a layer behind the dense one": (recurrent_behind_dense, "stands behind the dense layer"),
    "two layers side by side": (recurrent_beside_recurrent, "reads something else than all states of the layer before"),
    "an output elsewhere": (lambda model: (model.head(squeezed(model)), "x")[1], "its outputs .* are not the scores"),
    "nodes out of order": (not_in_order, "which no node before it makes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_graphs_are_refused_by_the_name_of_the_node(case, refused):
    build, match = REFUSED[case]
    model = Model()
    refused(model.content(build(model)), match)


@pytest.mark.parametrize(
    ("place", "array", "match"),
    [
        (0, np.zeros((1, 5, INPUTS), np.float32), r"W must have shape \[1, 24, inputs\], found \[1, 5, 5\]"),
        (0, np.zeros((24, INPUTS), np.float32), "W must have shape"),
        (1, np.zeros((1, 24, 5), np.float32), r"R must have shape \[1, 4 hidden, hidden\], found \[1, 24, 5\]"),
        (1, np.zeros((1, 0, 0), np.float32), "R must have shape"),
        (2, np.zeros((1, 24), np.float32), r"B must have shape \[1, 48\], found \[1, 24\]"),
        (2, np.full((1, 48), np.nan, np.float32), "B: 48 of its 48 numbers are not finite"),
        (0, np.zeros((1, 24, INPUTS), np.int64), "W: must hold floating point numbers, found int64"),
        (0, np.array(["a"], object), "W must be a constant of floating point numbers"),
        (4, np.zeros((HIDDEN + 1, 4), np.float32), r"its weight must have 6 inputs, found shape \[7, 4\]"),
        (5, np.zeros(3, np.float32), r"the bias must have shape \[4\], found \[3\]"),
        (5, np.zeros((1, 4, 1), np.float32), "the bias must have shape"),
    ],
)
def test_tensors_that_do_not_fit_are_told(place, array, match, refused):
    model, scores = simple()
    model.constants[place] = numpy_helper.from_array(array, model.constants[place].name)
    refused(model.content(scores), match)


def test_external_data_is_never_read(refused, tmp_path):
    (tmp_path / "w.bin").write_bytes(bytes(4 * 24 * INPUTS))
    model, scores = simple()
    tensor = model.constants[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="w.bin")
    refused(model.content(scores), "keeps the tensor 'c1' in another file .'w.bin'., which is not read")


def test_tensors_that_claim_more_than_they_hold_are_told(refused):
    for dims in ([1, 24, 10**6], [1, 24, 10**12], [-1, 24, 5], [2**62, 2**62]):
        model, scores = simple()
        del model.constants[0].dims[:]
        model.constants[0].dims.extend(dims)
        refused(model.content(scores), "the tensor 'c1' is damaged")


def test_constants_that_grow_are_refused(refused, monkeypatch):
    monkeypatch.setattr("memramp.models.import_onnx_constants.MAX_NUMBERS", 1_000_000)
    model, scores = simple()
    name = model.constant(np.ones(1024, np.float32))
    for _ in range(30):
        name = model.add("Concat", [name, name], axis=0)
    refused(model.content(scores), "Concat node .* makes a tensor of more than 1000000 numbers")


def test_other_files_are_told(refused):
    model, scores = simple()
    made = model.content(scores, opset=6)
    refused(made, "uses version 6 of ONNX's operators, expected 7 or later")
    for content in (b"", b"\x80\x04", b"not a model", made.SerializeToString()[:500]):
        refused(content, "damaged or no ONNX file")
    refused(helper.make_model(helper.make_graph([], "g", [], [])), "it has no operators")
    empty = Model()
    refused(empty.content(empty.add("Relu", [empty.draw(2)])), "has no LSTM, GRU or RNN node")


def test_mutated_files_never_raise_anything_else(tmp_path):
    rng, path, survived = np.random.default_rng(5), tmp_path / "net.onnx", 0
    model = Model()
    x = model.add("Transpose", [model.add("Gather", [model.draw(9, INPUTS), "x"])], perm=[1, 0, 2])
    y, _ = model.recurrent("GRU", x, linear_before_reset=1, activations=["Sigmoid", "Tanh"])
    turned = model.add("Transpose", [y], perm=[0, 2, 1, 3])
    states = model.add("Reshape", [turned, model.constant([0, 0, -1])])
    last = model.add("Slice", [states, *map(model.constant, ([-1], [2**62], [0]))])
    made = model.content(model.head(last), (STEPS, BATCH), TensorProto.INT64)
    content = np.frombuffer(made.SerializeToString(), np.uint8)
    assert len(content) > GRAPH
    for _ in range(800):
        damaged = content.copy()
        for _ in range(1 + rng.integers(3)):
            damaged[rng.integers(0, GRAPH)] = rng.integers(0, 256)
        path.write_bytes(damaged.tobytes())
        try:
            import_network(path)
            survived += 1
        except InputError:
            pass
    assert 0 < survived < 800
