import numpy as np
import pytest
from networks import random_checkpoint, random_features

from memramp.models.float_network import lstm


def test_float_lstm_equals_torch():
    torch = pytest.importorskip("torch", reason="needs memramp[train]")
    weights = random_checkpoint().lstm
    reference = torch.nn.LSTM(6, 8, batch_first=True, dtype=torch.float64)
    with torch.no_grad():  # torch: [out, in], gates i, f, g, o, two biases that add up
        reference.weight_ih_l0.copy_(torch.from_numpy(weights.weight_x.T))
        reference.weight_hh_l0.copy_(torch.from_numpy(weights.weight_h.T))
        reference.bias_ih_l0.copy_(torch.from_numpy(weights.bias))
        reference.bias_hh_l0.zero_()
        expected = reference(torch.from_numpy(random_features(5).astype(np.float64)))[0].numpy()
    np.testing.assert_allclose(lstm(random_features(5), weights), expected, atol=1e-12)


def test_forget_gate_alone_keeps_the_cell_state_bounded_by_the_input_gate():
    # With i = f = o = 1/2 and g = tanh(1), c follows c' = c/2 + g/2 towards g: checked against the closed form.
    weights = random_checkpoint(inputs=1, hidden=1, classes=2).lstm
    for tensor in (weights.weight_x, weights.weight_h, weights.bias):
        tensor[...] = 0.0
    weights.bias[2] = 1.0
    states = lstm(np.zeros((1, 5, 1)), weights)[0, :, 0]
    cells = np.tanh(1.0) * (1.0 - 0.5 ** np.arange(1, 6))
    np.testing.assert_allclose(states, 0.5 * np.tanh(cells), rtol=1e-12)


def test_stacked_matrix_has_rows_x_h_bias():
    weights = random_checkpoint().lstm
    stacked = weights.stacked()
    assert stacked.shape == (6 + 8 + 1, 32)
    np.testing.assert_array_equal(stacked[6:14], weights.weight_h)
    np.testing.assert_array_equal(stacked[14], weights.bias)
